"""Manual pages, in the macros of man(7) and mdoc(7), plain or compressed with gzip.

Headings are sections and subsections. Requests of layout are dropped, words of fonts and options
kept. Tables and equations stay as they are written.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence

from agentos_memory.references.decoding import decode_text, lines_of
from agentos_memory.references.sections import Block, Document, slug_of

MAX_PAGE_BYTES = 16 * 1024 * 1024
NAME = re.compile(r"\.[1-9n][a-z]{0,10}(?:\.gz)?$")

_START = re.compile(r"^[.'][ \t]*(?:TH|Dd|SH|Sh|so)\b", re.MULTILINE)
_TITLE = re.compile(r"^\.[ \t]*(?:TH|Dt)[ \t]+\"?([^\s\"]+)\"?[ \t]+\"?([^\s\"]+)", re.MULTILINE)
_REQUEST = re.compile(r"[.'][ \t]*([A-Za-z]{1,3}|\\\")[ \t]*(.*)$")
_FONT = re.compile(r"\\f(?:\[[^\]]*\]|\(..|.)|\\s[-+]?\d+|\\[&/,:|^%]|\\m\[[^\]]*\]")
_CHARACTERS = {
    "-": "-", "(em": "—", "(en": "-", "(bu": "•", "(aq": "'", "(dq": '"', "(co": "©", "(lq": '"',
    "(rq": '"', "(oq": "'", "(cq": "'", "(ga": "`", "(ti": "~", "(ha": "^", "(rs": "\\",
    "e": "\\", " ": " ", "~": " ", "0": " ", "'": "'", "`": "`", "*(lq": '"', "*(rq": '"',
}  # fmt: skip
_ESCAPE = re.compile(r"\\(\*?\(..|\*?\[[^\]\n]*\]|.)")
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|(\S+)')
_HEADINGS = {"SH": 1, "Sh": 1, "SS": 2, "Ss": 2}
_TEXT = frozenset(
    {"B", "I", "R", "BR", "RB", "BI", "IB", "IR", "RI", "SM", "SB", "TP", "TQ", "IP", "Nm", "Nd",
     "Ar", "Cm", "Pa", "Va", "Em", "Sy", "Li", "Ql", "Dq", "Sq", "Op", "Xr", "Fn", "Ft", "Fa",
     "It", "Ev", "Er", "Dv", "Ic", "Fl", "Lk", "Mt", "An", "At", "Ux", "Bx", "St", "No", "Ns"}
)  # fmt: skip
_PARAGRAPHS = frozenset({"PP", "P", "LP", "Pp", "TP", "IP", "HP", "sp", "It", "br", "nf", "EX"})
_JOINED = frozenset({"BR", "RB", "BI", "IB", "IR", "RI"})


def is_man_page(name: str, content: bytes) -> bool:
    """By the section number of its name, and by how it begins."""
    if not NAME.search(name):
        return False
    begin = _unpacked(content, 65_536)[:65_536]
    return bool(_START.search(begin.decode("latin-1")))


def read_man_page(content: bytes) -> Document:
    """The page's sections; ValueError for one that only names another."""
    unpacked = _unpacked(content, MAX_PAGE_BYTES + 1)
    if len(unpacked) > MAX_PAGE_BYTES:
        raise ValueError(f"it unpacks to more than {MAX_PAGE_BYTES} bytes, which is the limit")
    text = decode_text(unpacked)
    titled = _TITLE.search(text)
    title = f"{_plain(titled.group(1)).lower()}({titled.group(2)})" if titled else "manual page"
    if re.match(r"(?:\.\\\".*\n|\s)*\.so ", text):
        raise ValueError("it only refers to another page: add that one")
    return Document("man", _blocks(lines_of(text), title), title)


def _unpacked(content: bytes, limit: int) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.GzipFile(fileobj=io.BytesIO(content)).read(limit)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"it is a damaged gzip file ({error})") from error


def _blocks(lines: Sequence[str], title: str) -> Iterator[Block]:
    headings: list[str] = []
    text: list[str] = []
    start = 1
    for number, line in enumerate(lines, 1):
        found = _REQUEST.match(line)
        level = _HEADINGS.get(found.group(1)) if found else None
        if found is None or level is None:
            text += _line(line, found)
            continue
        yield from _block(headings, title, text, start, number - 1)
        headings[level - 1 :] = [" ".join(_arguments(found.group(2)))]
        text, start = [], number
    yield from _block(headings, title, text, start, len(lines))


def _block(
    headings: Sequence[str], title: str, text: Sequence[str], start: int, end: int
) -> Iterator[Block]:
    if headings and any(line.strip() for line in text):
        yield Block(
            (title, *headings), [headings[-1], *text], start, last_line=max(start, end),
            slugs=tuple(slug_of(heading) for heading in headings), n_heading_lines=1,
        )  # fmt: skip


def _line(line: str, request: re.Match[str] | None) -> list[str]:
    if request is None:
        return [] if line.startswith((".", "'\\\"")) else [_plain(line).rstrip()]
    name, rest = request.groups()
    space = [""] if name in _PARAGRAPHS else []
    if name not in _TEXT or name == '\\"':
        return space
    words = _arguments(rest)
    if name[-1].islower():
        words = _mdoc_words([name, *words])
    if name == "IP":
        words = words[:1]
    if name in ("TP", "TQ"):
        return space
    shown = ("" if name in _JOINED else " ").join(words)
    return [*space, shown] if shown else space


def _mdoc_words(words: Sequence[str]) -> list[str]:
    """What the macros on one line stand for: options get their dash, others are dropped."""
    shown: list[str] = []
    is_option = False
    for word in words:
        if word in _TEXT:
            is_option = word == "Fl"
        elif is_option and word not in "|,[]()":
            shown.append(f"-{word}")
        else:
            shown.append(word)
    return shown


def _arguments(rest: str) -> list[str]:
    found = _ARGUMENT.finditer(rest)
    words = [(each.group(1) or each.group(2) or "").replace('""', '"') for each in found]
    return [_plain(word) for word in words]


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda found: _CHARACTERS.get(found.group(1), ""), _FONT.sub("", text))
