"""`figures_measured`: speeds, sizes and coverages that are told stand in something that was recorded.

Above: the registry. Below: the recorded evidence. A figure of the work order, or one that stands in the
difference itself, such as a limit in a configuration, was not measured by the worker and needs no proof.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agentos import Finding, ReviewedEvidence
from agentos_governance.gatekeeper.files.added_lines import added_lines
from agentos_governance.gatekeeper.records.reports import standing_reports
from agentos_governance.gatekeeper.work import Work

CHECK = "figures_measured"
MAX_TEXTS = 300
MAX_NUMBERS = 400
NEAR = 0.06
"""How far off a told figure may be from the recorded one: it is rounded."""

_MEASURED = frozenset(
    {"command_result", "coverage", "log", "test_report", "sarif", "artifact", "benchmark"}
)
_NUMBER = re.compile(r"(?<![\w.])(\d{1,3}(?:[,_ ]\d{3})+|\d{1,12})(\.\d{1,6})?")
_UNIT = r"(?:ms|us|\u00b5s|ns|s|sec|seconds?|minutes?|MB|MiB|GB|GiB|KB|KiB|bytes|qps|rps|req/s|ops/s|tok/s|tokens/s|fps)"
_SPEED = re.compile(
    rf"(?i)(\d+(?:[.,]\d+)?)\s?(?:x|\u00d7|times)(?=\s+(?:as\s+)?(?:faster|slower|quicker|smaller|fewer|less|speed|improvement|more|fast))"
    rf"|(\d+(?:\.\d+)?)\s?%\s+(?:faster|slower|quicker|less|fewer|lower|reduction|improvement|speed-?up|smaller)"
    rf"|(?:faster|slower|speed-?up|improv\w+|reduc\w+|cut|down|drop\w*|went|takes?|took|became|latency|throughput|p\d\d|memory)\b[^.\n]{{0,60}}?(?<![\w.])(\d+(?:[.,]\d+)?)\s?{_UNIT}\b"
    rf"|(\d+(?:[.,]\d+)?)\s?{_UNIT}\s+(?:instead of|became|down from|before|per (?:call|request|loop|iteration))"
    rf"|coverage\b[^.\n]{{0,40}}?(\d+(?:\.\d+)?)\s?%|(\d+(?:\.\d+)?)\s?%\s+(?:\w+\s+){{0,2}}coverage"
)
_WORDS = re.compile(
    r"(?i)\b(?:twice|three times|four times|ten times|an order of magnitude)\s+as\s+(?:fast|quick)|\bhalves the (?:time|latency|memory)"
)
_HYPOTHETIC = re.compile(
    r"(?i)\b(?:must|should|may|at most|at least|limit|budget|within|target|goal|below|under|no more than|nothing|not|if|would|timeout)\b[^.\n]{0,50}$"
)


async def figures_measured(work: Work) -> list[Finding]:
    """See the module; at most one finding for each text."""
    texts = [(work.summary, "the summary")]
    texts += [(e.claim, e.id) for e in work.evidence if e.kind not in {"tool_use", *_MEASURED}]
    told = [(text, who, list(_told(text))) for text, who in texts[-MAX_TEXTS:]]
    if not any(figures for *_, figures in told):
        return []
    known = _numbers_of(work.objective) | _added_numbers(work)
    measured = await _recorded_numbers(work)
    found = []
    for text, who, figures in told:
        unknown = [
            shown
            for shown, value in figures
            if value not in known and not _is_near(value, measured)
        ]
        if unknown:
            found.append(_found(who, text, unknown, is_any=bool(measured)))
    return found


def _told(text: str) -> Iterator[tuple[str, float]]:
    """Measured figures in a text: how they are written, and their value."""
    for match in _SPEED.finditer(text):
        number = next((group for group in match.groups() if group), None)
        if number is not None and not _HYPOTHETIC.search(text[: match.start()]):
            yield match[0].strip(), float(number.replace(",", "."))


def _numbers_of(text: str) -> set[float]:
    return set(_values(text))


def _values(text: str) -> Iterator[float]:
    for match in _NUMBER.finditer(text):
        yield float(re.sub(r"[,_ ]", "", match[1]) + (match[2] or ""))


def _added_numbers(work: Work) -> set[float]:
    found: set[float] = set()
    for file in work.files:
        for _, line in added_lines(file)[:2_000]:
            found |= set(_values(line))
            if len(found) > MAX_NUMBERS * 10:
                return found
    return found


async def _recorded_numbers(work: Work) -> list[float]:
    found: dict[float, None] = {}
    for item in _recorded(work.evidence):
        content = await work.read_evidence(item.sha256)
        text = (content or b"")[:64_000].decode("utf-8", "replace")
        for value in _values(text):
            found[value] = None
        for share in re.findall(r"(?:line|branch)-rate=\"(0?\.\d+|1(?:\.0*)?)\"", text):
            found[round(float(share) * 100, 4)] = None
    return list(found)[-MAX_NUMBERS:]


def _recorded(evidence: Sequence[ReviewedEvidence]) -> Iterator[ReviewedEvidence]:
    """What programs wrote. A report of tests says how long tests took, and nothing of the product."""
    for item in evidence:
        if item.kind in _MEASURED - {"test_report"}:
            yield item
    for _, item in standing_reports(evidence):
        if item.kind == "coverage":
            yield item


def _is_near(value: float, measured: Sequence[float]) -> bool:
    """Whether a figure was recorded, or is the ratio or the saving of two that were."""
    if any(_close(value, each) for each in measured):
        return True
    plain = [each for each in measured if each > 0][-120:]
    return any(
        _close(value, first / second) or _close(value, 100 * (1 - second / first))
        for first in plain
        for second in plain
        if first > second
    )


def _close(value: float, other: float) -> bool:
    return abs(value - other) <= NEAR * max(abs(value), abs(other), 1e-9)


def _found(who: str, text: str, unknown: Sequence[str], *, is_any: bool) -> Finding:
    why = "no recorded output shows it" if is_any else "nothing was recorded that measures it"
    return Finding(
        CHECK,
        "blocking",
        f"{who} says `{unknown[0][:100]}`, and {why}: record the command that measured it as "
        "`command_result`, or leave the figure out",
        f"{who}: {text[:160]}",
    )
