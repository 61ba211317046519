"""Go: definitions, imports, bindings and calls of one file.

The walk is over statements; `go_expressions` reads the expressions, `go_definitions` the
declarations, `go_types` the types, and `go_locals` says which declaration a name means. Function
literals belong to the declaration around them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import replace
from weakref import proxy

import tree_sitter_go
from tree_sitter import Language as Grammar
from tree_sitter import Node

from agentos_memory.expressions import UNKNOWN, Element, Expression, Item, Literal, Typed
from agentos_memory.languages.collector import MAX_DEPTH, FactCollector
from agentos_memory.languages.declaration import Language
from agentos_memory.languages.go_definitions import DefinitionReader, documented
from agentos_memory.languages.go_expressions import ExpressionReader
from agentos_memory.languages.go_imports import record_imports
from agentos_memory.languages.go_locals import Locals
from agentos_memory.languages.go_types import TypeReader, function_type
from agentos_memory.languages.nodes import node_text, start_line

# Statements with a block of their own for what their heads declare.
BLOCKS = frozenset({
    "block", "if_statement", "for_statement", "expression_switch_statement", "select_statement",
    "expression_case", "default_case", "communication_case", "type_case",
})  # fmt: skip
CONTAINERS = frozenset({"statement_list", "labeled_statement", "for_clause", "ERROR"})
# Expressions stand in these without being passed on.
EVALUATIONS = frozenset({
    "expression_statement", "go_statement", "defer_statement", "inc_statement", "dec_statement",
    "expression_list",
})  # fmt: skip


class FileWalker:
    """Walks one file into a collector."""

    def __init__(self, facts: FactCollector) -> None:
        self._facts = facts
        self._names = Locals()
        self._types = TypeReader(facts, self._names)
        self._definitions = DefinitionReader(facts, self._names, self._types)
        self._reader = ExpressionReader(facts, self._names, self._types, proxy(self))
        self._depth = 0

    def file(self, root: Node) -> None:
        """Record everything in the file."""
        module = self._facts.module
        self._definitions.build_constraint(root.named_children)
        for docstring, node in documented(root.named_children):
            match node.type:
                case "package_clause":
                    self._definitions.package_clause(node, docstring)
                case "import_declaration":
                    record_imports(node, self._facts)
                case "function_declaration" | "method_declaration":
                    self._function(node, docstring)
                case "type_declaration":
                    self._types_of(node, module, docstring)
                case "var_declaration" | "const_declaration":
                    self._package_variables(node, docstring)
                case "ERROR":
                    self._broken(node)
                case _:
                    self._walk(node, module)

    def _broken(self, node: Node) -> None:
        # What stands in a broken stretch may be whole declarations.
        if self._depth < MAX_DEPTH:
            self._depth += 1
            self.file(node)
            self._depth -= 1

    def _function(self, node: Node, docstring: str) -> None:
        with self._names.block():
            qualified_name = self._definitions.function(node, docstring)
            body = node.child_by_field_name("body")
            if qualified_name and body is not None:
                self._walk_children(body, qualified_name)

    def function_literal(self, node: Node, scope: str) -> Expression:
        """Walk a function literal in a scope and give its type."""
        parameters = self._types.parameters(node, scope)
        results = self._types.results(node, scope)
        body = node.child_by_field_name("body")
        with self._names.block():
            declared = [*parameters, *results]
            self._definitions.declare_parameters(declared, scope, start_line(node))
            if body is not None:
                self._walk_children(body, scope)
        return function_type(parameters, results)

    def _walk(self, node: Node, scope: str) -> None:
        if self._depth > MAX_DEPTH:
            return
        self._depth += 1
        try:
            walker = _WALKERS.get(node.type)
            if walker is not None:
                walker(self, node, scope)
            else:
                self._reader.read(node, scope)
        finally:
            self._depth -= 1

    def _block(self, node: Node, scope: str) -> None:
        with self._names.block():
            self._walk_children(node, scope)

    def _evaluations(self, node: Node, scope: str) -> None:
        for child in node.named_children:
            self._reader.read(child, scope)

    def _walk_children(self, node: Node, scope: str) -> None:
        for child in node.named_children:
            self._walk(child, scope)

    def _short_declaration(self, node: Node, scope: str) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None:
            self._declare(left.named_children, self._reader.values(right, scope), scope)

    def _declare(self, targets: Sequence[Node], values: Sequence[Expression], scope: str) -> None:
        names = [each for each in targets if each.type != "comment"]
        if len(values) == 1 and len(names) > 1:
            values = [Item(values[0], index) for index in range(len(names))]
        for index, target in enumerate(names):
            name = node_text(target)
            if target.type != "identifier" or name == "_" or self._names.is_declared_here(name):
                continue
            value = values[index] if index < len(values) else UNKNOWN
            self._definitions.local(name, value, scope, start_line(target))

    def _local_declaration(self, node: Node, scope: str) -> None:
        implied: Node | None = None
        for spec in _specs(node):
            declared, value = spec.child_by_field_name("type"), spec.child_by_field_name("value")
            values = self._reader.values(value, scope) if value is not None else []
            if spec.type == "const_spec":
                # Constants after the first repeat its type.
                implied = declared if value is not None else implied
                declared = declared or implied
            names = spec.children_by_field_name("name")
            if declared is None:
                self._declare(names, values, scope)
                continue
            stated = self._types.read(declared, scope)
            for name in names:
                if name.type == "identifier" and node_text(name) != "_":
                    self._definitions.local(
                        node_text(name), stated, scope, start_line(name), is_annotation=True
                    )

    def _package_variables(self, node: Node, docstring: str) -> None:
        implied: Node | None = None
        word = "const" if node.type == "const_declaration" else "var"
        for own, spec in _documented_specs(node, docstring):
            declared, value = spec.child_by_field_name("type"), spec.child_by_field_name("value")
            if spec.type == "const_spec":
                implied = declared if value is not None else implied
                declared = declared or implied
            names = spec.children_by_field_name("name")
            found = self._definitions.variables(
                spec, [name for name in names if name.is_named], own, word
            )
            scope = found[0][1] if found else self._facts.module
            values = self._reader.values(value, scope) if value is not None else []
            stated = self._types.read(declared, scope) if declared is not None else None
            self._bind_package_variables(found, values, stated, start_line(spec), scope)

    def _bind_package_variables(
        self,
        names: Sequence[tuple[str, str]],
        values: Sequence[Expression],
        stated: Expression | None,
        line: int,
        scope: str,
    ) -> None:
        if len(values) == 1 and len(names) > 1:
            values = [Item(values[0], index) for index in range(len(names))]
        for index, (name, _) in enumerate(names):
            value = values[index] if index < len(values) else Literal("int")
            if name != "_":
                self._facts.bind(
                    self._facts.module,
                    name,
                    value if stated is None else stated,
                    line,
                    evaluated_in=scope,
                    is_annotation=stated is not None,
                )

    def _type_declaration(self, node: Node, scope: str) -> None:
        self._types_of(node, scope, "")

    def _types_of(self, node: Node, scope: str, docstring: str) -> None:
        for own, spec in _documented_specs(node, docstring):
            if spec.type in ("type_spec", "type_alias"):
                self._definitions.type_spec(spec, scope, own)

    def _assignment(self, node: Node, scope: str) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if right is not None:
            self._reader.values(right, scope)
        for target in left.named_children if left is not None else []:
            if target.type != "identifier":
                self._reader.read(target, scope)

    def _range(self, node: Node, scope: str) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        element: Expression = UNKNOWN
        if right is not None:
            element = Element(self._reader.read(right, scope))
        if left is not None and any(child.type == ":=" for child in node.children):
            names = left.named_children
            self._declare(names, [Item(element, i) for i in range(len(names))], scope)

    def _receive(self, node: Node, scope: str) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        value = self._reader.read(right, scope) if right is not None else UNKNOWN
        if left is not None and any(child.type == ":=" for child in node.children):
            self._declare(left.named_children, [value], scope)

    def _type_switch(self, node: Node, scope: str) -> None:
        with self._names.block():
            initializer = node.child_by_field_name("initializer")
            if initializer is not None:
                self._walk(initializer, scope)
            value = node.child_by_field_name("value")
            switched = self._reader.read(value, scope) if value is not None else UNKNOWN
            alias = node.child_by_field_name("alias")
            name = node_text(alias) if alias is not None else ""
            for child in node.named_children:
                if child.type in ("type_case", "default_case"):
                    self._type_case(child, name, switched, scope)

    def _type_case(self, node: Node, name: str, switched: Expression, scope: str) -> None:
        cases = node.children_by_field_name("type")
        read = [self._types.read(each, scope) for each in cases if each.is_named]
        with self._names.block():
            if name:
                # With several types, or nil, the variable keeps the type of what is switched.
                value = Typed(read[0]) if len(read) == 1 and read[0] != UNKNOWN else switched
                self._definitions.local(name, value, scope, start_line(node))
            for child in node.named_children:
                if child.type == "statement_list":
                    self._walk(child, scope)

    def _return(self, node: Node, scope: str) -> None:
        for child in node.named_children:
            if child.type != "comment":
                self._reader.values(child, scope)

    def _send(self, node: Node, scope: str) -> None:
        channel, value = node.child_by_field_name("channel"), node.child_by_field_name("value")
        if channel is not None:
            self._reader.read(channel, scope)
        if value is not None:
            self._reader.value(value, scope)


# Of the class and not of its instances, which would hold themselves alive by their own methods.
_WALKERS: MappingType[str, Callable[[FileWalker, Node, str], None]] = {
    "short_var_declaration": FileWalker._short_declaration,
    "var_declaration": FileWalker._local_declaration,
    "const_declaration": FileWalker._local_declaration,
    "type_declaration": FileWalker._type_declaration,
    "assignment_statement": FileWalker._assignment,
    "range_clause": FileWalker._range,
    "receive_statement": FileWalker._receive,
    "type_switch_statement": FileWalker._type_switch,
    "return_statement": FileWalker._return,
    "send_statement": FileWalker._send,
    "comment": lambda walker, node, scope: None,
    **dict.fromkeys(BLOCKS, FileWalker._block),
    **dict.fromkeys(CONTAINERS, FileWalker._walk_children),
    **dict.fromkeys(EVALUATIONS, FileWalker._evaluations),
}


def _specs(node: Node) -> list[Node]:
    return [spec for _, spec in _documented_specs(node, "")]


def _documented_specs(node: Node, docstring: str) -> list[tuple[str, Node]]:
    """The specs of a declaration with their documentation; a lone spec has the declaration's."""
    found: list[tuple[str, Node]] = []
    for own, child in documented(node.named_children):
        if child.type == "var_spec_list":
            found += documented(child.named_children)
        else:
            found.append((own, child))
    return [(own or docstring if len(found) == 1 else own, spec) for own, spec in found]


def extract(root: Node, facts: FactCollector) -> None:
    """Fill `facts` from the root node of a Go file."""
    FileWalker(facts).file(root)
    # A method's type may be declared in another file of the package.
    defined = {symbol.qualified_name for symbol in facts.symbols}
    for index, symbol in enumerate(facts.symbols):
        if symbol.kind == "method" and symbol.parent not in defined:
            facts.symbols[index] = replace(symbol, parent=facts.module)


def _load_grammar() -> Grammar:
    return Grammar(tree_sitter_go.language())


GO = Language(
    name="go",
    suffixes=(".go",),
    load_grammar=_load_grammar,
    extract=extract,
    module_separator=":",
    dotted_modules=False,
)
