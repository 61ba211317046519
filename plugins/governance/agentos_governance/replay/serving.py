"""The tool level: every recorded call again, its result served from what was kept.

Above: the command line. Below: the kernel's kept results, and the pipeline for reads that may be
executed again. A write is never executed again, nor is what somebody decided, nor what costs
money; a read is a new call by whoever replays, recorded as such under the edge `replay`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from agentos import CallRequest, Credentials, KeptResult, Kernel, RequestError, Tool, ToolResult
from agentos_governance.replay.recording import RecordedCall

EDGE = "replay"


class Finding(StrEnum):
    """How a recorded call stands today."""

    SERVED = "served"
    """The kept result is what was recorded."""
    SAME = "same"
    """Executed again, the read gives what was recorded."""
    DIVERGED = "diverged"
    """Executed again, the read gives something else: what it reads has changed since."""
    NOT_KEPT = "not kept"
    """Only the digest is on record."""
    AS_RECORDED = "as recorded"
    """It gave no result: refused, failed, replayed, or killed on the way."""
    DECISION = "decision as recorded"
    """Somebody decided; that is shown and never made again."""
    BROKEN = "broken"
    """The record contradicts itself: kept result or arguments do not fit their digest."""


@dataclass(frozen=True, slots=True)
class ServedCall:
    """A recorded call and how it stands."""

    recorded: RecordedCall
    finding: Finding
    detail: str
    result: dict[str, Any] | None
    result_sha256_now: str | None = None

    def document(self) -> dict[str, Any]:
        """The call as JSON."""
        recorded = self.recorded
        return {
            "call": recorded.call,
            "tool": recorded.tool,
            "actor": recorded.actor,
            "at": recorded.at,
            "outcome": recorded.outcome,
            "finding": self.finding.value,
            "detail": self.detail,
            "arguments": recorded.arguments,
            "arguments_sha256": recorded.arguments_sha256,
            "result_sha256": recorded.result_sha256,
            "result_sha256_now": self.result_sha256_now,
            "result": self.result,
            "error": recorded.error,
        }


async def serve_call(kernel: Kernel, recorded: RecordedCall, *, rerun: bool) -> ServedCall:
    """The call with its kept result; with `rerun`, a read that may is executed again as well."""
    kept = (
        None
        if recorded.result_sha256 is None
        else await kernel.results.find(recorded.result_sha256)
    )
    result = None if kept is None else kept.structured
    problem = _contradiction(recorded, kept)
    if problem is not None:
        return ServedCall(recorded, Finding.BROKEN, problem, result)
    if recorded.is_decision:
        return ServedCall(recorded, Finding.DECISION, f"by {recorded.actor}", result)
    if recorded.outcome != "ok":
        said = (recorded.error or {}).get("code", recorded.outcome)
        return ServedCall(recorded, Finding.AS_RECORDED, str(said), None)
    reason = _why_not_again(kernel.tools.get(recorded.tool), recorded)
    if rerun and reason is None:
        again = await _execute(kernel, recorded)
        if not again.is_error:
            return _compared(kernel, recorded, again, result)
        reason = f"not admitted now: {again.error_code}"
    finding = Finding.NOT_KEPT if kept is None else Finding.SERVED
    detail = reason or ("redacted" if kept is not None and kept.is_redacted else "")
    return ServedCall(recorded, finding, detail, result)


def _contradiction(recorded: RecordedCall, kept: KeptResult | None) -> str | None:
    if recorded.fits_digest is False:
        return "the recorded arguments do not fit their digest"
    if kept is not None and not kept.is_whole:
        return "the kept result does not fit the recorded digest"
    return None


def _why_not_again(tool: Tool | None, recorded: RecordedCall) -> str | None:
    """Why a call is not executed again; None where it may be."""
    if tool is None:
        return "the tool is not there any more"
    if not tool.is_read_only or tool.is_destructive:
        return "writes are not executed again"
    if tool.max_cost_usd:
        return "what costs money is not executed again"
    if recorded.arguments is None:
        return "the arguments were too large to be recorded"
    if recorded.fits_digest is not True:
        return "the recorded arguments are redacted"
    return None


async def _execute(kernel: Kernel, recorded: RecordedCall) -> ToolResult:
    token = kernel.settings.token
    credentials = Credentials(bearer_token=token, is_local=token is None)
    assert recorded.arguments is not None
    request = CallRequest(recorded.tool, recorded.arguments, credentials, EDGE)
    try:
        return await kernel.dispatch(request)
    except RequestError as error:
        return ToolResult({"error": {"code": error.code}}, error.message, is_error=True)


def _compared(
    kernel: Kernel, recorded: RecordedCall, again: ToolResult, kept: dict[str, Any] | None
) -> ServedCall:
    digest = kernel.results.digest_of(again.structured)
    if digest == recorded.result_sha256:
        return ServedCall(recorded, Finding.SAME, "executed again", kept, digest)
    before = kept or {}
    changed = sorted(
        key
        for key in before.keys() | again.structured.keys()
        if before.get(key) != again.structured.get(key)
    )
    detail = f"fields that differ: {', '.join(changed)}" if kept is not None else "digests differ"
    return ServedCall(recorded, Finding.DIVERGED, detail, kept, digest)
