"""Issue to function: what a user would report must find the functions that the fix changed.

Reports are the subjects of a repository's fix commits, without prefixes, scopes and issue numbers,
or sentences of a JSON Lines file `{"commit": ..., "query": ...}` that people wrote after reading a
fix. Answers are the functions of the product that the commit changed and that still exist. A
report was there before its fix, so that of the history it has only the commits before that one,
and before any of the same subject: fixes are taken over from branch to branch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from agentos_memory.knowledge import history
from bench.retrieval.docstring_set import squeezed
from bench.retrieval.queries import Function, Query, QuerySet, analyse_sources, functions_of
from bench.retrieval.sources import git, is_product_code, read_log, read_sources

MAX_QUERIES = 150
MAX_CHANGED_FUNCTIONS = 4
MAX_COMMITS = 4_000

IS_FIX = re.compile(r"(?i)^(\W*fix|fixed|\[fix\])|\bfix(es)?\b|\bbug\b|\b(wrong|incorrect)ly\b")
IS_CHORE = re.compile(
    r"(?i)\b(typo|docs?|documentation|readme|ci|lint|tests?|flaky|type hints?|typing|types?|mypy"
    r"|build|release|bump|changelog|benchmark|revert|merge|deps|workflow|comment|link|warnings?"
    r"|deprecat\w+|style|format(ting)?|example|jsr|deno\.json|coverage)\b"
)
_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


def issue_set(
    repository: str, folder: Path, *, written: Path | None = None, with_tests: bool = False
) -> QuerySet:
    """Queries over HEAD of the git directory `folder`; those in `written`, or commit subjects."""
    sources = read_sources(folder, with_tests=with_tests)
    functions = [
        function
        for analysis in analyse_sources(sources)
        for function, _ in functions_of(analysis, sources[analysis.path])
    ]
    by_key: dict[tuple[str, str], Function] = {}
    for function in functions:
        by_key.setdefault(function.key, function)
    reports = _written(written) if written else _subjects(folder)
    commits = read_log(folder, most=MAX_COMMITS + history.MAX_COMMITS)
    places = {commit.id: place for place, commit in enumerate(commits)}
    oldest = {squeezed(report_of(each.subject)): place for place, each in enumerate(commits)}
    queries: list[Query] = []
    seen: set[str] = set()
    for commit, text in reports:
        answers = [by_key[key] for key in _changed(folder, commit) if key in by_key]
        if (
            1 <= len(answers) <= MAX_CHANGED_FUNCTIONS
            and text not in seen
            and (written or not names_an_answer(text, answers))
        ):
            seen.add(text)
            later = max(places.get(commit, len(commits) - 1), oldest.get(squeezed(text), 0)) + 1
            queries.append(Query(f"{repository}:{commit[:10]}", text, answers, later))
        if len(queries) == MAX_QUERIES:
            break
    return QuerySet(repository, "issue", sources, functions, queries, commits)


def _written(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        row: Mapping[str, str] = json.loads(line)
        yield row["commit"], row["query"]


def _subjects(folder: Path) -> Iterator[tuple[str, str]]:
    listed = git(folder, "log", "--no-merges", f"--max-count={MAX_COMMITS}", "--format=%H%x09%s")
    for line in listed.decode("utf-8", "replace").splitlines():
        commit, _, subject = line.partition("\t")
        if IS_FIX.search(subject) and not IS_CHORE.search(subject):
            text = report_of(subject)
            if 4 <= len(text.split()) <= 30 and text.isascii():
                yield commit, text


def report_of(subject: str) -> str:
    """The subject as a report: what went wrong, without the conventions of the history."""
    text = re.sub(r"\((#|gh-)?\d+\)|#\d+|\b(GH|gh)-\d+", "", subject)
    text = re.sub(r"(?i)^\W*(fix(es|ed)?|bug|bugfix|refs?|closes?)\b(\([^)]*\))?!?:?\s*", "", text)
    text = re.sub(r"(?i)^(an? |the )?(bug|issue|problem|regression)s? (in|with|where|when|of)\s+", "",
                  text)  # fmt: skip
    return text.replace("`", "").strip(" .,-:[]")


def names_an_answer(text: str, answers: Sequence[Function]) -> bool:
    """Whether the report says the name of what was changed, as its author may but users do not."""
    words = set(re.findall(r"\w+", text))
    names = {part for answer in answers for part in answer.local_name.split(".")}
    return any(name in words and re.search(r"_|[a-z][A-Z]", name) for name in names)


def _changed(folder: Path, commit: str) -> list[tuple[str, str]]:
    """Keys of the functions whose lines the commit changed, in its own version of the files."""
    diff = git(folder, "show", "--format=", "--unified=0", "--no-color", "--no-renames", commit)
    keys: list[tuple[str, str]] = []
    for part in re.split(r"^diff --git ", diff.decode("utf-8", "replace"), flags=re.MULTILINE)[1:]:
        path = re.search(r"^\+\+\+ b/(.+)$", part, re.MULTILINE)
        if path is None or not is_product_code(path.group(1)):
            continue
        touched = [
            (int(start), int(start) + max(int(length or 1), 1) - 1)
            for start, length in _HUNK.findall(part)
        ]
        keys += _functions_at(folder, commit, path.group(1), touched)
    return keys


def _functions_at(
    folder: Path, commit: str, path: str, touched: Sequence[tuple[int, int]]
) -> Iterator[tuple[str, str]]:
    content = git(folder, "show", f"{commit}:{path}")
    for analysis in analyse_sources({path: content}):
        for function, _ in functions_of(analysis, content):
            if any(a <= function.end_line and b >= function.start_line for a, b in touched):
                yield function.key
