"""What became of the assertions of a test: kept, changed, replaced, weakened, or gone.

Above: tests_kept. Below: cases. An assertion is covered by a new one that is about the same and as
strong; several by one about the whole of what they were about, or by parameters that took their
values over.
"""

from __future__ import annotations

import builtins
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agentos_governance.gatekeeper.cases import EXACT, Assertion, Case
from agentos_governance.gatekeeper.foreign.values import is_written

_BOUND = re.compile(
    r"\s(<=?|>=?)\s*(-?\d[\d_]*(?:\.\d+)?)\)*$"
    r"|toBe(LessThan|GreaterThan)(?:OrEqual)?\((-?\d[\d_]*(?:\.\d+)?)\)$"
)
_UNORDERED = re.compile(
    r"^(?:sorted|set|frozenset|(?:collections\.)?Counter|new Set)\(|\.(?:sort|toSorted)\("
)
_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"|\b\d[\d._]*\b")
_RAISES = re.compile(r"(?:raises|assertRaises|assertRaisesRegex)\(([A-Za-z_][\w.]*)[,)]")
WIDER = 1.5
"""A tolerance that many times as wide is another promise, and no rounding."""


@dataclass(frozen=True, slots=True)
class Lost:
    """An assertion that asserts less than it did; `now` is what is there instead, or None."""

    before: Assertion
    now: Assertion | None
    why: str
    is_replaced: bool = False
    """Something else of the same strength stands in its place."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The assertions of a pair: those lost, and those whose expected value is another now."""

    lost: list[Lost] = field(default_factory=list)
    changed: list[tuple[Assertion, Assertion]] = field(default_factory=list)
    given: list[tuple[Assertion, Assertion]] = field(default_factory=list)
    """Those that ask the same of another input, while nothing asks of the old one any more."""


def compare_cases(old: Case, new: Case, elsewhere: Counter[str]) -> Difference:
    """`elsewhere` counts assertions by their text that are new in other tests; one is taken each."""
    removed, added, voided = _unmatched(old.effective, new.assertions)
    difference = Difference()
    for before, now in voided:
        difference.lost.append(Lost(before, now, now.flaw or "it cannot fail any more"))
    rest = [each for each in removed if not _has_moved(each, elsewhere)]
    unused = list(added)
    open_: list[Assertion] = []
    for before in rest:
        same = _counterpart(before, unused)
        if same is None:
            open_.append(before)
            continue
        unused.remove(same)
        why = _why_weaker(before, same)
        if why is not None:
            difference.lost.append(Lost(before, same, why))
        elif _expects_otherwise(before, same, new):
            difference.changed.append((before, same))
        elif _is_given_otherwise(before, same, new):
            difference.given.append((before, same))
    exact = [each for each in new.effective if each.strength == EXACT and each.condition is None]
    for before in open_:
        if any(_covers_whole(before, each, new) for each in added):
            continue
        if before.strength < EXACT and any(_is_about_same(before, each) for each in exact):
            continue
        difference.lost.append(_without_counterpart(before, unused, new))
    return difference


def _is_about_same(before: Assertion, now: Assertion) -> bool:
    """Whether both speak of one value, perhaps by another name."""
    names = {now.subject, now.alias} - {""}
    return bool(names & ({before.subject, before.alias} - {""}))


def _expects_otherwise(before: Assertion, now: Assertion, case: Case) -> bool:
    """Whether another value is expected of the same: neither a tolerance, nor more of a text."""
    first, second = _RAISES.search(before.text), _RAISES.search(now.text)
    if first is not None and second is not None and first[1] != second[1]:
        return True
    old, new = _values(before), _values(now)
    if now.is_helper and not _is_about_same(before, now):
        # What was expected is given to a function that asserts, or stands in the test.
        return not old <= new | case.constants
    if not _is_about_same(before, now):
        return False
    if not new and old <= case.constants:
        # The value stands in a variable or a table now.
        return False
    return any(not any(_holds(each, value) for each in new) for value in old - new)


def _is_given_otherwise(before: Assertion, now: Assertion, case: Case) -> bool:
    """Whether `total(2)` became `total(1)`, and 2 is nowhere in the test now."""
    old, new = before.alias or before.subject, now.alias or now.subject
    if old == new or "(" not in old or _LITERAL.sub("#", old) != _LITERAL.sub("#", new):
        return False
    kept = set(_LITERAL.findall(new)) | case.constants
    texts = " ".join([*case.constants, *case.parameters])
    gone = [each for each in _LITERAL.findall(old) if each not in kept and each not in texts]
    return any(each.strip("'\"") for each in gone)


def _is_written_down(before: Assertion, now: Assertion) -> bool:
    """Whether what was called is a literal now, while the assertion reads as before."""
    return "(" in before.alias and before.alias != now.alias and is_written(now.alias)


def _values(assertion: Assertion) -> frozenset[str]:
    """What is expected: neither what goes into the subject, nor the tolerance."""
    inputs = set(_LITERAL.findall(f"{assertion.subject} {assertion.alias}"))
    tolerance = assertion.tolerance
    return frozenset(
        value
        for value in assertion.constants - inputs
        if tolerance is None or not _is_number(value, tolerance)
    )


def _is_number(value: str, number: float) -> bool:
    try:
        return float(value) == number
    except ValueError:
        return False


def _holds(longer: str, value: str) -> bool:
    """Whether a text has another one in it; numbers have none."""
    is_text = value[:1] in {"'", '"'} and longer[:1] in {"'", '"'}
    return is_text and value.strip("'\"") in longer


def _unmatched(
    old: Sequence[Assertion], new: Sequence[Assertion]
) -> tuple[list[Assertion], list[Assertion], list[tuple[Assertion, Assertion]]]:
    """Those of the old that are not there in the same words, the new ones, and the voided."""
    left: dict[str, list[Assertion]] = {}
    for each in new:
        left.setdefault(each.text, []).append(each)
    removed: list[Assertion] = []
    voided: list[tuple[Assertion, Assertion]] = []
    for before in old:
        same = left.get(before.text)
        if not same:
            removed.append(before)
            continue
        now = max(same, key=lambda each: (each.strength, each.condition is None))
        same.remove(now)
        if now.strength < before.strength:
            voided.append((before, now))
        elif before.is_awaited and now.is_awaited is False:
            voided.append((before, replace(now, flaw="nobody waits for it any more")))
        elif now.condition is not None and before.condition is None:
            voided.append((before, _conditional(now)))
        elif _is_written_down(before, now):
            flaw = f"`{now.subject}` was `{before.alias[:80]}`, and is `{now.alias[:80]}`"
            voided.append((before, replace(now, strength=0, flaw=flaw)))
    rest = [each for found in left.values() for each in found]
    added = sorted((each for each in rest if each.strength > 0), key=lambda each: each.line)
    return removed, added, voided


def _conditional(now: Assertion) -> Assertion:
    return Assertion(
        now.text, now.line, now.strength, now.roots, now.subject, now.constants, now.tolerance,
        f"it is asserted only where `{now.condition}`", now.condition,
    )  # fmt: skip


def _has_moved(before: Assertion, elsewhere: Counter[str]) -> bool:
    if elsewhere[before.text] > 0:
        elsewhere[before.text] -= 1
        return True
    return False


def _counterpart(before: Assertion, unused: Sequence[Assertion]) -> Assertion | None:
    """The new assertion about the same: of the same subject, else of the same names or values."""

    def likeness(each: Assertion) -> tuple[int, int, int]:
        same_subject = _is_about_same(before, each)
        shared = len(each.roots & before.roots) + 2 * len(each.constants & before.constants)
        return (same_subject, shared, each.strength)

    related = [
        each
        for each in unused
        if _is_about_same(before, each)
        or each.roots & before.roots
        or (_RAISES.search(each.text) and _RAISES.search(before.text))
        or (each.constants & before.constants)
    ]
    return max(related, key=likeness, default=None)


def _why_weaker(before: Assertion, now: Assertion) -> str | None:
    was, is_now = before.tolerance, now.tolerance
    if was is not None and is_now is not None and is_now > was * WIDER:
        return f"the tolerance went from {was:g} to {is_now:g}"
    if _is_wider_bound(before.text, now.text):
        return "the bound is wider"
    if _is_wider_exception(before.text, now.text):
        return "more kinds of exceptions pass"
    if _is_unordered(before.subject, now.subject):
        return "the order is no longer compared"
    if now.strength < before.strength:
        if now.tolerance is not None and before.tolerance is None:
            return f"it passes now where it is off by {now.tolerance:g}"
        return "what stands in its place passes for more values"
    if now.condition is not None and before.condition is None:
        return f"it is asserted only where `{now.condition}`"
    return None


def _is_unordered(before: str, now: str) -> bool:
    """Whether `parts` became `sorted(parts)`, `set(parts)`, or `[...parts].sort()`."""
    if not before or before not in now or _UNORDERED.search(before):
        return False
    return _UNORDERED.search(now) is not None


def _is_wider_exception(before: str, now: str) -> bool:
    """Whether an exception became one of its bases, as far as Python itself defines both."""
    old, new = _RAISES.search(before), _RAISES.search(now)
    if old is None or new is None or old[1] == new[1]:
        return False
    first, second = getattr(builtins, old[1], None), getattr(builtins, new[1], None)
    return isinstance(first, type) and isinstance(second, type) and issubclass(first, second)


def _is_wider_bound(before: str, now: str) -> bool:
    """Whether `x < 5` became `x < 50`, or `expect(x).toBeLessThan(5)` the like."""
    old, new = _BOUND.search(before), _BOUND.search(now)
    if old is None or new is None or (old[1], old[3]) != (new[1], new[3]):
        return False
    was, is_now = float(old[2] or old[4]), float(new[2] or new[4])
    is_upper = old[3] == "LessThan" or (old[1] or "").startswith("<")
    return is_now > was if is_upper else is_now < was


def _covers_whole(before: Assertion, now: Assertion, new: Case) -> bool:
    """Whether one assertion says all that another did, for a whole of which that was a part."""
    if now.strength < before.strength or now.condition is not None:
        return False
    if before.constants and before.constants <= now.constants:
        return True
    if not (now.roots & before.roots or now.subject.partition("(")[0] in before.subject):
        return False
    if now.strength > before.strength and now.subject and now.subject in before.text:
        # What equals a value also has its length, its type, and is not None.
        return True
    is_whole = before.subject.startswith((f"{now.subject}.", f"{now.subject}["))
    has_values = before.constants <= (now.constants | new.constants)
    return (is_whole and has_values) or (bool(before.constants) and has_values)


def _without_counterpart(before: Assertion, unused: list[Assertion], new: Case) -> Lost:
    plain = (each for each in unused if each.condition is None or before.condition is not None)
    equal = next((each for each in plain if each.strength >= before.strength), None)
    if equal is not None:
        unused.remove(equal)
        return Lost(before, equal, "another assertion stands in its place", is_replaced=True)
    return Lost(before, None, "it is gone")
