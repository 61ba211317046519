"""Scores answers about callers or callees against a truth file.

Precision is tp / (tp + fp), recall tp / truth. An answer is soft, and counts as neither, when the
server resolves the call to a method that the symbol overrides (`dispatch`), cannot type its
receiver (`unknown`), or sees a mention without a call (`ref`). Nested functions fold into the
outermost one, calls outside of functions and recursion are ignored. Constructed classes count where
callers of classes are asked for, not among callees. Micro figures are over edges, macro figures are
means over symbols.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

Mode: TypeAlias = Literal["callers", "callees"]
MODULE = "<module>"


class Table:
    """The definitions of a repository, for folding and for finding what lies around a line."""

    def __init__(self, rows: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        self._rows = rows
        self._kinds = {f"{path}::{row[3]}": row[2] for path, found in rows.items() for row in found}

    @classmethod
    def load(cls, truth: Path) -> Table:
        """The table that lies beside a truth file."""
        with gzip.open(truth.with_suffix(".defs.json.gz"), "rt") as file:
            return cls(json.load(file))

    def at(self, path: str, line: int) -> str:
        """The outermost function around a line, by its id."""
        return self.fold(self.named_at(path, line))

    def named_at(self, path: str, line: int) -> str:
        """The innermost definition around a line, by its id."""
        best: Sequence[Any] | None = None
        for row in self._rows.get(path, ()):
            if row[0] <= line <= row[1] and (best is None or row[0] >= best[0]):
                best = row
        return f"{path}::{best[3] if best is not None else MODULE}"

    def fold(self, identifier: str) -> str:
        """The outermost function of a definition; class level becomes the module."""
        path, _, name = identifier.partition("::")
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            outer = f"{path}::{'.'.join(parts[:end])}"
            if self._kinds.get(outer) in ("function", "method"):
                return outer
        return identifier if self.is_class(identifier) else f"{path}::{MODULE}"

    def is_class(self, identifier: str) -> bool:
        """Whether a definition is a class."""
        return self._kinds.get(identifier) == "class"


@dataclass(frozen=True, slots=True)
class SymbolScore:
    """One symbol's answer against its truth."""

    id: str
    stratum: str
    n_truth: int
    tp: int
    fp: int
    soft: int
    missed: tuple[str, ...]
    wrong: tuple[str, ...]


@dataclass(slots=True)
class Summary:
    """Figures over several symbols."""

    scores: list[SymbolScore] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Over edges."""
        return _ratio(self._sum("tp"), self._sum("tp") + self._sum("fp"))

    @property
    def recall(self) -> float:
        """Over edges."""
        return _ratio(self._sum("tp"), self._sum("n_truth"))

    @property
    def f1(self) -> float:
        """Over edges."""
        return _ratio(2 * self.precision * self.recall, self.precision + self.recall)

    @property
    def macro_precision(self) -> float:
        """Over the symbols with an answer that is right or wrong."""
        return _mean(s.tp / (s.tp + s.fp) for s in self.scores if s.tp + s.fp)

    @property
    def macro_recall(self) -> float:
        """Over the symbols that have callers."""
        return _mean(s.tp / s.n_truth for s in self.scores if s.n_truth)

    @property
    def exact_sets(self) -> float:
        """The share of symbols whose answer is the truth."""
        return _mean(float(s.tp == s.n_truth and not s.fp) for s in self.scores)

    def _sum(self, name: str) -> int:
        return sum(getattr(score, name) for score in self.scores)

    def row(self) -> str:
        """One line of the table."""
        return (
            f"{len(self.scores):5} {self._sum('n_truth'):6} {self._sum('tp'):6} "
            f"{self._sum('fp'):5} {self._sum('soft'):5} | {self.precision:6.3f} {self.recall:6.3f} "
            f"{self.f1:6.3f} | {self.macro_precision:6.3f} {self.macro_recall:6.3f} "
            f"{self.exact_sets:6.3f}"
        )


HEAD = (
    f"{'':18} {'syms':>5} {'truth':>6} {'tp':>6} {'fp':>5} {'soft':>5} | {'prec':>6} {'rec':>6} "
    f"{'f1':>6} | {'mprec':>6} {'mrec':>6} {'exact':>6}"
)


def score(
    truth: Mapping[str, Any], answers: Mapping[str, Iterable[str]], table: Table, mode: Mode
) -> dict[str, Summary]:
    """Summaries by stratum, and `functions+methods` and `classes` over several."""
    groups: dict[str, Summary] = defaultdict(Summary)
    for symbol in truth["symbols"]:
        is_nested = table.fold(symbol["id"]) != symbol["id"]
        if mode == "callees" and ("callees" not in symbol or is_nested):
            continue
        scored = _score_symbol(symbol, answers.get(symbol["id"], ()), table, mode)
        groups["classes" if symbol["kind"] == "class" else "functions+methods"].scores.append(
            scored
        )
        if symbol["kind"] != "class":
            groups["  " + symbol["stratum"]].scores.append(scored)
    return dict(groups)


def _score_symbol(
    symbol: Mapping[str, Any], answer: Iterable[str], table: Table, mode: Mode
) -> SymbolScore:
    own = table.fold(symbol["id"])

    def keep(ids: Iterable[str]) -> set[str]:
        folded = {table.fold(each) for each in ids}
        outside = {own} | {each for each in folded if each.endswith(f"::{MODULE}")}
        if mode == "callees":
            outside |= {each for each in folded if table.is_class(each)}
        return folded - outside

    want, soft = _wanted(symbol, keep, mode)
    names = set(symbol.get("callees_unresolved", ())) if mode == "callees" else set()
    given = keep(answer)
    right = given & want
    open_ = {each for each in given - want if each in soft or _last(each) in names}
    wrong = given - right - open_
    return SymbolScore(
        symbol["id"], symbol["stratum"], len(want), len(right), len(wrong), len(open_),
        tuple(sorted(want - given)), tuple(sorted(wrong)),
    )  # fmt: skip


def _wanted(symbol: Mapping[str, Any], keep: Any, mode: Mode) -> tuple[set[str], set[str]]:
    if mode == "callees":
        return keep(symbol["callees"]), keep(symbol.get("callees_dispatch", ()))
    soft = {
        *symbol["dispatch"], *symbol["unresolved"], *symbol["refs"],
        *symbol.get("incoming_only", ()),
    }  # fmt: skip
    return keep(symbol["callers"]), keep(soft)


def _last(identifier: str) -> str:
    return identifier.rsplit("::", 1)[1].rsplit(".", 1)[-1]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return _ratio(sum(found), len(found))
