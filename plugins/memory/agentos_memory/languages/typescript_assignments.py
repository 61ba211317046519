"""Assignments of TypeScript and JavaScript: variables, members, exports and prototypes.

Above: expressions and statements, which share the context. Below: members and modules.
"""

from __future__ import annotations

from typing import Protocol

from tree_sitter import Node

from agentos_memory.expressions import UNKNOWN, Attribute, Defined, Expression, Name, Record
from agentos_memory.languages.collector import FactCollector, Scope
from agentos_memory.languages.nodes import node_text, start_line
from agentos_memory.languages.typescript_context import Context, pattern_parts
from agentos_memory.languages.typescript_definitions import FUNCTION_VALUES
from agentos_memory.languages.typescript_members import prototype_owner
from agentos_memory.languages.typescript_modules import EXPORTED_VALUE


class MemberDefiner(Protocol):
    """The statement walker as assignments see it."""

    def define_member(
        self, node: Node, name: str, whole: Node, scope: Scope, expected: Expression | None
    ) -> str:
        """Record a function that an object literal names, and give its qualified name."""
        ...


class ValueReader(Protocol):
    """The reader of expressions as assignments see it."""

    def read(
        self,
        node: Node,
        scope: Scope,
        expected: Expression | None = None,
        label: str | None = None,
    ) -> Expression:
        """The expression at `node`, looked up from `scope`."""
        ...


class Assignments:
    """Binds what is assigned."""

    def __init__(
        self, facts: FactCollector, context: Context, walker: MemberDefiner, reader: ValueReader
    ) -> None:
        self._facts = facts
        self._context = context
        self._walker = walker
        self._reader = reader

    def bind_target(self, target: Node, value: Expression, scope: Scope) -> None:
        """Bind what an assignment or declaration names on its left side."""
        name = node_text(target)
        match target.type:
            case "identifier" | "shorthand_property_identifier_pattern":
                self._context.uncover(name)
                self._facts.bind(scope.qualified_name, name, value, start_line(target))
            case "member_expression":
                self._bind_member(target, value, scope)
            case "object_pattern" | "array_pattern":
                for bound, part in pattern_parts(target, value):
                    self._context.uncover(bound)
                    self._facts.bind(scope.qualified_name, bound, part, start_line(target))
            case _:
                self._reader.read(target, scope)

    def _bind_member(self, target: Node, value: Expression, scope: Scope) -> None:
        owner, name = target.child_by_field_name("object"), target.child_by_field_name("property")
        if owner is None or name is None:
            return
        if owner.type == "this" and scope.self_class is not None:
            self._facts.bind(
                scope.self_class,
                node_text(name),
                value,
                start_line(target),
                evaluated_in=scope.qualified_name,
                on_instance=True,
            )
        elif node_text(owner) in ("exports", "module.exports") and scope.kind == "module":
            self._facts.bind(scope.qualified_name, node_text(name), value, start_line(target))
        elif node_text(target) == "module.exports" and scope.kind == "module":
            self.bind_exports(value, scope, start_line(target))
        else:
            self._reader.read(owner, scope)

    def bind_exports(self, value: Expression, scope: Scope, line: int) -> None:
        """Say what `module.exports` holds is the module itself, its default and its members."""
        for name in ("default", EXPORTED_VALUE):
            self._facts.bind(scope.qualified_name, name, value, line)
        if isinstance(value, Record):
            for name, member in zip(value.names, value.values, strict=True):
                if member != Name(name):
                    self._facts.bind(scope.qualified_name, name, member, line)

    def read(self, node: Node, scope: Scope) -> Expression:
        """What the assignment at `node` assigns, bound to what it names."""
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return UNKNOWN
        name = left.child_by_field_name("property")
        if right.type in FUNCTION_VALUES and name is not None:
            defined = self._assigned_function(node, left, node_text(name), right, scope)
            if defined is not None:
                return defined
        is_module = node_text(left) == "module.exports" and scope.kind == "module"
        maker = prototype_owner(left) if scope.kind == "module" else None
        value = self._reader.read(right, scope, label="" if is_module else maker)
        if maker is not None and isinstance(value, Record):
            for key, member in zip(value.names, value.values, strict=True):
                self._bind_prototype(maker, key, member, node, scope)
        self._facts.mention(scope, value, start_line(right))
        self.bind_target(left, value, scope)
        return value

    def _assigned_function(
        self, node: Node, left: Node, name: str, right: Node, scope: Scope
    ) -> Expression | None:
        """`this.name = () => ...` and `exports.name = function ...` define what they name."""
        owner = left.child_by_field_name("object")
        if owner is None:
            return None
        maker = prototype_owner(owner)
        if maker is not None and scope.kind == "module":
            method = Defined(
                self._walker.define_member(right, f"{maker}.{name}", node, scope, None)
            )
            self._bind_prototype(maker, name, method, node, scope)
            return method
        is_own = owner.type == "this" and scope.self_class is not None
        is_exported = node_text(owner) in ("exports", "module.exports")
        if not (is_own or (is_exported and scope.kind == "module")):
            return None
        expected = Attribute(Name("this"), name) if is_own else None
        defined = Defined(self._walker.define_member(right, name, node, scope, expected))
        self.bind_target(left, defined, scope)
        return defined

    def _bind_prototype(
        self, maker: str, name: str, value: Expression, node: Node, scope: Scope
    ) -> None:
        """What `new maker()` gives has the member."""
        owner, here = self._facts.qualify(scope, maker), scope.qualified_name
        line = start_line(node)
        self._facts.bind(owner, name, value, line, evaluated_in=here, on_instance=True)
