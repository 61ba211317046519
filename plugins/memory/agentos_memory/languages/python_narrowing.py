"""What `isinstance` says about the type of a name.

Above: the reader of expressions. Below: expressions.
"""

from __future__ import annotations

from collections.abc import Sequence as SequenceType

from tree_sitter import Node

from agentos_memory.expressions import Choice, Expression, Name, Sequence
from agentos_memory.languages.collector import FactCollector, Scope
from agentos_memory.languages.nodes import start_line


def bind_tested(
    called: Expression,
    arguments: SequenceType[Expression],
    node: Node,
    scope: Scope,
    facts: FactCollector,
) -> None:
    """Bind the name that a call of `isinstance` tests, in a function, to the types tested for.

    `node` is where the `arguments` stand.
    """
    if type(called) is not Name or len(arguments) != 2 or scope.kind != "function":
        return
    subject, tested = arguments
    if isinstance(subject, Name):
        types = tested.elements if isinstance(tested, Sequence) else (tested,)
        facts.bind(
            scope.qualified_name,
            subject.identifier,
            Choice(types),
            start_line(node),
            is_annotation=True,
        )
