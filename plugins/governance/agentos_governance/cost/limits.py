"""The caps of each layer as configured, and whom a call belongs to in each layer.

Above: budgets, the command line. Below: the settings table `[budgets]`. A layer that the table
names has exactly the limits it lists there; the others keep the defaults, which are those of the
field. What an admin sets at run time (`governance.budget_limit`) goes before both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentos import ConfigurationError, Principal, ToolCall
from agentos_governance.authority.enforcement import HeldOrder
from agentos_governance.authority.persons import same_person_key
from agentos_governance.contracts.model import Usd

Layer = Literal["session", "process", "person", "organisation"]
OnReport = Literal["count", "refuse"]
LAYERS: tuple[Layer, ...] = ("session", "process", "person", "organisation")
MAX_WINDOW_S = 31 * 86_400
MAX_LIMITS = 200


class Limit(BaseModel):
    """At most `cap_usd` within any `per_s` seconds, or ever."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cap_usd: Usd
    per_s: Annotated[int, Field(ge=1, le=MAX_WINDOW_S)] | None = None
    subject: Annotated[str, Field(max_length=300)] = ""
    """One person, process or session; empty stands for each of them."""
    on_report: OnReport = "count"
    """Whether money that was spent elsewhere is only counted, or refused beyond the cap."""


class LimitTable(BaseModel):
    """The settings table `[budgets]`, with the defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    session: tuple[Limit, ...] = (Limit(cap_usd=Decimal("1.00")),)
    process: tuple[Limit, ...] = (Limit(cap_usd=Decimal("0.10"), per_s=60),)
    person: tuple[Limit, ...] = (Limit(cap_usd=Decimal("1.00"), per_s=60),)
    organisation: tuple[Limit, ...] = (Limit(cap_usd=Decimal("10.00"), per_s=60),)

    def of_layer(self, layer: Layer) -> tuple[Limit, ...]:
        """The limits of one layer."""
        limits: tuple[Limit, ...] = getattr(self, layer)
        return limits


@dataclass(frozen=True, slots=True)
class LimitArrays:
    """Limits as the parallel arrays that `governance.admit_money` takes."""

    layers: list[str]
    windows: list[int]
    caps: list[str]
    refuses: list[bool]
    specific: list[bool]


def parse_limits(table: Mapping[str, Any]) -> LimitTable:
    """The limits of `[budgets]`; ConfigurationError names the bad entry in one line."""
    try:
        limits = LimitTable.model_validate(dict(table))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(("budgets", *(str(part) for part in problem["loc"])))
        raise ConfigurationError(f"setting {where!r}: {problem['msg']}") from None
    _refuse_doubles(limits)
    return limits


def limits_for(table: LimitTable, subjects: Mapping[str, str]) -> LimitArrays:
    """What the settings say about a call with these subjects."""
    chosen = list(_chosen(table, subjects))
    return LimitArrays(
        layers=[layer for layer, _ in chosen],
        windows=[limit.per_s or 0 for _, limit in chosen],
        caps=[str(limit.cap_usd) for _, limit in chosen],
        refuses=[limit.on_report == "refuse" for _, limit in chosen],
        specific=[limit.subject != "" for _, limit in chosen],
    )


def subjects_of(call: ToolCall, held: HeldOrder | None) -> dict[str, str]:
    """Whom the call belongs to, by layer; a call outside a work order has no session."""
    subjects = {
        "process": process_of(call.principal),
        "person": same_person_key(call.principal.answerable),
        "organisation": "",
    }
    if held is not None:
        subjects["session"] = f"{held.id}#{held.epoch}"
    return subjects


def process_of(principal: Principal) -> str:
    """One connected agent process: its token, or the local principal.

    What a client says of itself (a session id, a pid) would let it open a fresh allowance at will.
    """
    return principal.name if principal.token_id is None else principal.token_id


def subject_key(layer: Layer, subject: str) -> str:
    """The form in which a subject that a person typed is compared."""
    return same_person_key(subject) if layer == "person" else subject


def _chosen(table: LimitTable, subjects: Mapping[str, str]) -> Iterator[tuple[Layer, Limit]]:
    for layer in LAYERS:
        if layer not in subjects:
            continue
        for limit in table.of_layer(layer):
            if not limit.subject or subject_key(layer, limit.subject) == subjects[layer]:
                yield layer, limit


def _refuse_doubles(limits: LimitTable) -> None:
    for layer in LAYERS:
        keys = [
            (subject_key(layer, each.subject), each.per_s or 0) for each in limits.of_layer(layer)
        ]
        if len(set(keys)) < len(keys):
            raise ConfigurationError(
                f"setting 'budgets.{layer}': two limits for the same subject and window"
            )
        if len(keys) > MAX_LIMITS:
            raise ConfigurationError(f"setting 'budgets.{layer}': more than {MAX_LIMITS} limits")
        if layer == "organisation" and any(each.subject for each in limits.of_layer(layer)):
            raise ConfigurationError("setting 'budgets.organisation': it takes no subject")
