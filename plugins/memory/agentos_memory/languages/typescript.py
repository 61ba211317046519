"""TypeScript, TSX and JavaScript: definitions, imports, bindings and calls of one module.

All are parsed with the tsx grammar. A file in which it finds errors is read again with unknown
syntax written otherwise, and by the grammar without markup, which knows angle-bracket casts.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as MappingType
from dataclasses import replace
from weakref import proxy

import tree_sitter_typescript
from tree_sitter import Language as Grammar
from tree_sitter import Node

from agentos_memory.expressions import UNKNOWN, Call, Element, Expression, Name, Typed
from agentos_memory.languages.collector import (
    MAX_DEPTH,
    FactCollector,
    OpenFunction,
    Scope,
    Span,
)
from agentos_memory.languages.declaration import Language
from agentos_memory.languages.nodes import end_line, header_text, node_text, start_line
from agentos_memory.languages.typescript_declarations import (
    bind_parameter_properties,
    define_alias,
    define_enum,
)
from agentos_memory.languages.typescript_definitions import (
    BLOCKS,
    FUNCTION_VALUES,
    documentation_of,
    heritage,
    modifiers,
    signature_of,
)
from agentos_memory.languages.typescript_expressions import ExpressionReader
from agentos_memory.languages.typescript_jsdoc import CommentReader, Documented
from agentos_memory.languages.typescript_members import parameter_names
from agentos_memory.languages.typescript_modules import (
    record_import,
    record_reexport,
    record_require,
)
from agentos_memory.languages.typescript_narrowing import narrowed_after, narrowed_by
from agentos_memory.languages.typescript_repairs import mend
from agentos_memory.languages.typescript_types import (
    CALL_SIGNATURE,
    function_type,
    read_type,
)
from agentos_memory.model import ClassFacts, FunctionFacts, SymbolKind


class StatementWalker:
    """Walks the statements of one module into a collector."""

    def __init__(self, facts: FactCollector) -> None:
        self._facts = facts
        self._reader = ExpressionReader(facts, proxy(self))
        self._comments = CommentReader(facts)
        self._depth = 0
        facts.open_functions.append(OpenFunction())

    def walk(self, node: Node, scope: Scope) -> None:
        """Record what the statement or block at `node` holds; broken code is walked through."""
        if self._depth > MAX_DEPTH:
            return
        self._depth += 1
        try:
            walker = _WALKERS.get(node.type)
            if walker is not None:
                walker(self, node, scope)
                return
            for child in node.named_children:
                if child.type in _WALKERS or child.type in BLOCKS:
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
        elif any(child.type == "=" for child in node.children):
            # `export = value`: what the module is when it is required.
            for child in node.named_children:
                exported = self._reader.read(child, scope)
                self._reader.assignments.bind_exports(exported, scope, start_line(child))
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
        self._reader.assignments.bind_target(name, declared or expression, scope)
        if scope.kind == "module" and is_plain:
            span = Span(start_line(node), end_line(node), start_line(name))
            signature = " ".join(node_text(node).split())[:200]
            self._facts.define(scope, node_text(name), "variable", span, signature=signature)

    def _function(self, node: Node, scope: Scope) -> None:
        name = node.child_by_field_name("name")
        if name is None:
            return
        own = None
        if scope.kind == "module":
            # It may be a constructor; nothing else has such members.
            own = f"{self._facts.qualify(scope, node_text(name))}."
        self._define_function(node, node_text(name), node, scope, own_object=own)

    def define_member(
        self, node: Node, name: str, whole: Node, scope: Scope, expected: Expression | None
    ) -> str:
        """Record a function that an object literal names, and give its qualified name.

        `name` is the way to it from what holds the object; no bare name reaches it.
        """
        position = len(self._facts.symbols)
        owner, _, last = name.rpartition(".")
        prefix = self._facts.qualify(scope, f"{owner}." if owner else "")
        qualified_name = self._define_function(node, name, whole, scope, expected, prefix)
        symbol = self._facts.symbols[position]
        self._facts.symbols[position] = replace(symbol, name=last, kind="method")
        return qualified_name

    def _declared(self, node: Node) -> Expression | None:
        declared = node.child_by_field_name("type")
        if declared is None:
            return self._documented_type(node)
        return Typed(self._reader.context.bounded(read_type(declared)))

    def _documented_type(self, node: Node) -> Expression | None:
        if not self._comments.is_asked:
            return None
        own = self._comments.read(documentation_of(node), start_line(node)).own
        return Typed(own) if own is not None else None

    def _define_function(
        self,
        node: Node,
        name: str,
        whole: Node,
        scope: Scope,
        expected: Expression | None = None,
        own_object: str | None = None,
    ) -> str:
        body = node.child_by_field_name("body")
        docstring = documentation_of(whole)
        documented = self._comments.read(docstring, start_line(whole))
        marks = modifiers(whole)
        named = whole.child_by_field_name("name") or whole
        qualified_name = self._facts.define(
            scope,
            name,
            "method" if scope.kind == "class" else "function",
            Span(start_line(whole), end_line(whole), start_line(named)),
            signature=signature_of(whole, body),
            docstring=docstring,
            decorators=marks,
        )
        owner = scope.qualified_name if scope.kind == "class" else scope.self_class
        inner = Scope(qualified_name, "function", "this", owner)
        with self._reader.context.function(node, expected):
            if own_object is not None and node.type != "arrow_function":
                self._reader.context.own_object = own_object
            self._bind_parameters(node, qualified_name, scope, expected, documented)
            if name == "constructor":
                bind_parameter_properties(node, scope, self._facts, self._reader.context)
            opened = self._walk_body(body, inner)
            result = node.child_by_field_name("return_type")
            declared = read_type(result) if result is not None else documented.returned
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
        self,
        node: Node,
        function: str,
        scope: Scope,
        expected: Expression | None,
        documented: Documented,
    ) -> None:
        for parameter, value in self._reader.parameter_values(node, scope, expected):
            if parameter in documented.parameters:
                value = Typed(documented.parameters[parameter])
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

    def _return(self, node: Node, scope: Scope) -> None:
        for child in node.named_children:
            value = self._reader.read(child, scope, self._reader.context.returned, "")
            self._facts.mention(scope, value, start_line(child))
            self._facts.open_functions[-1].returned.append(value)

    def _if(self, node: Node, scope: Scope) -> None:
        condition = node.child_by_field_name("condition")
        consequence = node.child_by_field_name("consequence")
        alternative = node.child_by_field_name("alternative")
        if condition is not None:
            self._reader.read(condition, scope)
        if consequence is not None:
            with self._reader.context.narrowed(narrowed_by(condition)):
                self.walk(consequence, scope)
        if alternative is not None:
            self.walk(alternative, scope)
        if consequence is not None:
            for name, value in narrowed_after(condition, consequence).items():
                self._reader.context.cover(name, value)

    def _for_in(self, node: Node, scope: Scope) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None:
            iterable = self._reader.read(right, scope)
            is_of = any(child.type == "of" for child in node.children)
            self._reader.assignments.bind_target(
                left, Element(iterable) if is_of else UNKNOWN, scope
            )
        body = node.child_by_field_name("body")
        if body is not None:
            self.walk(body, scope)


# Of the class and not of its instances, which would hold themselves alive by their own methods.
_WALKERS: MappingType[str, Callable[[StatementWalker, Node, Scope], None]] = {
    "import_statement": lambda walker, n, s: record_import(n, s, walker._facts),
    "export_statement": StatementWalker._export,
    "lexical_declaration": StatementWalker._declaration,
    "variable_declaration": StatementWalker._declaration,
    "function_declaration": StatementWalker._function,
    "generator_function_declaration": StatementWalker._function,
    "function_signature": StatementWalker._function,
    "class_declaration": StatementWalker._class,
    "abstract_class_declaration": StatementWalker._class,
    "class": StatementWalker._class,
    "interface_declaration": StatementWalker._class,
    "method_definition": StatementWalker._function,
    "method_signature": StatementWalker._function,
    "abstract_method_signature": StatementWalker._function,
    "public_field_definition": StatementWalker._field,
    "property_signature": StatementWalker._field,
    "call_signature": StatementWalker._call_signature,
    "construct_signature": lambda walker, n, s: None,
    "field_definition": StatementWalker._field,
    "type_alias_declaration": lambda walker, n, s: define_alias(
        n, s, walker._facts, walker._reader.context, walker
    ),
    "enum_declaration": lambda walker, n, s: define_enum(n, s, walker._facts),
    "return_statement": StatementWalker._return,
    "if_statement": StatementWalker._if,
    "for_in_statement": StatementWalker._for_in,
    "comment": lambda walker, n, s: walker._comments.record_types(n),
}


def extract(root: Node, facts: FactCollector) -> None:
    """Fill `facts` from the root node of a TypeScript or JavaScript module."""
    StatementWalker(facts).walk(root, Scope(facts.module, "module"))


def _load_grammar() -> Grammar:
    return Grammar(tree_sitter_typescript.language_tsx())


def _load_grammar_without_markup() -> Grammar:
    return Grammar(tree_sitter_typescript.language_typescript())


TYPESCRIPT = Language(
    name="typescript",
    suffixes=(".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs"),
    load_grammar=_load_grammar,
    extract=extract,
    module_separator=":",
    dotted_modules=False,
    imports="typescript",
    mend=mend,
    load_second_grammar=_load_grammar_without_markup,
)
