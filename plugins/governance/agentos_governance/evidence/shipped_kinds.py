"""The kinds of evidence that come with governance.

Above: the plugin registers them. Below: one module for each format that takes parsing.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from agentos import InvalidArgumentError, sha256_hex
from agentos_governance.evidence.cobertura import COVERAGE
from agentos_governance.evidence.junit import TEST_REPORT
from agentos_governance.evidence.kinds import EvidenceKind, Facts
from agentos_governance.evidence.sarif import SARIF

_TEXT = ("text/plain", "text/markdown")


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidArgumentError("it is not UTF-8 text") from None
    if not text.strip():
        raise InvalidArgumentError("it is empty")
    return text


def _examine_text(content: bytes) -> Facts:
    text = _text(content)
    return {"lines": text.count("\n") + (not text.endswith("\n")), "words": len(text.split())}


def _examine_log(content: bytes) -> Facts:
    if not content.strip():
        raise InvalidArgumentError("it is empty")
    return {"lines": content.count(b"\n") + (not content.endswith(b"\n"))}


def _examine_file(content: bytes) -> Facts:
    return {"size_bytes": len(content)}


def _examine_diff(content: bytes) -> Facts:
    """Counts of a unified diff, as git writes it; its hunks say how many lines they hold."""
    files = insertions = deletions = hunks = 0
    left_old = left_new = 0
    for line in content.split(b"\n"):
        if left_old > 0 or left_new > 0:
            insertions += line.startswith(b"+")
            deletions += line.startswith(b"-")
            left_old -= not line.startswith((b"+", b"\\"))
            left_new -= not line.startswith((b"-", b"\\"))
        elif line.startswith(b"@@ "):
            hunks += 1
            left_old, left_new = _hunk_lengths(line)
        elif line.startswith(b"+++ "):
            files += 1
        elif line.startswith((b"Binary files ", b"GIT binary patch", b"rename to ", b"new mode ")):
            files, hunks = files + 1, hunks + 1
    if hunks == 0:
        raise InvalidArgumentError("it holds no change: no hunk of a unified diff")
    if left_old > 0 or left_new > 0:
        raise InvalidArgumentError("its last hunk is cut short")
    return {"files": files, "insertions": insertions, "deletions": deletions}


def _hunk_lengths(line: bytes) -> tuple[int, int]:
    """Old and new lines of a hunk, from `@@ -12,3 +12,4 @@`; a length of one may be left out."""
    try:
        _, old, new, *_ = line.split(b" ")
        lengths = [int(part.partition(b",")[2] or b"1") for part in (old, new)]
        if not old.startswith(b"-") or not new.startswith(b"+") or min(lengths) < 0:
            raise ValueError
    except ValueError:
        raise InvalidArgumentError("a hunk's header is not that of a unified diff") from None
    return lengths[0], lengths[1]


def _examine_command(content: bytes) -> Facts:
    """Exit code and command of `{"command": ..., "exit_code": ..., "output": ...}`."""
    try:
        result: Any = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise InvalidArgumentError(f"it is not JSON: {error}") from None
    if not isinstance(result, Mapping):
        raise InvalidArgumentError("it is no JSON object")
    command, exit_code, output = (result.get(n) for n in ("command", "exit_code", "output"))
    if not isinstance(command, str) or not command.strip():
        raise InvalidArgumentError("its `command` is not the command line that was run")
    if isinstance(exit_code, bool) or not isinstance(exit_code, int) or abs(exit_code) > 2**31:
        raise InvalidArgumentError("its `exit_code` is no whole number")
    if output is not None and not isinstance(output, str):
        raise InvalidArgumentError("its `output` is no text")
    return {
        "exit_code": exit_code,
        "command_sha256": sha256_hex(command.encode("utf-8", "surrogatepass")),
        "output_sha256": None
        if output is None
        else sha256_hex(output.encode("utf-8", "surrogatepass")),
    }


def _find_bad_exit(facts: Facts) -> Sequence[str]:
    return [f"the command ended with exit code {facts['exit_code']}"] if facts["exit_code"] else []


def _examine_screenshot(content: bytes) -> Facts:
    """Format and size of a PNG, GIF, JPEG or WebP image."""
    if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR" and len(content) > 33:
        width, height = struct.unpack(">II", content[16:24])
        return _image("png", width, height)
    if content[:6] in {b"GIF87a", b"GIF89a"} and len(content) > 13:
        width, height = struct.unpack("<HH", content[6:10])
        return _image("gif", width, height)
    if content.startswith(b"\xff\xd8\xff") and content.rstrip(b"\0").endswith(b"\xff\xd9"):
        return _image("jpeg", None, None)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP" and len(content) > 20:
        return _image("webp", None, None)
    raise InvalidArgumentError("it is no PNG, GIF, JPEG or WebP image")


def _image(format: str, width: int | None, height: int | None) -> Facts:
    if width == 0 or height == 0:
        raise InvalidArgumentError("it is an image without a pixel")
    return {"format": format, "width": width, "height": height}


_TEXT_FACTS = {"lines": "Lines of text", "words": "Words, between white space"}

SHIPPED_KINDS = (
    TEST_REPORT,
    COVERAGE,
    SARIF,
    EvidenceKind(
        "diff",
        "A unified diff with at least one change",
        ("text/x-diff", "text/plain"),
        _examine_diff,
        {"files": "Files changed", "insertions": "Lines added", "deletions": "Lines removed"},
    ),
    EvidenceKind(
        "command_result",
        'How a command ended: JSON {"command": text, "exit_code": number, "output": text}',
        ("application/json",),
        _examine_command,
        {
            "exit_code": "Exit code of the command",
            "command_sha256": "SHA-256 of the command line",
            "output_sha256": "SHA-256 of its output; null if none is given",
        },
        _find_bad_exit,
    ),
    EvidenceKind(
        "analysis", "Reasoning about the work, as text", _TEXT, _examine_text, _TEXT_FACTS
    ),
    EvidenceKind(
        "decision", "What was decided and why, as text", _TEXT, _examine_text, _TEXT_FACTS
    ),
    EvidenceKind(
        "log", "Output of a program", ("text/plain",), _examine_log, {"lines": "Lines of output"}
    ),
    EvidenceKind(
        "file",
        "Any file, kept as it is",
        ("application/octet-stream",),
        _examine_file,
        {"size_bytes": "Size in bytes"},
    ),
    EvidenceKind(
        "screenshot",
        "An image: PNG, GIF, JPEG or WebP",
        ("image/png", "image/gif", "image/jpeg", "image/webp"),
        _examine_screenshot,
        {
            "format": "png, gif, jpeg or webp",
            "width": "Pixels; null where the format hides it",
            "height": "Pixels; null where the format hides it",
        },
    ),
)
