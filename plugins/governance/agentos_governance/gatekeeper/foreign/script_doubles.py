"""What tests of JavaScript and TypeScript put in the place of the real thing, and where names come from.

Above: scripts, setup_files. Below: syntax_trees.
"""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from agentos_governance.gatekeeper.cases import Replaced
from agentos_governance.gatekeeper.foreign.syntax_trees import line_of, one_line, text, walk

_MOCKS = frozenset({"jest.mock", "vi.mock", "jest.doMock", "vi.doMock", "jest.unstable_mockModule",
                    "mock.module", "jest.setMock"})  # fmt: skip
_SPIES = frozenset({"jest.spyOn", "vi.spyOn", "sinon.stub", "jest.replaceProperty", "mock.method"})
_ANSWERS = (
    "mockReturnValue",
    "mockImplementation",
    "mockResolvedValue",
    "returns",
    "callsFake",
    "resolves",
)


def sources_in(root: Node) -> dict[str, str]:
    """The module that each imported name comes from; names of `import * as` as well."""
    found: dict[str, str] = {}
    for each in walk(root):
        if each.type == "import_statement":
            source = text(each.child_by_field_name("source")).strip("\"'`")
            clause = next((c for c in each.named_children if c.type == "import_clause"), None)
            for part in walk(clause) if clause is not None else ():
                if part.type == "identifier":
                    found[text(part)] = source
        elif each.type == "variable_declarator":
            value = each.child_by_field_name("value")
            source = _source_of(one_line(value), found)
            if source:
                for part in walk(each.child_by_field_name("name") or each):
                    if part.type in {"identifier", "shorthand_property_identifier_pattern"}:
                        found[text(part)] = source
    return found


def _source_of(value: str, known: dict[str, str]) -> str:
    """The module behind `require("...")`, and behind what is taken out of an imported module."""
    if value.startswith("require("):
        return value.partition("(")[2].rstrip(")").strip("\"'`")
    return known.get(value, "")


def replaced_in(root: Node) -> Iterator[Replaced]:
    """Modules that `jest.mock` and its kin replace, and modules of which a spy answers for a part."""
    sources: dict[str, str] | None = None
    for each in walk(root):
        if each.type != "call_expression":
            continue
        name = one_line(each.child_by_field_name("function"))
        arguments = each.child_by_field_name("arguments")
        given = arguments.named_children if arguments else []
        if name in _MOCKS and len(given) > 1:
            yield Replaced(text(given[0]).strip("\"'`"), line_of(each))
        elif name in _SPIES and len(given) > 1 and _answers(each):
            sources = sources_in(root) if sources is None else sources
            source = sources.get(one_line(given[0]))
            if source is not None:
                yield Replaced(f"{source} {text(given[1]).strip(chr(34) + chr(39))}", line_of(each))


def _answers(spy: Node) -> bool:
    """Whether a spy does something of its own; one that only looks replaces nothing."""
    above = spy.parent
    if above is None or above.type != "member_expression":
        return False
    return text(above.child_by_field_name("property")).startswith(_ANSWERS)
