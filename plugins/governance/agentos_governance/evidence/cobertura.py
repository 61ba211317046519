"""Coverage reports in Cobertura's XML form: which share of the lines ran.

Above: the shipped kinds. Below: xml_reading. Lines are counted one by one, those of methods left
out since their classes list them again; the rate that the report claims is kept beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from agentos import InvalidArgumentError
from agentos_governance.evidence.kinds import EvidenceKind, Facts, whole_number
from agentos_governance.evidence.xml_reading import read_xml


class _Report:
    """What the elements so far say."""

    def __init__(self) -> None:
        self.stack: list[str] = []
        self.claimed: str | None = None
        self.lines = 0
        self.covered = 0
        self.files: set[str] = set()

    def enter(self, name: str, attributes: Mapping[str, str]) -> None:
        if not self.stack:
            if name != "coverage":
                raise InvalidArgumentError(
                    f"its root is <{name[:80]}>; Cobertura's is <coverage>",
                    remedy="coverage xml, or pytest --cov-report=xml, writes one",
                )
            self.claimed = _rate(attributes.get("line-rate"))
        elif name == "class":
            self.files.add(attributes.get("filename", "")[:1_000])
        elif name == "line" and self.stack[-2:] == ["class", "lines"]:
            self.lines += 1
            self.covered += whole_number(attributes.get("hits")) > 0
        self.stack.append(name)

    def leave(self, name: str) -> None:
        self.stack.pop()


def examine_coverage(content: bytes) -> Facts:
    """The facts of a Cobertura report; InvalidArgumentError for one without a line."""
    report = _Report()
    read_xml(content, report.enter, report.leave)
    if report.lines == 0:
        raise InvalidArgumentError("it covers no line of any file")
    rate = Decimal(report.covered) / report.lines
    return {
        "line_rate": f"{rate:.4f}",
        "claimed_line_rate": report.claimed,
        "lines": report.lines,
        "covered_lines": report.covered,
        "files": len(report.files),
    }


def _rate(text: str | None) -> str | None:
    """A rate from 0 to 1 in four decimals, None for anything else."""
    try:
        rate = Decimal(text) if text is not None and len(text) <= 30 else None
    except InvalidOperation:
        return None
    return f"{rate:.4f}" if rate is not None and rate.is_finite() and 0 <= rate <= 1 else None


COVERAGE = EvidenceKind(
    name="coverage",
    description="A coverage report as Cobertura XML, with at least one line",
    media_types=("application/xml", "text/xml"),
    examine=examine_coverage,
    facts={
        "line_rate": "Covered lines of all lines, counted from the lines, four decimals",
        "claimed_line_rate": "The rate that the report says of itself; null if it says none",
        "lines": "Lines that could run",
        "covered_lines": "Lines that ran",
        "files": "Source files in the report",
    },
)
