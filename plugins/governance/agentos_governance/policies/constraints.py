"""Rules in contracts: `constraints`, one statement or more in each entry.

Above: the contract model (syntax), creation and amendments (types), the service of policies in
force. Below: the rule language. Each entry stands on a line of its own, so that a refusal names
it by its line.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from agentos import CallRefusedError, InvalidArgumentError
from agentos_governance.policies.layers import Layer
from agentos_governance.policies.texts import NamedPolicy
from agentos_governance.rules import (
    CompiledPolicy,
    Policy,
    PolicyError,
    Schema,
    compile_policy,
    parse_policy,
)
from agentos_governance.rules.tree import LimitRule, Rule

NAME = "contract"
MAX_REMEMBERED = 1_000


def parse_constraints(entries: Sequence[str]) -> Policy:
    """The entries as one policy, entry n on line n.

    Raises InvalidArgumentError naming the entry and the position in it.
    """
    statements: list[Rule | LimitRule] = []
    for number, entry in enumerate(entries):
        try:
            statements += parse_policy(entry, source=f"constraints[{number}]").statements
        except PolicyError as error:
            raise InvalidArgumentError(str(error)) from None
    policy = parse_policy("\n".join(entries), source="constraints")
    if policy.statements != tuple(statements):
        raise InvalidArgumentError(
            "constraints: an entry continues the one before it; write each rule in one entry"
        )
    return policy


def compile_constraints(entries: Sequence[str], schema: Schema) -> CompiledPolicy:
    """The entries compiled; InvalidArgumentError also for types that do not fit the schema."""
    try:
        return compile_policy(parse_constraints(entries), schema)
    except PolicyError as error:
        raise InvalidArgumentError(f"contract: {error}") from None


class ConstraintLayers:
    """Layers of contracts by what they say and whose they are, compiled once."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._layers: OrderedDict[tuple[str, ...], Layer | str] = OrderedDict()

    def layer(self, entries: Sequence[str], owner: str, *, is_own: bool) -> Layer:
        """The layer of a contract of the work order `owner`.

        Raises CallRefusedError where its constraints cannot be used in this deployment.
        """
        name = NAME if is_own else f"{NAME} of {owner}"
        key = (name, owner, *entries)
        found = self._layers.get(key)
        if found is None:
            found = self._layers[key] = self._compile(entries, name, owner)
            if len(self._layers) > MAX_REMEMBERED:
                self._layers.popitem(last=False)
        if isinstance(found, str):
            raise CallRefusedError(
                f"the constraints of {owner} cannot be used, so nothing is allowed under it: "
                f"{found}",
                rule=name,
                remedy="ask a planner for a contract whose constraints fit this deployment",
            )
        return found

    def _compile(self, entries: Sequence[str], name: str, owner: str) -> Layer | str:
        try:
            compiled = compile_constraints(entries, self._schema)
        except InvalidArgumentError as error:
            return error.message
        policies = [NamedPolicy("constraints", compiled, is_shadow=False)]
        return Layer(name, f"work_order:{owner}", policies)
