"""TypeScript, TSX and JavaScript: definitions, imports, bindings and calls of one module.

All are parsed with the tsx grammar, a superset that fails only on angle-bracket casts.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as MappingType

import tree_sitter_typescript
from tree_sitter import Language as Grammar
from tree_sitter import Node

from agentos_memory.expressions import UNKNOWN, Element, Expression, Name, Typed
from agentos_memory.languages.collector import (
    MAX_DEPTH,
    FactCollector,
    OpenFunction,
    Scope,
    Span,
)
from agentos_memory.languages.declaration import Language
from agentos_memory.languages.nodes import end_line, header_text, node_text, start_line
from agentos_memory.languages.typescript_definitions import (
    FUNCTION_VALUES,
    documentation_of,
    heritage,
    modifiers,
    parameter_properties,
)
from agentos_memory.languages.typescript_expressions import ExpressionReader
from agentos_memory.languages.typescript_modules import (
    record_import,
    record_reexport,
    record_require,
)
from agentos_memory.languages.typescript_types import read_type
from agentos_memory.model import ClassFacts, FunctionFacts, SymbolKind


class StatementWalker:
    """Walks the statements of one module into a collector."""

    def __init__(self, facts: FactCollector) -> None:
        self._facts = facts
        self._reader = ExpressionReader(facts, self.walk)
        self._depth = 0
        facts.open_functions.append(OpenFunction())
        self._walkers: MappingType[str, Callable[[Node, Scope], None]] = {
            "import_statement": lambda n, s: record_import(n, s, facts),
            "export_statement": self._export,
            "lexical_declaration": self._declaration,
            "variable_declaration": self._declaration,
            "function_declaration": self._function,
            "generator_function_declaration": self._function,
            "function_signature": self._function,
            "class_declaration": self._class,
            "abstract_class_declaration": self._class,
            "class": self._class,
            "interface_declaration": self._class,
            "method_definition": self._function,
            "method_signature": self._function,
            "abstract_method_signature": self._function,
            "public_field_definition": self._field,
            "property_signature": self._field,
            "field_definition": self._field,
            "type_alias_declaration": self._type_alias,
            "enum_declaration": self._enum,
            "return_statement": self._return,
            "for_in_statement": self._for_in,
        }

    def walk(self, node: Node, scope: Scope) -> None:
        """Record what the statement or block at `node` holds; broken code is walked through."""
        if self._depth > MAX_DEPTH:
            return
        self._depth += 1
        try:
            walker = self._walkers.get(node.type)
            if walker is not None:
                walker(node, scope)
                return
            for child in node.named_children:
                if child.type in self._walkers or child.type in BLOCKS:
                    self.walk(child, scope)
                else:
                    self._reader.read(child, scope)
        finally:
            self._depth -= 1

    def _export(self, node: Node, scope: Scope) -> None:
        if node.child_by_field_name("source") is not None:
            record_reexport(node, scope, self._facts)
            return
        declaration = node.child_by_field_name("declaration")
        value = node.child_by_field_name("value")
        is_default = any(child.type == "default" for child in node.children)
        if declaration is not None:
            self.walk(declaration, scope)
            name = declaration.child_by_field_name("name")
            if is_default and name is not None:
                self._bind_default(Name(node_text(name)), node, scope)
        elif value is not None:
            if value.type in FUNCTION_VALUES:
                self._define_function(value, "default", node, scope)
            else:
                self._bind_default(self._reader.read(value, scope), node, scope)
        else:
            record_reexport(node, scope, self._facts)

    def _bind_default(self, value: Expression, node: Node, scope: Scope) -> None:
        self._facts.bind(scope.qualified_name, "default", value, start_line(node))

    def _declaration(self, node: Node, scope: Scope) -> None:
        for declarator in node.named_children:
            name = declarator.child_by_field_name("name")
            if declarator.type == "variable_declarator" and name is not None:
                self._declarator(declarator, name, scope)

    def _declarator(self, node: Node, name: Node, scope: Scope) -> None:
        declared, value = node.child_by_field_name("type"), node.child_by_field_name("value")
        is_plain = name.type == "identifier"
        if value is not None and value.type in FUNCTION_VALUES and is_plain:
            self._define_function(value, node_text(name), node, scope)
            return
        if value is not None and value.type == "class" and is_plain:
            self._define_class(value, node_text(name), scope)
            return
        if value is not None and record_require(value, name, scope, self._facts):
            return
        expression = self._reader.read(value, scope) if value is not None else UNKNOWN
        if declared is not None:
            self._reader.bind_target(name, Typed(read_type(declared)), scope)
        self._facts.mention(scope, expression, start_line(node))
        self._reader.bind_target(name, expression, scope)
        if scope.kind == "module" and is_plain:
            span = Span(start_line(node), end_line(node), start_line(name))
            signature = " ".join(node_text(node).split())[:200]
            self._facts.define(scope, node_text(name), "variable", span, signature=signature)

    def _function(self, node: Node, scope: Scope) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            self._define_function(node, node_text(name), node, scope)

    def _define_function(self, node: Node, name: str, whole: Node, scope: Scope) -> None:
        body = node.child_by_field_name("body")
        marks = modifiers(whole)
        qualified_name = self._facts.define(
            scope,
            name,
            "method" if scope.kind == "class" else "function",
            Span(start_line(whole), end_line(whole), start_line(whole)),
            signature=_without_arrow(header_text(whole, body)),
            docstring=documentation_of(whole),
            decorators=marks,
        )
        owner = scope.qualified_name if scope.kind == "class" else scope.self_class
        inner = Scope(qualified_name, "function", "this", owner)
        with self._reader.shadowing():
            parameters = self._reader.parameter_values(node, scope)
            for parameter, value in parameters:
                self._facts.bind(
                    qualified_name,
                    parameter,
                    value,
                    start_line(node),
                    evaluated_in=scope.qualified_name,
                )
            if name == "constructor":
                self._bind_parameter_properties(node, scope)
            opened = self._walk_body(body, inner)
        declared = node.child_by_field_name("return_type")
        self._facts.functions.append(
            FunctionFacts(
                qualified_name,
                start_line(whole),
                tuple(parameter for parameter, _ in parameters),
                marks,
                read_type(declared) if declared is not None else None,
                tuple(opened.returned),
                (),
            )
        )

    def _walk_body(self, body: Node | None, scope: Scope) -> OpenFunction:
        opened = OpenFunction()
        self._facts.open_functions.append(opened)
        if body is not None and body.type == "statement_block":
            self.walk(body, scope)
        elif body is not None:
            opened.returned.append(self._reader.read(body, scope))
        self._facts.open_functions.pop()
        return opened

    def _bind_parameter_properties(self, node: Node, scope: Scope) -> None:
        for name, declared in parameter_properties(node):
            self._facts.bind(
                scope.qualified_name,
                name,
                Typed(read_type(declared)),
                start_line(declared),
                on_instance=True,
            )

    def _class(self, node: Node, scope: Scope) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            self._define_class(node, node_text(name), scope)

    def _define_class(self, node: Node, name: str, scope: Scope) -> None:
        body = node.child_by_field_name("body")
        bases = heritage(node)
        kind: SymbolKind = "interface" if node.type == "interface_declaration" else "class"
        qualified_name = self._facts.define(
            scope,
            name,
            kind,
            Span(start_line(node), end_line(node), start_line(node)),
            signature=header_text(node, body),
            docstring=documentation_of(node),
            bases=[text for text, _ in bases],
        )
        values = tuple(value for _, value in bases)
        self._facts.classes.append(ClassFacts(qualified_name, start_line(node), values))
        if body is not None:
            self.walk(body, Scope(qualified_name, "class", None, qualified_name))

    def _field(self, node: Node, scope: Scope) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        declared = node.child_by_field_name("type")
        if name is None:
            return
        if value is not None and value.type in FUNCTION_VALUES:
            self._define_function(value, node_text(name), node, scope)
            return
        expressions: list[Expression] = []
        if declared is not None:
            expressions.append(Typed(read_type(declared)))
        if value is not None:
            expressions.append(self._reader.read(value, scope))
        for expression in expressions:
            self._facts.bind(
                scope.qualified_name,
                node_text(name),
                expression,
                start_line(node),
                on_instance=True,
            )

    def _type_alias(self, node: Node, scope: Scope) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None or value is None:
            return
        span = Span(start_line(node), end_line(node), start_line(name))
        signature = " ".join(node_text(node).split())
        self._facts.define(
            scope,
            node_text(name),
            "type",
            span,
            signature=signature,
            docstring=documentation_of(node),
        )
        self._facts.bind(scope.qualified_name, node_text(name), read_type(value), start_line(node))

    def _enum(self, node: Node, scope: Scope) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            span = Span(start_line(node), end_line(node), start_line(name))
            signature = header_text(node, node.child_by_field_name("body"))
            self._facts.define(scope, node_text(name), "enum", span, signature=signature)

    def _return(self, node: Node, scope: Scope) -> None:
        for child in node.named_children:
            value = self._reader.read(child, scope)
            self._facts.mention(scope, value, start_line(child))
            self._facts.open_functions[-1].returned.append(value)

    def _for_in(self, node: Node, scope: Scope) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None:
            iterable = self._reader.read(right, scope)
            is_of = any(child.type == "of" for child in node.children)
            self._reader.bind_target(left, Element(iterable) if is_of else UNKNOWN, scope)
        body = node.child_by_field_name("body")
        if body is not None:
            self.walk(body, scope)


BLOCKS = frozenset(
    {
        "program",
        "ERROR",
        "statement_block",
        "class_body",
        "interface_body",
        "object_type",
        "internal_module",
        "module",
        "ambient_declaration",
        "expression_statement",
        "if_statement",
        "else_clause",
        "for_statement",
        "while_statement",
        "do_statement",
        "try_statement",
        "catch_clause",
        "finally_clause",
        "switch_statement",
        "switch_body",
        "switch_case",
        "switch_default",
        "labeled_statement",
        "throw_statement",
        "class_static_block",
    }
)


def _without_arrow(signature: str) -> str:
    return signature.removesuffix(">").rstrip(" =") if signature.endswith("=>") else signature


def extract(root: Node, facts: FactCollector) -> None:
    """Fill `facts` from the root node of a TypeScript or JavaScript module."""
    StatementWalker(facts).walk(root, Scope(facts.module, "module"))


def _load_grammar() -> Grammar:
    return Grammar(tree_sitter_typescript.language_tsx())


TYPESCRIPT = Language(
    name="typescript",
    suffixes=(".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs"),
    load_grammar=_load_grammar,
    extract=extract,
    module_separator=":",
    dotted_modules=False,
)
