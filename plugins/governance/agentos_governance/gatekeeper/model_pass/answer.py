"""What a model answered, of which only findings are kept that cite lines which are there.

Above: the model's pass. Below: the submitted tree. Nothing a model says can make work pass: it can
only add findings, each at a place that a person can look at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentos import Finding, ReviewedWork
from agentos_governance.gatekeeper.model_pass.prompt import MAX_FINDINGS

CHECK = "model_review"
MAX_ANSWER_CHARS = 200_000


class BrokenAnswerError(ValueError):
    """The answer is not what was asked for; the text says in what way."""


class _SaidFinding(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    severity: Literal["blocking", "warning", "note"]
    path: Annotated[str, Field(min_length=1, max_length=1_000)]
    start_line: Annotated[int, Field(ge=1)]
    end_line: Annotated[int, Field(ge=1)]
    claim: Annotated[str, Field(min_length=1, max_length=2_000)]
    message: Annotated[str, Field(min_length=1, max_length=10_000)]


@dataclass(frozen=True, slots=True)
class KeptFindings:
    """Findings whose places exist, and how many were left out."""

    findings: tuple[Finding, ...]
    n_dropped: int


def said_findings(answer: str, token: str) -> Sequence[Any]:
    """The findings of the answer as they came; BrokenAnswerError where it is not in the form."""
    if len(answer) > MAX_ANSWER_CHARS:
        raise BrokenAnswerError(f"it has more than {MAX_ANSWER_CHARS} characters")
    document = _document(answer)
    if document.get("token") != token:
        raise BrokenAnswerError("it does not hold the token that was asked for")
    findings = document.get("findings")
    if not isinstance(findings, list):
        raise BrokenAnswerError("it holds no list of findings")
    return findings


async def keep_cited(said: Sequence[Any], work: ReviewedWork, *, may_block: bool) -> KeptFindings:
    """At most MAX_FINDINGS findings, each at lines of a file of the submitted tree."""
    kept: dict[tuple[str, int, int, str], Finding] = {}
    sizes: dict[str, int] = {}
    for each in said:
        finding = _parsed(each)
        if finding is None or len(kept) == MAX_FINDINGS:
            continue
        if finding.path not in sizes and len(sizes) < 2 * MAX_FINDINGS:
            sizes[finding.path] = await _count_lines(work, finding.path)
        if not 1 <= finding.start_line <= finding.end_line <= sizes.get(finding.path, 0):
            continue
        key = (finding.path, finding.start_line, finding.end_line, finding.claim)
        kept.setdefault(key, _finding(finding, may_block=may_block))
    return KeptFindings(tuple(kept.values()), len(said) - len(kept))


def _document(answer: str) -> Mapping[str, Any]:
    """The one object in the answer; models like to put it between fences."""
    start, end = answer.find("{"), answer.rfind("}")
    try:
        document = json.loads(answer[start : end + 1]) if start >= 0 else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise BrokenAnswerError("it is not the JSON object that was asked for")
    return document


def _parsed(said: Any) -> _SaidFinding | None:
    try:
        return _SaidFinding.model_validate(said)
    except ValidationError:
        return None


async def _count_lines(work: ReviewedWork, path: str) -> int:
    """Lines of a submitted file, by line feeds; 0 where there is no such file."""
    if path.startswith(("/", "~")) or "\0" in path or ".." in path.split("/"):
        return 0
    content = await work.read_submitted(path)
    if content is None or b"\0" in content:
        return 0
    return content.count(b"\n") + (not content.endswith(b"\n") and bool(content))


def _finding(said: _SaidFinding, *, may_block: bool) -> Finding:
    severity = said.severity if may_block or said.severity != "blocking" else "warning"
    return Finding(
        check=CHECK,
        severity=severity,
        message=said.message,
        claim=said.claim,
        path=said.path,
        start_line=said.start_line,
        end_line=said.end_line,
        by="model",
    )
