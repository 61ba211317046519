"""What budgets in layers should do, in plain Python: lists that are summed anew for every question."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

LAYERS = ("session", "process", "person", "organisation")


@dataclass(frozen=True)
class ModelLimit:
    """At most `cap` within `window_s` seconds (0: ever) for each subject of a layer."""

    layer: str
    window_s: int
    cap: Decimal
    refuses: bool = False


@dataclass
class Entry:
    """Money of one call: held until it is settled."""

    call: str
    order: str | None
    subjects: dict[str, str]
    usd: Decimal
    is_held: bool
    at: float
    expires: float


@dataclass(frozen=True)
class Shortage:
    """The limit that says no, with its figures and seconds until there is room."""

    layer: str
    subject: str
    window_s: int
    cap: Decimal
    spent: Decimal
    held: Decimal
    retry_after_s: float | None


@dataclass
class Model:
    """Orders with caps and parents, limits, and every entry there ever was."""

    limits: list[ModelLimit]
    caps: dict[str, Decimal]
    parents: dict[str, str]
    entries: list[Entry] = field(default_factory=list)
    settled: dict[str, Decimal] = field(default_factory=dict)

    def chain(self, order: str | None) -> list[str]:
        """The order and those above it."""
        found: list[str] = []
        while order is not None:
            found.append(order)
            order = self.parents.get(order)
        return found

    def ask(
        self, order: str | None, subjects: dict[str, str], usd: Decimal, now: float, is_report: bool
    ) -> Shortage | None:
        """The nearest limit without room."""
        for each in self.chain(order):
            mine = [e for e in self.entries if each in self.chain(e.order)]
            found = self._short("cost_budget_usd", each, 0, self.caps[each], mine, usd, now)
            if found is not None:
                return found
        for layer in LAYERS:
            for limit in sorted(self.limits, key=lambda limit: limit.window_s):
                if limit.layer != layer or layer not in subjects:
                    continue
                if is_report and not limit.refuses:
                    continue
                mine = [e for e in self.entries if e.subjects.get(layer) == subjects[layer]]
                found = self._short(
                    layer, subjects[layer], limit.window_s, limit.cap, mine, usd, now
                )
                if found is not None:
                    return found
        return None

    def _short(
        self,
        layer: str,
        subject: str,
        window_s: int,
        cap: Decimal,
        entries: list[Entry],
        usd: Decimal,
        now: float,
    ) -> Shortage | None:
        held = sum((e.usd for e in entries if e.is_held), Decimal(0))
        spent = [e for e in entries if not e.is_held and (not window_s or e.at > now - window_s)]
        total = sum((e.usd for e in spent), Decimal(0))
        if total + held + usd <= cap:
            return None
        retry = None
        if window_s and usd <= cap:
            freed = Decimal(0)
            for entry in sorted(spent, key=lambda e: e.at):
                freed += entry.usd
                if freed >= total + held + usd - cap:
                    retry = entry.at + window_s - now
                    break
        return Shortage(layer, subject, window_s, cap, total, held, retry)

    def hold(
        self,
        call: str,
        order: str | None,
        subjects: dict[str, str],
        usd: Decimal,
        now: float,
        expires: float,
    ) -> Shortage | None:
        """Set money aside, once a call."""
        if any(e.call == call and e.is_held for e in self.entries):
            return None
        found = self.ask(order, subjects, usd, now, is_report=False)
        if found is None:
            self.entries.append(Entry(call, order, subjects, usd, True, now, expires))
        return found

    def report(
        self, call: str, order: str, subjects: dict[str, str], usd: Decimal, now: float
    ) -> Shortage | None:
        """Book what was spent."""
        found = self.ask(order, subjects, usd, now, is_report=True)
        if found is None:
            self.entries.append(Entry(call, order, subjects, usd, False, now, now))
        return found

    def settle(self, call: str, usd: Decimal, now: float) -> tuple[Decimal, bool] | None:
        """Book what a held call cost, once."""
        if call in self.settled:
            return self.settled[call], False
        for entry in self.entries:
            if entry.call == call and entry.is_held:
                entry.usd, entry.is_held, entry.at = min(usd, entry.usd), False, now
                self.settled[call] = entry.usd
                return entry.usd, True
        return None

    def expire(self, now: float) -> int:
        """Give back what dead calls held."""
        dead = [e for e in self.entries if e.is_held and e.expires <= now]
        self.entries = [e for e in self.entries if e not in dead]
        return len(dead)
