"""`claims_resolve`: every file, line and test that the worker names is there.

Above: the registry. Below: the submitted tree. Names are looked for in the summary and in claims; a path that
looks like one of the repository, a line beyond the end of its file, a test that nobody defined.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agentos import Finding
from agentos_governance.gatekeeper.files.added_lines import text_lines
from agentos_governance.gatekeeper.files.naming import is_test_path
from agentos_governance.gatekeeper.suite_reading import suites_of
from agentos_governance.gatekeeper.work import Work

CHECK = "claims_resolve"
MAX_TEXTS = 500
MAX_NAMES = 200
MAX_TEST_FILES = 2_000

_PLACE = re.compile(
    r"(?<![\w/.:-])((?:[\w.-]+/)*[\w.-]+\.(?:py|pyi|js|jsx|ts|tsx|mjs|go|rs|java|kt|rb|php|c|h|cc|cpp|cs|sql|sh|toml"
    r"|cfg|ini|ya?ml|json|md|rst|txt|html|css))(?!\w|\.\w)"
    r"(?:::(\w+(?:::\w+)*)|(?::|#L|,?\s+(?:in\s+)?lines?\s+)(\d{1,7})(?:\s*(?:-|\u2013|to|and|:)\s*L?(\d{1,7}))?)?"
)
_TEST_NAME = re.compile(r"(?<![\w./:])(test_[a-z0-9_]{4,}|Test[A-Z]\w{4,}\.\w+)(?![\w/]*\.\w)(?!/)")
_GONE = re.compile(
    r"(?i)\b(remov|delet|drop|renam|mov|replac|no longer|instead of|former|was called|merged|old)\w*"
)


@dataclass(frozen=True, slots=True)
class _Place:
    """A file as somebody names it, perhaps with lines or a test in it."""

    path: str
    test: str | None
    first: int | None
    last: int | None
    text: str
    who: str
    before: str
    """What stands before it in its sentence."""


async def claims_resolve(work: Work) -> list[Finding]:
    """See the module."""
    texts = [(work.summary, "the summary")]
    texts += [(e.claim, e.id) for e in work.evidence if e.kind != "tool_use"][-MAX_TEXTS:]
    places = [place for text, who in texts for place in _places(text, who)][:MAX_NAMES]
    paths = work.submitted_names
    known = paths | set(work.base_tree) | work.base_links
    wanted = {p for place in places if (p := _resolve(place.path, paths)) is not None}
    wanted |= {item.path for item in work.evidence if item.path and item.start_line}
    contents = await work.read_submitted_files(sorted(wanted))
    found = list(_of_evidence(work, contents))
    for place in places:
        found += _of_place(place, paths, known, contents)
    found += await _tests(work, texts)
    return found


def _places(text: str, who: str) -> Iterator[_Place]:
    for match in _PLACE.finditer(text):
        start = max(text.rfind(".", 0, match.start() - 1), text.rfind("\n", 0, match.start())) + 1
        yield _Place(
            match[1].removeprefix("./"),
            match[2],
            int(match[3]) if match[3] else None,
            int(match[4]) if match[4] else None,
            match[0],
            who,
            text[start : match.start()],
        )


def _resolve(path: str, paths: set[str]) -> str | None:
    """The file that is meant: the path itself, or the only one that ends so."""
    if path in paths:
        return path
    near = [each for each in paths if each.endswith(f"/{path}")]
    return near[0] if len(near) == 1 else None


def _of_evidence(work: Work, contents: Mapping[str, bytes]) -> Iterator[Finding]:
    for item in work.evidence:
        if not item.path or not item.start_line or item.path not in contents:
            continue
        n_lines = len(text_lines(contents[item.path]))
        if n_lines and (item.end_line or item.start_line) > n_lines:
            yield Finding(
                CHECK,
                "blocking",
                f"{item.id} rests on lines {item.start_line} to {item.end_line} of {item.path}, "
                f"which has {n_lines}",
                "a claim rests on lines that are not there",
                item.path,
            )


def _of_place(
    place: _Place, paths: set[str], known: set[str], contents: Mapping[str, bytes]
) -> Iterator[Finding]:
    path = _resolve(place.path, paths)
    if path is None:
        yield from _missing(place, paths, known)
        return
    content = contents.get(path)
    if content is None:
        return
    lines = text_lines(content)
    last = max(place.first or 0, place.last or 0)
    if lines and last > len(lines):
        yield _found(place, f"{path} has {len(lines)} lines", path)
    elif place.test is not None:
        name = place.test.rpartition("::")[2]
        if not re.search(rf"\b{re.escape(name)}\b", "\n".join(lines)):
            yield _found(place, f"{path} has no {name}", path)


def _missing(place: _Place, paths: set[str], known: set[str]) -> Iterator[Finding]:
    """A file that is not there; one that was there may be spoken of."""
    was_there = _resolve(place.path, known) is not None or any(
        each.endswith(f"/{place.path}") for each in known
    )
    if was_there or _GONE.search(place.before):
        return
    folder = place.path.partition("/")[0]
    is_ours = "/" in place.path and any(each.startswith(f"{folder}/") for each in known)
    if is_ours or place.test is not None:
        # Reports and the like may lie in a folder that the repository ignores.
        is_output = (
            place.path.endswith((".xml", ".json", ".txt", ".html", ".log")) and place.test is None
        )
        if not is_output:
            yield _found(place, "there is no such file", None)


async def _tests(work: Work, texts: list[tuple[str, str]]) -> list[Finding]:
    """Names of tests that nobody defines, neither now nor at the base."""
    named = {
        match[1]: who
        for text, who in texts
        for match in _TEST_NAME.finditer(text)
        if not _GONE.search(text[max(0, match.start() - 60) : match.start()])
    }
    if not named:
        return []
    suites = await suites_of(work)
    cases = {case.short_name for file in suites.new.values() for case in file.cases}
    cases |= {case.short_name for file in suites.old.values() for case in file.cases}
    unknown = {name for name in named if name.rpartition(".")[2] not in cases}
    if not unknown:
        return []
    paths = [path for path in sorted(work.submitted_paths) if is_test_path(path)][:MAX_TEST_FILES]
    contents = await work.read_submitted_files(paths)
    stems = " ".join(work.submitted_paths)
    return await asyncio.to_thread(_unknown_tests, unknown, named, contents, stems)


def _unknown_tests(
    unknown: set[str], named: Mapping[str, str], contents: Mapping[str, bytes], stems: str
) -> list[Finding]:
    found = []
    for name in sorted(unknown):
        short = name.rpartition(".")[2].encode()
        if name in stems or any(short in content for content in contents.values()):
            continue
        found.append(
            Finding(
                CHECK,
                "blocking",
                f"{named[name]} names the test {name}, which is not in the submitted tree",
                "a test is named that is not there",
            )
        )
    return found


def _found(place: _Place, what: str, path: str | None) -> Finding:
    return Finding(
        CHECK,
        "blocking",
        f"{place.who} names {place.text[:120]}, and {what}",
        "a place is named that is not there",
        path,
    )
