"""Kinds of evidence: what each must be, and which facts it yields.

Above: evidence recording, gates, plugins (`register_evidence_kinds`). Below: nothing. A kind that
nobody declared is recorded as it is and yields no facts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agentos import ConfigurationError, InvalidArgumentError, LimitExceededError, PluginError

Fact = str | int | bool | None
Facts = Mapping[str, Fact]

PASSING = ".passing"
"""What a requirement ends in that refuses evidence of failures at once, not only at the gate."""
TOOL_USE = "tool_use"
"""The kind that hooks of clients give, one piece for each use of a tool."""
MAX_FACTS = 50
MAX_FACT_CHARS = 1_000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def _no_findings(facts: Facts) -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True)
class EvidenceKind:
    """A declared kind.

    `examine` gives the facts in the bytes, or raises InvalidArgumentError saying why they are no
    such evidence; it runs in a thread and must bound its work itself. `find_failures` says, from
    the facts, what speaks against the work: no findings means that it passes.
    """

    name: str
    description: str
    media_types: tuple[str, ...]
    examine: Callable[[bytes], Facts]
    facts: Mapping[str, str] = field(default_factory=dict)
    """What each fact means; `examine` yields no others."""
    find_failures: Callable[[Facts], Sequence[str]] = _no_findings
    is_always_judged: bool = False
    """Whether failures fail the gate even where the contract does not require the kind."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """An entry of a contract's `evidence_required`."""

    kind: str
    must_pass_at_once: bool = False


class EvidenceKinds:
    """The declared kinds by name: the service by which tools find them."""

    def __init__(self, kinds: Iterable[EvidenceKind]) -> None:
        self._kinds: dict[str, EvidenceKind] = {}
        for kind in kinds:
            if not _NAME.fullmatch(kind.name):
                raise ConfigurationError(f"{kind.name!r} cannot name a kind of evidence")
            if kind.name in self._kinds:
                raise ConfigurationError(
                    f"two plugins declare the evidence kind {kind.name!r}; disable one"
                )
            self._kinds[kind.name] = kind

    def __iter__(self) -> Iterator[EvidenceKind]:
        return iter(self._kinds.values())

    def find(self, name: str) -> EvidenceKind | None:
        """The declared kind of that name, or None."""
        return self._kinds.get(name)

    def requirement(self, entry: str) -> Requirement:
        """What a contract's entry asks for: `test_report`, or `test_report.passing`."""
        kind = entry.removesuffix(PASSING)
        if kind != entry and kind in self._kinds:
            return Requirement(kind, must_pass_at_once=True)
        return Requirement(entry)

    def examine(self, name: str, content: bytes) -> dict[str, Fact]:
        """The facts in evidence of a kind, none for one that nobody declared.

        Raises InvalidArgumentError, in the name of the kind, for what is no such evidence.
        """
        kind = self._kinds.get(name)
        if kind is None:
            return {}
        try:
            facts = dict(kind.examine(content))
        except (InvalidArgumentError, LimitExceededError) as error:
            raise InvalidArgumentError(
                f"this is no {name}: {error.message}",
                remedy=error.remedy or f"{name}: {kind.description}",
            ) from error
        _check_facts(kind, facts)
        return facts

    def check_passing(self, name: str, facts: Facts, required: Sequence[str]) -> None:
        """Refuse failures where the contract asks for evidence that passes at once."""
        kind = self._kinds.get(name)
        if kind is None or Requirement(name, True) not in map(self.requirement, required):
            return
        failures = kind.find_failures(facts)
        if failures:
            raise InvalidArgumentError(
                f"the contract requires {name}{PASSING}, and this one does not pass: "
                + "; ".join(failures[:5]),
                remedy="mend the work, then record the new report",
            )


def _check_facts(kind: EvidenceKind, facts: Facts) -> None:
    """Facts are signed and shown to everybody: only what was declared, only plain and short."""
    if len(facts) > MAX_FACTS or not facts.keys() <= kind.facts.keys():
        raise PluginError(f"evidence kind {kind.name} yields facts that it does not declare")
    for name, value in facts.items():
        is_plain = value is None or isinstance(value, bool | int | str)
        if not is_plain or (isinstance(value, str) and len(value) > MAX_FACT_CHARS):
            raise PluginError(
                f"evidence kind {kind.name}: the fact {name!r} is not short and plain"
            )


def whole_number(text: object, limit: int = 10**12) -> int:
    """A count in a report, 0 where it is none; a report may say anything."""
    if isinstance(text, int) and not isinstance(text, bool):
        return text if 0 <= text <= limit else 0
    if isinstance(text, str) and len(text) <= 20 and text.strip().isdecimal():
        return min(int(text), limit)
    return 0
