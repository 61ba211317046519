"""What a work order allows: the contract model, its validation and its version.

Above: judgement (compiles a contract), tools (accept one), packets (carry one).
Below: pydantic, canonical JSON. A contract is data; it decides nothing by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_serializer,
    model_validator,
)

from agentos import InvalidArgumentError, canonical_json, sha256_hex
from agentos_governance.policies.constraints import parse_constraints

MAX_ENTRIES = 200
MAX_ENTRY_CHARACTERS = 500
MAX_GLOB_BYTES = 32 * 1024
"""Of all globs of a contract together, in UTF-8."""
MAX_WILDCARDS = 1_000
"""`*`, `?` and `[` in all globs of a contract together."""
MAX_USD_DECIMALS = 10
MAX_USD = Decimal(10) ** 9
VERSION_HEX_DIGITS = 16

_USD_PATTERN = r"^[0-9]{1,10}(\.[0-9]{1,10})?$"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"^[A-Za-z]:")


def _plain_text(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must not contain NUL or other control characters")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("must not contain lone surrogates") from None
    return value


def _relative_root(value: str) -> str:
    if value.startswith(("/", "~")) or _DRIVE.match(value):
        raise ValueError("must be relative to the repository root, such as 'src/'")
    if "\\" in value:
        raise ValueError("must use '/' between folders")
    parts = value.rstrip("/").split("/")
    if ".." in parts:
        raise ValueError("must not contain '..'")
    if value not in {".", "./"} and ("." in parts or "" in parts):
        raise ValueError("must be written without '.' or empty folders, such as 'src/app/'")
    return value


def _exact_usd(value: object) -> Decimal:
    """The amount as an exact decimal; floats are refused because they are not exact."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        # pydantic turns ValueError, and no TypeError, into a validation error.
        raise ValueError("must be a decimal string in USD, such as '2.50'")  # noqa: TRY004
    if isinstance(value, str) and not re.fullmatch(_USD_PATTERN, value):
        raise ValueError(
            f"must be a decimal string in USD, not negative, at most {MAX_USD_DECIMALS} decimals"
        )
    try:
        amount = Decimal(value)
        exact = amount.is_finite() and amount == round(amount, MAX_USD_DECIMALS)
    except InvalidOperation:
        raise ValueError("must be a decimal string in USD, such as '2.50'") from None
    if not exact or not 0 <= amount <= MAX_USD:
        raise ValueError(f"must be 0 to {MAX_USD} USD with at most {MAX_USD_DECIMALS} decimals")
    return amount


def usd_text(amount: Decimal) -> str:
    """The shortest plain decimal string of an amount: `1.50` and `1.5` are the same text."""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text


Entry = Annotated[
    str, Field(min_length=1, max_length=MAX_ENTRY_CHARACTERS), AfterValidator(_plain_text)
]
Root = Annotated[Entry, AfterValidator(_relative_root)]
Reviewer = Annotated[Entry, Field(max_length=200)]
ReviewRole = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
RoleCount = Annotated[int, Field(ge=1, le=20)]
WaitS = Annotated[int, Field(ge=1, le=366 * 86_400)]
EvidenceKind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")]
Usd = Annotated[
    Decimal,
    BeforeValidator(_exact_usd),
    PlainSerializer(usd_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _USD_PATTERN, "examples": ["2.50"]}),
]


ROLE_PREFIX = "role:"
"""Begins an entry of reviewers, or of an escalation list, that stands for all who have a role."""


def is_role_entry(entry: str) -> bool:
    """Whether the entry stands for everybody with a review role, and not for one person."""
    return entry.startswith(ROLE_PREFIX)


class ReviewPolicy(BaseModel):
    """Who must approve before the work order completes, and how long they may take.

    What is null is not part of the contract's text, so that contracts without it keep the version
    they have.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    required: bool = True
    quorum: int = Field(default=1, ge=1, le=20, description="Approvals needed, of so many persons")
    by: Literal["human", "persona", "either"] = "either"
    reviewers: Annotated[list[Reviewer], Field(min_length=1, max_length=50)] | None = Field(
        default=None,
        description="Who may decide: persons by name, or 'role:NAME' for whoever has that review "
        "role; null: whoever may review at all",
    )
    roles: Annotated[dict[ReviewRole, RoleCount], Field(min_length=1, max_length=20)] | None = (
        Field(
            default=None,
            description="How many of the approvals must be of persons with a review role, such as "
            '{"security": 1}; who has several roles counts for each',
        )
    )
    sticky: bool | None = Field(
        default=None,
        description="Whether approvals hold for a later packet that shows nothing they did not "
        "show; null: as the deployment is set up",
    )
    remind_after_s: Annotated[list[WaitS], Field(max_length=20)] | None = Field(
        default=None, description="When reviewers are reminded, from the submission on; ascending"
    )
    escalate_after_s: WaitS | None = Field(
        default=None, description="When the next of the deployment's escalation list is asked"
    )
    expire_after_s: WaitS | None = Field(
        default=None,
        description="When an undecided review ends and the work goes back; never later than the "
        "deployment's own limit",
    )

    @field_validator("remind_after_s")
    @classmethod
    def _check_reminders(cls, value: list[int] | None) -> list[int] | None:
        if value is not None and any(later <= earlier for earlier, later in pairwise(value)):
            raise ValueError("must ascend")
        return value

    @model_validator(mode="after")
    def _check_possible(self) -> ReviewPolicy:
        named = self.reviewers or []
        if named and self.quorum > len(named) and not any(map(is_role_entry, named)):
            raise ValueError(f"a quorum of {self.quorum} cannot be reached by its reviewers")
        if self.roles and self.by == "persona":
            raise ValueError("roles are persons'; they need by = 'human' or 'either'")
        return self

    @model_serializer(mode="wrap")
    def _without_absent(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        document: dict[str, Any] = serialize(self)
        return {name: value for name, value in document.items() if value is not None}


class Contract(BaseModel):
    """The authority of one work order. What it does not allow is refused.

    Immutable once claimed; a changed contract is a new version (`contract_digest`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    allowed_roots: list[Root] = Field(
        default_factory=list,
        max_length=MAX_ENTRIES,
        description="Where files may be written: a file, a directory ('src/'), or a path glob "
        "('tests/**/*.py'); '.' is the whole repository; empty allows no write",
    )
    allowed_tools: list[Entry] = Field(
        default_factory=list,
        max_length=MAX_ENTRIES,
        description="Globs of tool names; empty allows no tool",
    )
    forbidden_actions: list[Entry] = Field(
        default_factory=list,
        max_length=MAX_ENTRIES,
        description="Globs over tool, capability, 'tool:path', 'write:path', commands "
        "('git push*') and 'Bash(git push*)'; they win over every permission",
    )
    constraints: list[Entry] = Field(
        default_factory=list,
        max_length=MAX_ENTRIES,
        description="Rules that narrow all of this further, one in each entry, such as "
        '"DENY write IF NOT happened(search_code) SINCE claim"',
    )
    evidence_required: list[EvidenceKind] = Field(
        default_factory=list, max_length=MAX_ENTRIES, description="Kinds of evidence to record"
    )
    cost_budget_usd: Usd = Field(default=Decimal(0), description="Decimal string in USD")
    token_budget: int | None = Field(default=None, ge=0, le=2**53 - 1)
    wall_clock_s: int | None = Field(default=None, ge=1, le=366 * 86_400)
    lease_ttl_s: int = Field(default=300, ge=1, le=86_400)
    review: ReviewPolicy = Field(default_factory=ReviewPolicy)
    commands_allowed: list[Entry] | None = Field(
        default=None,
        max_length=MAX_ENTRIES,
        description="Globs of shell commands; null allows any that is not forbidden, [] none",
    )
    network: bool | None = Field(default=None, description="false refuses network access")

    @field_validator("constraints")
    @classmethod
    def _check_constraints(cls, value: list[str]) -> list[str]:
        # Types are checked where a contract is made: only a deployment knows all its facts.
        try:
            parse_constraints(value)
        except InvalidArgumentError as error:
            raise ValueError(error.message) from None
        return value

    @model_validator(mode="after")
    def _bound_globs(self) -> Contract:
        # Every glob may be compared with every path and command of an action.
        text = "\n".join(self.globs())
        if len(text.encode("utf-8")) > MAX_GLOB_BYTES:
            raise ValueError(f"its globs have more than {MAX_GLOB_BYTES} bytes together")
        if sum(map(text.count, "*?[")) > MAX_WILDCARDS:
            raise ValueError(f"its globs have more than {MAX_WILDCARDS} wildcards together")
        return self

    def globs(self) -> list[str]:
        """Every glob of the contract."""
        return [
            *self.allowed_roots,
            *self.allowed_tools,
            *self.forbidden_actions,
            *(self.commands_allowed or []),
        ]


def parse_contract(value: Mapping[str, Any] | str | bytes | Contract) -> Contract:
    """The contract in a mapping or JSON text. Raises InvalidArgumentError naming each bad field."""
    if isinstance(value, Contract):
        return value
    try:
        if isinstance(value, str | bytes):
            return Contract.model_validate_json(value)
        return Contract.model_validate(dict(value))
    except ValidationError as error:
        raise InvalidArgumentError(f"contract: {_reasons(error)}") from error


def _reasons(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'value'}: "
        f"{item['msg'].removeprefix('Value error, ')}"
        for item in error.errors(include_url=False, include_input=False)[:10]
    )


def contract_document(contract: Contract) -> dict[str, Any]:
    """The contract as a JSON value, every field present, money as decimal strings."""
    return contract.model_dump(mode="json")


def contract_digest(contract: Contract) -> str:
    """The contract's version: `sha256:` and 16 hexadecimal digits over its canonical JSON."""
    digest = sha256_hex(canonical_json(contract_document(contract)))
    return f"sha256:{digest[:VERSION_HEX_DIGITS]}"
