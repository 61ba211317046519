"""Which test of the submitted work is which of the base: by place, by name, by what is in it.

Above: comparison. Below: cases. A test that was renamed, moved to another file, or merged into
another one is found again, so that only what is really gone counts as gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agentos_governance.gatekeeper.cases import Case

MAX_COMPARED = 40_000
SIMILAR = 0.6
"""Share of a test's assertions or words that must stand in another to be the same test."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Pairs of old and new, what is gone, and what is new."""

    pairs: list[tuple[Case, Case]]
    gone: list[Case]
    added: list[Case]


def pair_cases(old: Sequence[Case], new: Sequence[Case], renamed: dict[str, str]) -> Pairing:
    """`renamed` maps old paths of files to new ones. Each case is in one pair at most."""
    left = {(case.path, case.name): case for case in new}
    pairs: list[tuple[Case, Case]] = []
    gone: list[Case] = []
    for case in old:
        found = left.pop((renamed.get(case.path, case.path), case.name), None)
        if found is None:
            gone.append(case)
        else:
            pairs.append((case, found))
    similar = _Similar(is_large=len(gone) * len(left) > MAX_COMPARED)
    for same in (_same_name_and_body, _same_body, _same_short_name, similar):
        gone = _pair_rest(gone, left, same, pairs)
    return Pairing(pairs, gone, list(left.values()))


def _pair_rest(
    gone: Sequence[Case],
    left: dict[tuple[str, str], Case],
    same: _Likeness,
    pairs: list[tuple[Case, Case]],
) -> list[Case]:
    still: list[Case] = []
    candidates = same.index(left.values())
    for case in gone:
        best = max(
            ((same.score(case, each), each) for each in candidates.get(same.key(case), ())
             if (each.path, each.name) in left),
            key=lambda scored: scored[0],
            default=(0.0, None),
        )  # fmt: skip
        if best[1] is None or best[0] < SIMILAR:
            still.append(case)
            continue
        pairs.append((case, best[1]))
        del left[best[1].path, best[1].name]
    return still


class _Likeness:
    """What makes two cases the same: a key both share, and a score from 0 to 1."""

    def key(self, case: Case) -> str:
        return ""

    def score(self, old: Case, new: Case) -> float:
        return 1.0

    def index(self, cases: Iterable[Case]) -> dict[str, list[Case]]:
        found: dict[str, list[Case]] = defaultdict(list)
        for case in cases:
            found[self.key(case)].append(case)
        return found


class _SameNameAndBody(_Likeness):
    def key(self, case: Case) -> str:
        return f"{case.short_name} {case.body}"


class _SameBody(_Likeness):
    def key(self, case: Case) -> str:
        return case.body

    def score(self, old: Case, new: Case) -> float:
        # An empty body says nothing.
        return 1.0 if old.assertions or len(old.words) > 2 else 0.0


class _SameShortName(_Likeness):
    def key(self, case: Case) -> str:
        return case.short_name

    def score(self, old: Case, new: Case) -> float:
        if old.is_test != new.is_test:
            return 0.0
        return max(SIMILAR, _shared(old.words, new.words))


class _Similar(_Likeness):
    def key(self, case: Case) -> str:
        # Every pair is compared: only of few tests, else within a file.
        return case.path if self.is_large else ""

    def __init__(self, *, is_large: bool) -> None:
        self.is_large = is_large

    def score(self, old: Case, new: Case) -> float:
        if not old.is_test:
            return 0.0
        statements = _shared(_texts(old), _texts(new))
        words = _shared(old.words, new.words)
        if not _texts(old):
            return 0.0
        if statements >= SIMILAR:
            return statements
        # One whose assertions were taken away keeps its words; so does its neighbour.
        return (
            words
            if words >= 0.8 and old.path == new.path and old.constants & new.constants
            else 0.0
        )


_same_name_and_body = _SameNameAndBody()
_same_body = _SameBody()
_same_short_name = _SameShortName()


def _texts(case: Case) -> frozenset[str]:
    return frozenset(each.text for each in case.effective)


def _shared(first: frozenset[str], second: frozenset[str]) -> float:
    together = len(first | second)
    return len(first & second) / together if together else 0.0
