"""Python: definitions, imports, bindings and calls of one module.

The walk is over statements; `python_expressions` reads the expressions and `python_definitions`
the headers of functions and classes.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as MappingType

from tree_sitter import Node

from agentos_memory.expressions import (
    Choice,
    Element,
    Entered,
    Name,
    Sequence,
)
from agentos_memory.languages.collector import (
    MAX_DEPTH,
    FactCollector,
    OpenFunction,
    Scope,
    Span,
)
from agentos_memory.languages.declaration import Language
from agentos_memory.languages.nodes import end_line, start_line
from agentos_memory.languages.python_assignments import Assignments
from agentos_memory.languages.python_definitions import (
    Decorators,
    bind_parameters,
    docstring_of,
    header_text,
    read_bases,
    read_decorators,
    receiver_types,
)
from agentos_memory.languages.python_expressions import ExpressionReader
from agentos_memory.languages.python_grammar import (
    AS_PATTERN,
    ASSIGNMENT,
    BLOCK,
    CLASS_DEFINITION,
    COMMENT,
    ERROR,
    EXPRESSION_STATEMENT,
    FIELD_ALIAS,
    FIELD_BODY,
    FIELD_DEFINITION,
    FIELD_LEFT,
    FIELD_NAME,
    FIELD_RETURN_TYPE,
    FIELD_RIGHT,
    FIELD_VALUE,
    SourceText,
    kind_id,
    kind_ids,
    load_grammar,
)
from agentos_memory.languages.python_imports import record_import, record_import_from
from agentos_memory.model import ClassFacts, FunctionFacts

# What `def method(self: T) -> T` declares.
SELF_TYPE = Name("Self")


class StatementWalker:
    """Walks the statements of one module into a collector."""

    def __init__(self, facts: FactCollector, source: SourceText) -> None:
        self._facts = facts
        self._source = source
        self._reader = ExpressionReader(facts, source)
        self._depth = 0
        self._assignments = Assignments(facts, source, self._reader)

    def walk(self, node: Node, scope: Scope) -> None:
        """Record what the statement or block at `node` holds; broken code is walked through."""
        walker = _WALKERS.get(node.kind_id)
        if walker is not None:
            walker(self, node, scope)
        else:
            self._walk_children(node, scope)

    def _walk_children(self, node: Node, scope: Scope) -> None:
        if self._depth > MAX_DEPTH:
            return
        self._depth += 1
        walkers, read = _WALKERS, self._reader.read
        for child in node.named_children:
            kind = child.kind_id
            if kind == EXPRESSION_STATEMENT:
                self._expression_statement(child, scope)
            elif kind in BLOCKS:
                self._walk_children(child, scope)
            elif kind in walkers:
                walkers[kind](self, child, scope)
            elif kind != COMMENT:
                read(child, scope)
        self._depth -= 1

    def _decorated(self, node: Node, scope: Scope) -> None:
        definition = node.child_by_field_id(FIELD_DEFINITION)
        name = definition.child_by_field_id(FIELD_NAME) if definition is not None else None
        decorated = self._facts.qualify(scope, self._source.of(name)) if name is not None else ""
        decorators = read_decorators(node, scope, decorated, self._reader)
        if definition is not None and definition.kind_id == CLASS_DEFINITION:
            self._class(definition, scope, node, decorators)
        elif definition is not None:
            self._function(definition, scope, node, decorators)

    def _function(
        self,
        node: Node,
        scope: Scope,
        outer: Node | None = None,
        decorators: Decorators = (),
    ) -> None:
        name_node, body = node.child_by_field_id(FIELD_NAME), node.child_by_field_id(FIELD_BODY)
        if name_node is None:
            return
        qualified_name = self._facts.define(
            scope,
            self._source.of(name_node),
            "method" if scope.kind == "class" else "function",
            Span(start_line(outer or node), end_line(node), start_line(name_node)),
            signature=header_text(node, body, self._source),
            docstring=docstring_of(body, self._source),
            decorators=decorators,
        )
        parameters = bind_parameters(node, scope, qualified_name, decorators, self._reader)
        inner = self._inner_scope(scope, qualified_name, parameters, decorators)
        returns = node.child_by_field_id(FIELD_RETURN_TYPE)
        declared = self._reader.annotation(returns, scope) if returns is not None else None
        if declared is not None and declared in receiver_types(node, scope, self._reader):
            declared = SELF_TYPE
        opened = OpenFunction()
        self._facts.open_functions.append(opened)
        if body is not None:
            self.walk(body, inner)
        self._facts.open_functions.pop()
        self._facts.functions.append(
            FunctionFacts(
                qualified_name,
                start_line(name_node),
                parameters,
                tuple(decorators),
                declared,
                tuple(opened.returned),
                tuple(opened.yielded),
            )
        )

    def _inner_scope(
        self, scope: Scope, qualified_name: str, parameters: tuple[str, ...], names: Decorators
    ) -> Scope:
        if scope.kind == "class":
            instance = parameters[0] if parameters and "staticmethod" not in names else None
            return Scope(qualified_name, "function", instance, scope.qualified_name)
        shadowed = scope.self_name in parameters
        return Scope(
            qualified_name, "function", None if shadowed else scope.self_name, scope.self_class
        )

    def _class(
        self,
        node: Node,
        scope: Scope,
        outer: Node | None = None,
        decorators: Decorators = (),
    ) -> None:
        name_node, body = node.child_by_field_id(FIELD_NAME), node.child_by_field_id(FIELD_BODY)
        if name_node is None:
            return
        bases = read_bases(node, scope, self._reader)
        qualified_name = self._facts.define(
            scope,
            self._source.of(name_node),
            "class",
            Span(start_line(outer or node), end_line(node), start_line(name_node)),
            signature=header_text(node, body, self._source),
            docstring=docstring_of(body, self._source),
            bases=[text for text, _ in bases],
            decorators=decorators,
        )
        values = tuple(value for _, value in bases)
        self._facts.classes.append(ClassFacts(qualified_name, start_line(name_node), values))
        if body is not None:
            self.walk(body, Scope(qualified_name, "class"))

    def _import(self, node: Node, scope: Scope) -> None:
        record_import(node, scope, self._facts, self._source)

    def _import_from(self, node: Node, scope: Scope) -> None:
        record_import_from(node, scope, self._facts, self._source)

    def _case_pattern(self, node: Node, scope: Scope) -> None:
        """Patterns hold no calls but of classes, which match makes none of."""

    def _expression_statement(self, node: Node, scope: Scope) -> None:
        for child in node.named_children:
            if child.kind_id == ASSIGNMENT:
                self._assignments.read(child, scope)
            else:
                self._reader.read(child, scope)

    def _return(self, node: Node, scope: Scope) -> None:
        for child in node.named_children:
            value = self._reader.read(child, scope)
            self._reader.mention(value, child, scope.qualified_name)
            if self._facts.open_functions:
                self._facts.open_functions[-1].returned.append(value)

    def _for(self, node: Node, scope: Scope) -> None:
        left, right = node.child_by_field_id(FIELD_LEFT), node.child_by_field_id(FIELD_RIGHT)
        if left is not None and right is not None:
            self._assignments.bind(left, Element(self._reader.read(right, scope)), scope)
        for child in node.named_children:
            if child not in (left, right):
                self.walk(child, scope)

    def _with_item(self, node: Node, scope: Scope) -> None:
        value = node.child_by_field_id(FIELD_VALUE)
        if value is None:
            return
        if value.kind_id != AS_PATTERN:
            self._reader.read(value, scope)
            return
        context, *_ = value.named_children
        entered = Entered(self._reader.read(context, scope))
        target = value.child_by_field_id(FIELD_ALIAS)
        for child in target.named_children if target is not None else []:
            self._assignments.bind(child, entered, scope)

    def _except(self, node: Node, scope: Scope) -> None:
        for child in node.named_children:
            if child.kind_id != AS_PATTERN:
                self.walk(child, scope) if child.kind_id == BLOCK else self._reader.read(
                    child, scope
                )
                continue
            caught = self._reader.read(child.named_children[0], scope)
            types = caught.elements if isinstance(caught, Sequence) else (caught,)
            target = child.child_by_field_id(FIELD_ALIAS)
            for name in target.named_children if target is not None else []:
                self._assignments.bind(name, Choice(types), scope, is_annotation=True)

    def _global(self, node: Node, scope: Scope) -> None:
        self._assignments.declare_globals(node, scope)

    def _type_alias(self, node: Node, scope: Scope) -> None:
        left, right = node.child_by_field_id(FIELD_LEFT), node.child_by_field_id(FIELD_RIGHT)
        if left is None or right is None:
            return
        name = self._source.of(left).split("[")[0]
        value = self._reader.annotation(right, scope)
        self._facts.bind(scope.qualified_name, name, value, start_line(node))
        span = Span(start_line(node), end_line(node), start_line(node))
        self._facts.define(scope, name, "type", span, signature=self._source.of(node))


# Of the class and not of its instances, which would hold themselves alive by their own methods.
_WALKERS: MappingType[int, Callable[[StatementWalker, Node, Scope], None]] = {
    kind_id(name): walk
    for name, walk in {
        "function_definition": StatementWalker._function,
        "class_definition": StatementWalker._class,
        "decorated_definition": StatementWalker._decorated,
        "import_statement": StatementWalker._import,
        "import_from_statement": StatementWalker._import_from,
        "expression_statement": StatementWalker._expression_statement,
        "return_statement": StatementWalker._return,
        "for_statement": StatementWalker._for,
        "with_item": StatementWalker._with_item,
        "except_clause": StatementWalker._except,
        "global_statement": StatementWalker._global,
        "type_alias_statement": StatementWalker._type_alias,
        "case_pattern": StatementWalker._case_pattern,
    }.items()
}
BLOCKS = kind_ids(
    "block",
    "module",
    "if_statement",
    "elif_clause",
    "else_clause",
    "while_statement",
    "try_statement",
    "finally_clause",
    "with_statement",
    "with_clause",
    "match_statement",
    "case_clause",
    "raise_statement",
    "assert_statement",
    "delete_statement",
) | {ERROR}


def extract(root: Node, facts: FactCollector) -> None:
    """Fill `facts` from the root node of a Python module."""
    source = SourceText(root)
    facts.module_docstring = docstring_of(root, source)
    StatementWalker(facts, source).walk(root, Scope(facts.module, "module"))


PYTHON = Language(
    name="python",
    suffixes=(".py", ".pyi"),
    load_grammar=load_grammar,
    extract=extract,
    module_separator=".",
    dotted_modules=True,
    imports="python",
)
