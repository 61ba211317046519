"""The tests of a submission before and after, paired: what every check of tests starts from.

Above: tests_kept and its parts, tests_ran, no_hard_coded_results. Below: reading, pairing. Made once for
a submission, in a thread.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agentos import LimitExceededError, ReviewedFile
from agentos_governance.gatekeeper.cases import Case, TestFile
from agentos_governance.gatekeeper.files.naming import is_python, is_test_path
from agentos_governance.gatekeeper.files.product_names import removed_names
from agentos_governance.gatekeeper.foreign.cases import FOREIGN, asserting_foreign
from agentos_governance.gatekeeper.python.cases import asserting_functions
from agentos_governance.gatekeeper.python.collection import CollectionRules
from agentos_governance.gatekeeper.python.source import function_sources
from agentos_governance.gatekeeper.suites.pairing import Pairing, pair_cases
from agentos_governance.gatekeeper.suites.reading import holds_tests, read_file


@dataclass(frozen=True, slots=True)
class Suites:
    """`old` and `new` are the changed files that hold tests, by path."""

    old: Mapping[str, TestFile]
    new: Mapping[str, TestFile]
    old_rules: CollectionRules
    new_rules: CollectionRules
    pairing: Pairing
    removed_names: frozenset[str]
    told: str
    """Every claim, for what the worker says openly."""
    asked: str
    """Title and objective: not the worker's words."""
    cited: frozenset[str] = field(default_factory=frozenset)
    """Paths that claims rest on."""
    sources: Mapping[str, bytes] = field(default_factory=dict)
    """The changed files of tests as submitted."""

    def is_disclosed(self, case: Case) -> bool:
        """Whether a claim rests on the file, or names it or the test."""
        return self.is_path_disclosed(case.path) or mentions(self.told, case.short_name)

    def is_path_disclosed(self, path: str) -> bool:
        """Whether a claim rests on the file, or names it."""
        return path in self.cited or path.rpartition("/")[2] in self.told

    def goes_with_product(self, words: Iterable[str], text: str = "") -> bool:
        """Whether something is about what the product does not have any more."""
        found = set(words) | set(re.findall(r"[A-Za-z_]\w+", text))
        return not found.isdisjoint(self.removed_names)

    @property
    def new_cases(self) -> list[Case]:
        """Every case of the changed files as submitted."""
        return [case for file in self.new.values() for case in file.cases]

    def moved_assertions(self) -> Counter[str]:
        """Assertions by text that tests have more of than before."""
        more: Counter[str] = Counter()
        for before, now in self.pairing.pairs:
            mine = Counter(each.text for each in now.effective)
            mine.subtract(each.text for each in before.effective)
            more.update({text: count for text, count in mine.items() if count > 0})
        for case in self.pairing.added:
            more.update(each.text for each in case.effective)
        return more


def read_suites(
    files: Iterable[ReviewedFile],
    rules: tuple[CollectionRules, CollectionRules],
    *,
    told: str,
    asked: str,
    cited: Iterable[str],
) -> Suites:
    """Reads the tests of all changed files; rules of the base and of the submission."""
    files = list(files)
    old: dict[str, TestFile] = {}
    new: dict[str, TestFile] = {}
    renamed: dict[str, str] = {}
    shared_old = _shared_helpers([(file.old_path or file.path, file.old) for file in files])
    shared_new = _shared_helpers([(file.path, file.new) for file in files])
    for file in files:
        before = file.old_path or file.path
        # A test that became no test by its name alone is read all the same.
        is_test = holds_tests(before, file.old) or holds_tests(file.path, file.new)
        if not is_test:
            continue
        same = _unchanged_functions(file)
        if file.old is not None:
            old[before] = read_file(before, file.old, rules[0], shared_old, same)
            renamed[before] = file.path
        if file.new is not None:
            new[file.path] = read_file(file.path, file.new, rules[1], shared_new, same)
    sources = {file.path: file.new for file in files if file.path in new and file.new is not None}
    pairing = pair_cases(
        [case for each in old.values() for case in each.cases],
        [case for each in new.values() for case in each.cases],
        renamed,
    )
    return Suites(
        old, new, *rules, pairing, removed_names(files), told, asked, frozenset(cited), sources
    )


def _unchanged_functions(file: ReviewedFile) -> frozenset[str]:
    """The sources of functions that are in both states of a file, just once in each."""
    if file.old is None or file.new is None or not is_python(file.path):
        return frozenset()
    old, new = Counter(function_sources(file.old)), Counter(function_sources(file.new))
    return frozenset(source for source, n in old.items() if n == 1 and new[source] == 1)


def _shared_helpers(files: Iterable[tuple[str, bytes | None]]) -> dict[str, int]:
    """How much functions in files of tests assert, for those that import or call them."""
    found: dict[str, int] = {}
    for path, content in files:
        if content is None or not is_test_path(path):
            continue
        with contextlib.suppress(RecursionError, LimitExceededError):
            if is_python(path):
                found |= asserting_functions(content)
            elif path.endswith(FOREIGN):
                found |= asserting_foreign(path, content)
    return found


def mentions(text: str, word: str) -> bool:
    """Whether a text has the word as a whole."""
    return re.search(rf"(?<![\w.]){re.escape(word)}(?![\w]|\.\d)", text) is not None
