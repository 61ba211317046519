"""TypeScript, TSX and JavaScript: definitions, imports, bindings and calls of one module.

All are parsed with the tsx grammar, a superset that fails only on angle-bracket casts.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as MappingType
from dataclasses import replace

import tree_sitter_typescript
from tree_sitter import Language as Grammar
from tree_sitter import Node

from agentos_memory.expressions import UNKNOWN, Call, Element, Expression, Generic, Name, Typed
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
    BLOCKS,
    FUNCTION_VALUES,
    documentation_of,
    heritage,
    modifiers,
    parameter_properties,
)
from agentos_memory.languages.typescript_expressions import ExpressionReader
from agentos_memory.languages.typescript_members import parameter_names
from agentos_memory.languages.typescript_modules import (
    record_import,
    record_reexport,
    record_require,
)
from agentos_memory.languages.typescript_types import (
    CALL_SIGNATURE,
    function_type,
    read_type,
    read_type_parameters,
)
from agentos_memory.model import ClassFacts, FunctionFacts, SymbolKind


class StatementWalker:
    """Walks the statements of one module into a collector."""

    def __init__(self, facts: FactCollector) -> None:
        self._facts = facts
        self._reader = ExpressionReader(facts, self)
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
            "call_signature": self._call_signature,
            "construct_signature": lambda node, scope: None,
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
            elif value.type == "class":
                self._define_class(value, "default", scope)
            else:
                read = self._reader.read(value, scope, label="default")
                self._facts.mention(scope, read, start_line(value))
                self._bind_default(read, node, scope)
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
        value = node.child_by_field_name("value")
        declared = self._declared(node)
        is_plain = name.type == "identifier"
        if value is not None and value.type in FUNCTION_VALUES and is_plain:
            self._define_function(value, node_text(name), node, scope, declared)
            return
        if value is not None and value.type == "class" and is_plain:
            self._define_class(value, node_text(name), scope)
            return
        if value is not None and record_require(value, name, scope, self._facts):
            return
        label = node_text(name) if is_plain else None
        expression: Expression = UNKNOWN
        if value is not None:
            expression = self._reader.read(value, scope, declared, label)
        self._facts.mention(scope, expression, start_line(node))
        self._reader.bind_target(name, declared or expression, scope)
        if scope.kind == "module" and is_plain:
            span = Span(start_line(node), end_line(node), start_line(name))
            signature = " ".join(node_text(node).split())[:200]
            self._facts.define(scope, node_text(name), "variable", span, signature=signature)

    def _function(self, node: Node, scope: Scope) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            self._define_function(node, node_text(name), node, scope)

    def define_member(
        self, node: Node, name: str, whole: Node, scope: Scope, expected: Expression | None
    ) -> str:
        """Record a function that an object literal names, and give its qualified name.

        `name` is the way to it from what holds the object; no bare name reaches it.
        """
        position = len(self._facts.symbols)
        qualified_name = self._define_function(node, name, whole, scope, expected)
        symbol = self._facts.symbols[position]
        last = name.rpartition(".")[2]
        self._facts.symbols[position] = replace(symbol, name=last, kind="method")
        return qualified_name

    def _declared(self, node: Node) -> Expression | None:
        declared = node.child_by_field_name("type")
        if declared is None:
            return None
        return Typed(self._reader.context.bounded(read_type(declared)))

    def _define_function(
        self,
        node: Node,
        name: str,
        whole: Node,
        scope: Scope,
        expected: Expression | None = None,
    ) -> str:
        body = node.child_by_field_name("body")
        marks = modifiers(whole)
        named = whole.child_by_field_name("name") or whole
        qualified_name = self._facts.define(
            scope,
            name,
            "method" if scope.kind == "class" else "function",
            Span(start_line(whole), end_line(whole), start_line(named)),
            signature=_without_arrow(header_text(whole, body)),
            docstring=documentation_of(whole),
            decorators=marks,
        )
        owner = scope.qualified_name if scope.kind == "class" else scope.self_class
        inner = Scope(qualified_name, "function", "this", owner)
        with self._reader.context.function(node, expected):
            self._bind_parameters(node, qualified_name, scope, expected)
            if name == "constructor":
                self._bind_parameter_properties(node, scope)
            opened = self._walk_body(body, inner)
            result = node.child_by_field_name("return_type")
            declared = read_type(result) if result is not None else None
            if declared is not None:
                declared = self._reader.context.bounded(declared)
        if declared is None and expected is not None:
            opened.returned.append(Call(expected))
        self._facts.functions.append(
            FunctionFacts(
                qualified_name,
                start_line(whole),
                parameter_names(node),
                marks,
                declared,
                tuple(opened.returned),
                (),
            )
        )
        return qualified_name

    def _bind_parameters(
        self, node: Node, function: str, scope: Scope, expected: Expression | None
    ) -> None:
        for parameter, value in self._reader.parameter_values(node, scope, expected):
            self._reader.context.uncover(parameter)
            self._facts.bind(
                function, parameter, value, start_line(node), evaluated_in=scope.qualified_name
            )

    def _walk_body(self, body: Node | None, scope: Scope) -> OpenFunction:
        opened = OpenFunction()
        self._facts.open_functions.append(opened)
        if body is not None and body.type == "statement_block":
            self.walk(body, scope)
        elif body is not None:
            expected = self._reader.context.returned
            opened.returned.append(self._reader.read(body, scope, expected, ""))
        self._facts.open_functions.pop()
        return opened

    def _bind_parameter_properties(self, node: Node, scope: Scope) -> None:
        for name, declared in parameter_properties(node):
            self._facts.bind(
                scope.qualified_name,
                name,
                Typed(self._reader.context.bounded(read_type(declared))),
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
            with self._reader.context.generic(node):
                self.walk(body, Scope(qualified_name, "class", None, qualified_name))

    def _field(self, node: Node, scope: Scope) -> None:
        # JavaScript calls the name of a field its property.
        name = node.child_by_field_name("name") or node.child_by_field_name("property")
        value = node.child_by_field_name("value")
        declared = self._declared(node)
        if name is None:
            return
        if value is not None and value.type in FUNCTION_VALUES:
            self._define_function(value, node_text(name), node, scope, declared)
            return
        read: Expression = UNKNOWN
        if value is not None:
            read = self._reader.read(value, scope, declared, node_text(name))
        self._bind_member(node_text(name), declared or read, node, scope)

    def _call_signature(self, node: Node, scope: Scope) -> None:
        with self._reader.context.generic(node):
            declared = self._reader.context.bounded(function_type(node))
        self._bind_member(CALL_SIGNATURE, Typed(declared), node, scope)

    def _bind_member(self, name: str, value: Expression, node: Node, scope: Scope) -> None:
        self._facts.bind(scope.qualified_name, name, value, start_line(node), on_instance=True)

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
        declared = self._reader.context.bounded(read_type(value))
        parameters = read_type_parameters(node)
        if parameters:
            declared = Generic(tuple(parameters.items()), declared)
        self._facts.bind(
            scope.qualified_name, node_text(name), declared, start_line(node), is_annotation=True
        )

    def _enum(self, node: Node, scope: Scope) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            span = Span(start_line(node), end_line(node), start_line(name))
            signature = header_text(node, node.child_by_field_name("body"))
            self._facts.define(scope, node_text(name), "enum", span, signature=signature)

    def _return(self, node: Node, scope: Scope) -> None:
        for child in node.named_children:
            value = self._reader.read(child, scope, self._reader.context.returned, "")
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
    imports="typescript",
)
