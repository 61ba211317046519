"""What tests are fed with: constants of their modules, and files of data beside them.

Above: tests_kept. Below: suites. A value that goes, while the test that used it stays as it was, is a
case that is tested no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.files.added_lines import added_lines, removed_lines
from agentos_governance.gatekeeper.files.naming import is_code, is_document, is_golden, is_test_path
from agentos_governance.gatekeeper.suites.suites import Suites, mentions

CHECK = "tests_kept"
MAX_NAMED = 5
_DATA = re.compile(r"\.(json|jsonl|ya?ml|csv|tsv|xml|toml|txt|sql|ndjson|dat|proto|graphql)$")
_SETTINGS = re.compile(r"(^|/)(package(-lock)?\.json|pyproject\.toml|tsconfig[\w.-]*\.json|requirements[\w.-]*\.txt"
                       r"|pytest\.ini|docker-compose[\w.-]*\.ya?ml)$")  # fmt: skip
_WORD = re.compile(r"[\w.+-]+")


def changed_test_data(files: Sequence[ReviewedFile], suites: Suites) -> Iterator[Finding]:
    """Findings in constants and files that the base had."""
    yield from _constants(suites)
    for file in files:
        if _is_data(file) and file.old is not None and file.new is not None:
            yield from _in_file(file, suites)


def _constants(suites: Suites) -> Iterator[Finding]:
    before_of = {now.path: before.path for before, now in suites.pairing.pairs}
    for path, new in suites.new.items():
        old = suites.old.get(before_of.get(path, path))
        if old is None or not old.data or suites.is_path_disclosed(path):
            continue
        kept = {value for values in new.data.values() for value in values}
        kept |= {value for case in new.cases for value in case.constants}
        kept |= {value for case in new.cases for text in case.parameters for value in [text]}
        for name in sorted(old.data.keys() & new.data.keys()):
            gone = sorted(old.data[name] - kept)
            lost = [value for value in gone if not _is_asked_for(value, suites)]
            # A new word for an old one is another input; more or fewer of them may be a rewrite.
            if lost and new.data[name] - old.data[name] | gone_only(old.data[name], new.data[name]):
                yield Finding(
                    CHECK,
                    "blocking",
                    f"{name}, with which tests of {path} work, has lost {', '.join(lost[:MAX_NAMED])[:200]}; "
                    "keep it, or say in a claim why it went",
                    "the input of a test was changed",
                    path,
                    new.defined.get(name),
                    new.defined.get(name),
                )


def gone_only(old: frozenset[str], new: frozenset[str]) -> frozenset[str]:
    """What went where nothing came."""
    return old - new if new < old else frozenset()


def _is_asked_for(value: str, suites: Suites) -> bool:
    plain = value.strip("'\"")
    return bool(plain) and (mentions(suites.asked, plain) or suites.goes_with_product((), plain))


def _is_data(file: ReviewedFile) -> bool:
    path = file.path
    is_data = bool(_DATA.search(path)) and not (is_code(path) or is_golden(path))
    return (
        is_data and is_test_path(path) and not (_SETTINGS.search(path) or _is_read_by_people(path))
    )


def _is_read_by_people(path: str) -> bool:
    return is_document(path) and not _DATA.search(path)


def _in_file(file: ReviewedFile, suites: Suites) -> Iterator[Finding]:
    before = {word for line in removed_lines(file) for word in _WORD.findall(line)}
    whole = (file.new or b"").decode("utf-8", "replace")
    gone = sorted(word for word in before if not word in whole)
    if (
        not gone
        or suites.is_path_disclosed(file.path)
        or all(_is_asked_for(w, suites) for w in gone)
    ):
        return
    line = next((number for number, _ in added_lines(file)), None)
    yield Finding(
        CHECK,
        "blocking",
        f"{file.path}, from which tests read, has lost {', '.join(gone[:MAX_NAMED])[:200]}; keep it, "
        "or record a claim that names the file",
        "the input of a test was changed",
        file.path,
        line,
        line,
    )
