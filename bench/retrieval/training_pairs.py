"""Pairs of what is asked and what answers, that the embedding model is trained on.

Three kinds: a docstring's first sentence with its function, the report of a fix with a function as
it was before it, and a heading with its section. Texts of code are those that are embedded in
production. Above: the program that gathers them, and the training. Below: git, and chunks.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from agentos_memory.chunks import Chunk, chunk_file
from bench.retrieval.docstring_set import described_functions, squeezed, without_docstrings
from bench.retrieval.issue_set import IS_CHORE, names_an_answer, report_of
from bench.retrieval.queries import Function, analyse_sources, functions_of
from bench.retrieval.sources import Sources, git, is_product_code

PairKind: TypeAlias = Literal["docstring", "issue", "prose"]

MAX_COMMITS = 6_000
MAX_CHANGED = 3
MIN_SECTION_WORDS = 20
MAX_SECTION_WORDS = 90

# More than fixes: any change of behaviour says what the changed function is about.
_CHANGES_BEHAVIOUR = re.compile(
    r"(?i)\b(fix(es|ed)?|bug|handle[sd]?|prevent(s|ed)?|avoid(s|ed)?|allow(s|ed)?|support(s|ed)?"
    r"|ensure[sd]?|correct(s|ed|ly)?|raise[sd]?|respect(s|ed)?|wrong(ly)?|missing|crash(es)?"
    r"|leak(s|ed)?|fail(s|ed|ure)?|error|regression|improve[sd]?|ignore[sd]?|return(s|ed)?)\b"
)
# `feat(mux): `, `caddyhttp: `
_PREFIX = re.compile(r"^[\w/-]+(\([^)]*\))?!?: ")
_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+", re.MULTILINE)
_HEADING = re.compile(
    r"^#{1,4}\s+(?P<md>.+?) *#*$|^(?P<rst>\S.{2,80})\n[=~^*\"'-]{3,}$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and the text that answers it; `place` sorts what lies side by side.

    `name` is the text of the name vector of code, empty for prose.
    """

    source: str
    kind: PairKind
    query: str
    text: str
    name: str
    place: str


def docstring_pairs(source: str, sources: Sources, *, most: int) -> list[Pair]:
    """Functions without their docstrings, each with the sentence that describes it alone."""
    stripped, described = without_docstrings(sources)
    chunks: dict[tuple[str, int, str], Chunk] = {}
    functions: list[Function] = []
    for analysis in analyse_sources(stripped):
        content = stripped[analysis.path]
        functions += [function for function, _ in functions_of(analysis, content)]
        for chunk in _function_chunks(chunk_file(analysis, content)):
            chunks.setdefault((chunk.path, chunk.start_line, chunk.name), chunk)
    found = described_functions(source, functions, described)[:most]
    return [
        _pair(source, "docstring", text, chunks[key])
        for text, function in found
        if (key := (function.path, function.start_line, function.name)) in chunks
    ]


def issue_pairs(source: str, folder: Path, revision: str, *, most: int) -> list[Pair]:
    """Reports of changes up to `revision`, each with what it changed in functions, as it was."""
    pairs: list[Pair] = []
    for commit, texts in _reports(folder, revision):
        chunks = list(_changed(folder, commit))
        if not 1 <= len(chunks) <= MAX_CHANGED:
            continue
        changed = [_function(chunk) for chunk in chunks]
        telling = [text for text in texts if not names_an_answer(text, changed)]
        pairs += [_pair(source, "issue", text, chunk) for text in telling for chunk in chunks[:2]]
        if len(pairs) >= most:
            break
    return pairs[:most]


def prose_pairs(source: str, documents: Sources, *, most: int) -> list[Pair]:
    """Sections of Markdown and reStructuredText, each with its heading and first sentence."""
    pairs: list[Pair] = []
    for path, content in documents.items():
        title = re.sub(r"[\W_]+", " ", Path(path).stem)
        for number, (heading, body) in enumerate(_sections(content.decode("utf-8", "replace"))):
            first, _, rest = body.partition(". ")
            words = rest.split()
            if len(words) < MIN_SECTION_WORDS or not 4 <= len(first.split()) <= 30:
                continue
            text = " ".join(words[:MAX_SECTION_WORDS])
            place = f"{path}:{number:04}"
            query = first if number % 2 else f"{title} {heading}"
            pairs.append(Pair(source, "prose", query, text, "", place))
    pairs.sort(key=lambda pair: hashlib.sha256(pair.place.encode()).digest())
    return pairs[:most]


def leaked(pair: Pair, sentences: set[str], codes: set[str]) -> bool:
    """Whether the question or the answer is one that something is measured with.

    `sentences` and `codes` are as `squeezed` gives them.
    """
    return squeezed(pair.query) in sentences or squeezed(pair.text) in codes


def unique_pairs(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Without those that ask or answer the same as one before."""
    seen: set[tuple[str, str]] = set()
    for pair in pairs:
        key = (squeezed(pair.query), pair.text)
        if key not in seen:
            seen.add(key)
            yield pair


def _pair(source: str, kind: PairKind, query: str, chunk: Chunk) -> Pair:
    place = f"{chunk.path}:{chunk.start_line:06}"
    return Pair(source, kind, query, chunk.embed_text, chunk.name_text, place)


def _function_chunks(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    return (chunk for chunk in chunks if chunk.kind in ("function", "method"))


def _function(chunk: Chunk) -> Function:
    local = chunk.qualified_name.rpartition(":")[2]
    return Function(chunk.path, chunk.name, local, chunk.start_line, chunk.end_line, chunk.body)


def _reports(folder: Path, revision: str) -> Iterator[tuple[str, list[str]]]:
    """Commits that change behaviour: subject, and the first sentence of what follows it."""
    listed = git(
        folder,
        "log",
        "--no-merges",
        f"--max-count={MAX_COMMITS}",
        "-z",
        "--format=%H%n%s%n%b",
        revision,
    )
    for entry in listed.decode("utf-8", "replace").split("\0"):
        commit, _, message = entry.partition("\n")
        subject, _, body = message.partition("\n")
        if not _CHANGES_BEHAVIOUR.search(subject) or IS_CHORE.search(subject):
            continue
        texts = [report_of(_PREFIX.sub("", text)) for text in (subject, _opening(body))]
        telling = [t for t in texts if 4 <= len(t.split()) <= 40 and t.isascii()]
        if telling:
            yield commit, telling


def _opening(body: str) -> str:
    """The first sentence of a commit's body; empty where it starts with a list or a trailer."""
    paragraph = " ".join(body.strip().split("\n\n")[0].split())
    if re.match(r"[-*#>]|[\w-]+: ?\S|\(?https?:|Co-authored|cherry", paragraph):
        return ""
    sentence = re.match(r"(.+?[.!?])(?=\s+[A-Z]|$)", paragraph)
    return re.sub(r":\w+:`[~.]*([^`<]+?)`", r"\1", sentence.group(1) if sentence else paragraph)


def _changed(folder: Path, commit: str) -> Iterator[Chunk]:
    """Parts of functions of the product that the commit changed, in its parent's version."""
    diff = git(
        folder, "diff-tree", "--root", "-p", "--unified=0", "--no-color", "--no-renames",
        "--no-commit-id", commit,
    )  # fmt: skip
    parts = re.split(r"^diff --git ", diff.decode("utf-8", "replace"), flags=re.MULTILINE)[1:]
    changed = [(path, part) for part in parts if (path := _product_path(part)) is not None]
    if len(changed) > MAX_CHANGED:
        return
    for path, part in changed:
        touched = [_lines(start, length) for start, length in _HUNK.findall(part)]
        yield from _chunks_at(folder, f"{commit}^", path, touched)


def _product_path(part: str) -> str | None:
    """The path before the change of one file's part of a diff; None where it is no product code."""
    path = re.search(r"^--- a/(.+)$", part, re.MULTILINE)
    return path.group(1) if path is not None and is_product_code(path.group(1)) else None


def _lines(start: str, length: str) -> tuple[int, int]:
    """First and last old line of a hunk; an insertion touches the lines around it."""
    if length == "0":
        return int(start), int(start) + 1
    return int(start), int(start) + int(length or 1) - 1


def _chunks_at(
    folder: Path, revision: str, path: str, touched: Sequence[tuple[int, int]]
) -> Iterator[Chunk]:
    content = git(folder, "show", f"{revision}:{path}")
    for analysis in analyse_sources({path: content}):
        for chunk in _function_chunks(chunk_file(analysis, content)):
            if any(a <= chunk.end_line and b >= chunk.start_line for a, b in touched):
                yield chunk


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Headings with what stands below them up to the next, without code and markup."""
    headings = list(_HEADING.finditer(text))
    ends = [*(heading.start() for heading in headings), len(text)][1:]
    for heading, end in zip(headings, ends, strict=True):
        body = text[heading.end() : end]
        body = re.sub(r"```.*?```|~~~.*?~~~|<!--.*?-->", " ", body, flags=re.DOTALL)
        body = re.sub(
            r"^([ \t]{2,}|\.\. |>>>|\||[-*+] ?\[|:[\w-]+:|<).*$", " ", body, flags=re.MULTILINE
        )
        body = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", body)
        body = re.sub(r":[\w:]+:`[~.]*([^`<]+?)(?:\s*<[^`]+>)?`|[`*]+", r"\1", body)
        yield heading["md"] or heading["rst"], " ".join(body.split())
