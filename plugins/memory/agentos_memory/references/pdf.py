"""PDF: one section per page, cut where entries of the outline begin; anchors are `page=9` and
`page=9&section=title`.

Below: pypdfium2, which reads damaged files as far as they go. Images of text give none.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pypdfium2 import PdfDocument, PdfiumError  # type: ignore[import-untyped]

from agentos_memory.references.sections import Block, Document, slug_of

MAX_PAGES = 5_000
MAX_OUTLINE_ENTRIES = 10_000
# Below the CPU limit of the process, so that what was read is kept.
MAX_READING_S = 45.0
_ENCRYPTED = (4, 5)
_NOT_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of the outline; `titles` are those above it and its own."""

    titles: tuple[str, ...]


def read_pdf(content: bytes) -> Document:
    """The document's pages; ValueError where it is corrupt, encrypted, or has no page."""
    try:
        pdf = PdfDocument(content)
    except PdfiumError as error:
        raise ValueError(_problem(error)) from error
    title = " ".join((pdf.get_metadata_value("Title") or "").split())
    document = Document("pdf", (), title[:200])
    document.blocks = _blocks(pdf, document)
    return document


def _problem(error: PdfiumError) -> str:
    if getattr(error, "err_code", None) in _ENCRYPTED or "assword" in str(error):
        return "it is encrypted, and needs a password"
    return f"it is no PDF, or a corrupt one ({error})"


def _blocks(pdf: PdfDocument, document: Document) -> Iterator[Block]:
    n_pages = len(pdf)
    if n_pages > MAX_PAGES:
        document.notices.append(f"only {MAX_PAGES} of {n_pages} pages are read: that is the limit")
    outline = _outline(pdf)
    current: tuple[str, ...] = ()
    started = time.process_time()
    for number in range(1, min(n_pages, MAX_PAGES) + 1):
        if time.process_time() - started > MAX_READING_S:
            document.notices.append(
                f"only {number - 1} of {n_pages} pages are read: the limit of {MAX_READING_S:g} s "
                "was reached"
            )
            return
        lines = _lines(pdf, number, document)
        for block in _page_blocks(number, lines, current, outline.get(number, ())):
            current = block.headings
            yield block
        if number in outline:
            current = outline[number][-1].titles


def _lines(pdf: PdfDocument, number: int, document: Document) -> Sequence[str]:
    try:
        page = pdf[number - 1]
        try:
            text = page.get_textpage().get_text_bounded()
        finally:
            page.close()
    except PdfiumError:
        document.notices.append(f"page {number} cannot be read")
        return []
    return [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def _outline(pdf: PdfDocument) -> Mapping[int, Sequence[_Entry]]:
    """The entries by the page, from 1, that they lead to; in order."""
    found: defaultdict[int, list[_Entry]] = defaultdict(list)
    above: list[str] = []
    for count, bookmark in enumerate(pdf.get_toc(max_depth=8)):
        if count >= MAX_OUTLINE_ENTRIES:
            break
        title = " ".join(bookmark.get_title().split())
        destination = bookmark.get_dest()
        index = destination.get_index() if destination is not None else None
        above[bookmark.level :] = [title]
        if index is not None and title:
            found[index + 1].append(_Entry(tuple(above)))
    return found


def _page_blocks(
    number: int, lines: Sequence[str], current: tuple[str, ...], entries: Sequence[_Entry]
) -> Iterator[Block]:
    """What goes on from the page before, then what each entry begins."""
    start, headings, slug = 0, current, ""
    for entry in entries:
        line = _find_title(lines, start, entry.titles[-1])
        if line is None:
            # The page has it in another form, or as an image: it counts from where we are.
            line = start if not any(each.strip() for each in lines[:start]) else None
        if line is None:
            continue
        yield from _block(number, lines[start:line], headings, slug)
        start, headings, slug = line, entry.titles, slug_of(entry.titles[-1])
    yield from _block(number, lines[start:], headings, slug)


def _find_title(lines: Sequence[str], start: int, title: str) -> int | None:
    wanted = _letters(title)
    for number in range(start, len(lines)):
        found = _letters(lines[number])
        # Either may leave out the section's number; titles may go over two lines.
        if found and (found == wanted or (len(found) > 3 and found.endswith(wanted))):
            return number
        if len(found) > 3 and (wanted.endswith(found) or wanted.startswith(found)):
            return number
    return None


def _letters(text: str) -> str:
    return _NOT_LETTERS.sub("", text).lower()


def _block(
    number: int, lines: Sequence[str], headings: tuple[str, ...], slug: str
) -> Iterator[Block]:
    if any(line.strip() for line in lines):
        fragment = f"page={number}&section={slug}" if slug else f"page={number}"
        yield Block(headings or (f"Page {number}",), lines, page=number, fragment=fragment)
