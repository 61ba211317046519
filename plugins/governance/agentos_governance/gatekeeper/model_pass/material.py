"""What a reviewing model is shown of submitted work: bounded, numbered, and fenced as data.

Above: the model's prompt. Below: the standard library. Everything in here was written by whoever
did the work, names of files included. So that it stays data, every part stands between lines with
a mark that nobody could know beforehand, and characters that people do not see are written out.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agentos import Finding, ReviewedEvidence, ReviewedFile, redact_text

MAX_FILE_LINES = 4_000
"""Longer files are not compared: the time that takes grows with the square."""
MAX_LINE_CHARS = 400
MAX_EVIDENCE_SHARE = 0.2
MAX_FILE_SHARE = 0.5
"""Of what is left: one long file must not push all others out."""
MIN_SHARE_CHARS = 60
"""Less holds no head and line."""
CONTEXT_LINES = 3
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
_RANKS = {"blocking": 0, "warning": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class ShownChanges:
    """Changed files as text; `n_shown` of `n_files` fit, at least in part."""

    text: str
    n_shown: int
    n_files: int


def fenced(mark: str, title: str, text: str) -> str:
    """The text as material, between lines that hold `mark`."""
    return f"<<<MATERIAL {mark} {title}\n{visible(text, mark)}\nMATERIAL {mark}>>>"


def visible(text: str, mark: str) -> str:
    """The text without secrets, without `mark`, and with hidden characters written out.

    Direction marks, tag characters and the like could tell a model what a person does not see.
    """
    plain = redact_text(text).replace(mark, "")
    return "".join(c if _is_plain(c) else f"\\u{{{ord(c):x}}}" for c in plain)


def show_changes(
    files: Sequence[ReviewedFile], suspicions: Sequence[Finding], max_chars: int
) -> ShownChanges:
    """The changes, those of files with findings first, cut at `max_chars`. For a thread."""
    parts: list[str] = []
    left = max_chars
    n_shown = 0
    ordered = sorted(files, key=_by_suspicion(suspicions))
    for number, file in enumerate(ordered):
        is_last = number == len(ordered) - 1
        share = left if is_last else max(int(left * MAX_FILE_SHARE), min(left, 2_000))
        if share < MIN_SHARE_CHARS:
            # Nothing is gained by comparing what cannot be shown.
            break
        text = _cut("\n".join(_lines_of(file)), share)
        if text is None:
            continue
        parts.append(text)
        left -= len(text) + 1
        n_shown += 1
    return ShownChanges("\n".join(parts), n_shown, len(files))


def show_evidence(evidence: Sequence[ReviewedEvidence], max_chars: int) -> str:
    """One line a piece, newest first; what does not fit is counted."""
    lines: list[str] = []
    left = max_chars
    for number, item in enumerate(reversed(evidence)):
        line = _evidence_line(item)[:MAX_LINE_CHARS]
        if len(line) + 1 > left:
            lines.append(f"... and {len(evidence) - number} older pieces")
            break
        lines.append(line)
        left -= len(line) + 1
    return "\n".join(lines) or "none"


def show_suspicions(suspicions: Sequence[Finding]) -> str:
    """What checks found already, by name and place."""
    lines = [
        f"{each.check}: {each.path or 'the work as a whole'}"
        + (f":{each.start_line}" if each.start_line else "")
        for each in suspicions[:50]
    ]
    return "\n".join(dict.fromkeys(lines)) or "none"


def _by_suspicion(suspicions: Sequence[Finding]) -> _Order:
    worst: dict[str, int] = {}
    for each in suspicions:
        if each.path is not None:
            worst[each.path] = min(_RANKS[each.severity], worst.get(each.path, 9))
    return _Order(worst)


@dataclass(frozen=True, slots=True)
class _Order:
    """The order in which files are shown: by their worst finding, then by path."""

    worst: Mapping[str, int]

    def __call__(self, file: ReviewedFile) -> tuple[int, str]:
        return self.worst.get(file.path, 9), file.path


def _lines_of(file: ReviewedFile) -> Iterator[str]:
    renamed = f", was {file.old_path}" if file.old_path else ""
    yield f"=== {file.path} ({file.status}{renamed})"
    if file.link_target is not None:
        yield f"(a symbolic link to {file.link_target})"
        return
    old, new = _text_lines(file.old), _text_lines(file.new)
    if file.is_left_out or old is None or new is None:
        yield "(binary or too large; not shown)"
        return
    if max(len(old), len(new)) > MAX_FILE_LINES:
        yield f"(more than {MAX_FILE_LINES} lines; not shown)"
        return
    yield from _hunks(old, new)


def _hunks(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """Lines as `NUMBER |`, added ones as `NUMBER+|`, removed ones without a number."""
    matcher = difflib.SequenceMatcher(None, old, new)
    for group in matcher.get_grouped_opcodes(CONTEXT_LINES):
        yield "@@"
        for tag, old_start, old_end, new_start, new_end in group:
            if tag != "equal":
                yield from (f"      -| {line[:MAX_LINE_CHARS]}" for line in old[old_start:old_end])
            sign = " " if tag == "equal" else "+"
            for number, line in enumerate(new[new_start:new_end], new_start + 1):
                yield f"{number:6}{sign}| {line[:MAX_LINE_CHARS]}"


def _text_lines(content: bytes | None) -> list[str] | None:
    """Lines as they are counted, by line feeds alone; None for what is not text."""
    if content is None:
        return []
    if b"\0" in content:
        return None
    text = content.decode("utf-8", "replace")
    return text.removesuffix("\n").split("\n") if text else []


def _evidence_line(item: ReviewedEvidence) -> str:
    place = f" {item.path}" if item.path else ""
    if item.start_line is not None:
        place += f":{item.start_line}-{item.end_line}"
    facts = ", ".join(f"{name}={value}" for name, value in sorted(item.facts.items()))
    claim = " ".join(item.claim.split())
    return f"{item.id} {item.kind} ({item.level}){place} [{facts}] claimed: {claim}"


def _cut(text: str, max_chars: int) -> str | None:
    """The whole lines that fit; None where not even the head and one line of it do."""
    if len(text) <= max_chars:
        return text
    end = text.rfind("\n", 0, max(max_chars - 40, 0))
    if text.count("\n", 0, max(end, 0)) < 1:
        return None
    return f"{text[:end]}\n(cut here; the rest is not shown)"


def _is_plain(character: str) -> bool:
    return character in "\n\t" or unicodedata.category(character) not in _HIDDEN
