"""`diff_matches_claims`: what the worker says was changed, and was not, is what the difference shows.

Above: the registry. Below: the changed files, suites. Only plain statements are held against the
difference; what a text does not say cannot be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.checks.claims.formatting_claims import formatting_claims
from agentos_governance.gatekeeper.checks.claims.generated_files import written_by_hand
from agentos_governance.gatekeeper.files.lock_files import new_packages
from agentos_governance.gatekeeper.files.manifests import (
    LOCK,
    MANIFEST,
    MIGRATION,
    PIPELINE,
    changes_dependencies,
)
from agentos_governance.gatekeeper.files.naming import (
    is_code,
    is_document,
    is_golden,
    is_product,
    is_test_path,
)
from agentos_governance.gatekeeper.files.product_names import defined_names
from agentos_governance.gatekeeper.suite_reading import suites_of
from agentos_governance.gatekeeper.suites.suites import Suites
from agentos_governance.gatekeeper.work import Work

CHECK = "diff_matches_claims"

_ADDED_TESTS = re.compile(
    r"(?i)\b(?:add(?:s|ed|ing)?|wrote|writes?|creat(?:es?|ed)|new|extend(?:ed|s))\s+"
    r"(?:(?!no\b|without\b)[\w`'-]+\s+){0,4}?(?:unit|regression|integration|new|more|additional|parametri[sz]ed)?\s*\btests?\b"
    r"(?!\s+(?:plan|data|run|report|suite passes|pass|were|are|still|coverage))"
)
_NEGATED = re.compile(
    r"(?i)\b(no|not|without|never|n't|didn't|existing|need|should|todo|follow-up|later)\b[^.\n]{0,30}$"
)


@dataclass(frozen=True, slots=True)
class _Promise:
    """A statement of what was left alone, and which changed files break it."""

    pattern: re.Pattern[str]
    breaks: Callable[[ReviewedFile], bool]
    what: str


def _changes_code(file: ReviewedFile) -> bool:
    return is_code(file.path) and not is_document(file.path)


_PROMISES = (
    _Promise(
        re.compile(
            r"(?i)\b(?:documentation|docs?|comments?|docstrings?|readme)[- ]only\b|\bonly\s+(?:the\s+)?(?:docs?|documentation|readme)\b"
            r"(?:\s+\w+){0,2}\s+(?:changed|were|was|is|touched|updated)|\b(?:only|just)\s+(?:updates?|updated|touch(?:es|ed)?|changes?|changed)\s+"
            r"(?:the\s+)?(?:docs?|documentation|readme)\b(?!\s+and)|\bno code (?:was )?changed?\b|\bno code changes?\b"
        ),
        _changes_code,
        "only documents were changed",
    ),
    _Promise(
        re.compile(
            r"(?i)\b(?:no|without(?:\s+(?:any|changing|touching|modifying))?)\s+(?:\w+\s+){0,2}tests?\s+(?:\w+\s+){0,2}?(?:changed?|changes|modified|touched|edited)"
            r"|\btests?\s+(?:are|were|remain|stay)\s+(?:all\s+)?(?:unchanged|untouched|unmodified|as they were)"
            r"|\b(?:did not|didn't|have not|haven't|without)\s+(?:change|touch|modify|edit|changing|touching|modifying|editing)\w*\s+(?:\w+\s+){0,2}?tests?\b"
        ),
        lambda file: is_test_path(file.path) and file.old is not None,
        "no test was changed",
    ),
    _Promise(
        re.compile(
            r"(?i)\b(?:no|without(?:\s+(?:any|adding))?)\s+(?:new\s+|extra\s+|additional\s+|added\s+|third-party\s+)*dependenc(?:y|ies)\b"
            r"|\bdependencies\s+(?:are|were|remain)\s+(?:unchanged|untouched)"
        ),
        lambda file: changes_dependencies(file) or bool(new_packages(file)),
        "no dependency was added",
    ),
    _Promise(
        re.compile(
            r"(?i)\b(?:only|just)\s+(?:changes?|changed|touch(?:es|ed)?|adds?|added|updated|modif(?:ies|ied)|edited)\s+(?:the\s+)?(?:\w+\s+)?tests?\b(?!\s+and)"
            r"|\btests?[- ]only\b|\bno (?:production|product|source) code (?:was )?(?:changed|touched|modified)|\b(?:production|source) code (?:is|was|remains) (?:unchanged|untouched)"
        ),
        lambda file: is_product(file.path),
        "the product was not changed",
    ),
    _Promise(
        re.compile(
            r"(?i)\bno (?:schema |database )?migrations?\b(?! (?:tool|framework|needed yet))|\bwithout (?:a |any )?migrations?\b"
        ),
        lambda file: bool(MIGRATION.search(file.path)),
        "there is no migration",
    ),
    _Promise(
        re.compile(
            r"(?i)\bno (?:ci|pipeline|workflow|build)(?: configuration| config| settings?)? (?:changes?|was changed|changed)\b"
            r"|\b(?:ci|pipeline|workflows?) (?:is|was|are|were|remains?) (?:unchanged|untouched)"
        ),
        lambda file: bool(PIPELINE.search(file.path)),
        "the pipeline was not changed",
    ),
    _Promise(
        re.compile(
            r"(?i)\b(?:no|without(?: any)?) (?:config(?:uration)?|settings?) changes?\b|\bconfig(?:uration)? (?:is|was|remains) (?:unchanged|untouched)"
        ),
        lambda file: (
            file.path.endswith((".toml", ".cfg", ".ini", ".yml", ".yaml"))
            or bool(LOCK.search(file.path) or MANIFEST.search(file.path))
        ),
        "no configuration was changed",
    ),
)
_ONLY_FILE = re.compile(
    r"(?i)\b(?:only|just|solely)\s+(?:changes?|changed|touch(?:es|ed)?|modif(?:ies|ied)|edited|edits|affects?|affected|updates?|updated)\s+`?([\w./-]+\.\w{1,5})\b`?(?!\s*(?:and|,|/|in\b))"
    r"|\b(?:the\s+)?only\s+(?:file\s+)?(?:changed|touched|modified)\s+(?:file\s+)?(?:is|was)\s+`?([\w./-]+\.\w{1,5})\b"
)
_MADE_FILE = re.compile(
    r"(?i)\b(?:add(?:ed|s)|created?|creates|wrote|introduc(?:ed|es)|implement(?:ed|s)\s+in|updated?|updates|changed|modified|fixed|edited|refactored|rewrote|extended)\s+"
    r"(?:the\s+|a\s+|new\s+|file\s+|module\s+){0,3}`?((?:[\w.-]+/)+[\w.-]+\.\w{1,5})\b`?"
)


_SAME_BEHAVIOUR = _Promise(
    re.compile(
        r"(?i)\bno (?:change (?:of|in|to) (?:the )?(?:behaviou?r|output)|(?:functional|behaviou?ral|visible) changes?)"
        r"|\bbehaviou?r (?:is|stays|remains|was) (?:the same|unchanged|identical)|\bpure(?:ly a)? refactor(?:ing)?\b"
        r"|\bno behaviou?r(?:al)? changes?"
    ),
    lambda file: file.old is not None and file.new is not None and is_golden(file.path),
    "nothing behaves otherwise",
)


async def diff_matches_claims(work: Work) -> list[Finding]:
    """See the module."""
    texts = [(work.summary, "the summary")]
    texts += [(e.claim, e.id) for e in work.evidence if e.kind != "tool_use"][-300:]
    suites = await suites_of(work)
    found: list[Finding] = []
    for text, who in texts:
        found += _promises(text, who, work.files)
        found += _new_tests(text, who, suites, work)
        found += _named_files(text, who, work)
    found += await formatting_claims(work)
    found += _unmentioned(work, [text for text, _ in texts])
    found += written_by_hand(work.files)
    return found


def _unmentioned(work: Work, texts: Sequence[str]) -> Iterator[Finding]:
    """Changed products of which nothing is said, where something is said of documents or tests."""
    told = "\n".join([*texts, work.objective])
    cited = {item.path for item in work.evidence if item.path}
    named = [file for file in work.files if file.path in cited or _is_named(file, told)]
    if not named or any(is_product(file.path) for file in named):
        return
    for file in work.files:
        if is_product(file.path) and not file.path.endswith("__init__.py"):
            yield Finding(
                CHECK,
                "blocking",
                f"{file.path} changed, and neither the summary nor a claim nor the order says "
                f"anything of it; they speak of {named[0].path}",
                "a change is not told",
                file.path,
            )


def _is_named(file: ReviewedFile, told: str) -> bool:
    """Whether a text names the file, its module, or something that is defined in it."""
    name = file.path.rpartition("/")[2]
    stem = name.partition(".")[0]
    if name in told or (len(stem) > 2 and re.search(rf"\b{re.escape(stem)}\b", told)):
        return True
    words = set(re.findall(r"[A-Za-z_]\w{2,}", told))
    return not words.isdisjoint(defined_names(file.new) | defined_names(file.old))


def _promises(text: str, who: str, files: Sequence[ReviewedFile]) -> Iterator[Finding]:
    for promise in (*_PROMISES, _SAME_BEHAVIOUR):
        match = promise.pattern.search(text)
        if match is None:
            continue
        breaking = [file for file in files if promise.breaks(file)]
        if breaking:
            shown = ", ".join(file.path for file in breaking[:4])
            yield Finding(
                CHECK,
                "blocking",
                f"{who} says `{match[0][:100]}`, and the difference changes {shown}",
                f"it is not so that {promise.what}",
                breaking[0].path,
            )


def _new_tests(text: str, who: str, suites: Suites, work: Work) -> Iterator[Finding]:
    for match in _ADDED_TESTS.finditer(text):
        if _NEGATED.search(text[: match.start()]) or _has_new_tests(suites, work):
            continue
        yield Finding(
            CHECK,
            "blocking",
            f"{who} says `{match[0][:100]}`, and the difference adds no test",
            "tests are said to be added and are not",
        )
        return


def _has_new_tests(suites: Suites, work: Work) -> bool:
    if any(case.is_test for case in suites.pairing.added):
        return True
    if any(
        len(now.parameters) > len(old.parameters) or len(now.assertions) > len(old.assertions)
        for old, now in suites.pairing.pairs
    ):
        return True
    # Languages that are not read here: any growth of a file of tests counts.
    return any(
        is_test_path(file.path)
        and file.path not in suites.new
        and len(file.new or b"") > len(file.old or b"")
        for file in work.files
    )


def _named_files(text: str, who: str, work: Work) -> Iterator[Finding]:
    paths = {file.path for file in work.files} | {file.old_path for file in work.files}
    for match in _ONLY_FILE.finditer(text):
        name = match[1] or match[2]
        others = [file.path for file in work.files if not file.path.endswith(name)]
        code = [path for path in others if is_code(path) or MANIFEST.search(path)]
        if code and any(path and path.endswith(name) for path in paths):
            yield Finding(
                CHECK,
                "blocking",
                f"{who} says `{match[0][:100]}`, and {', '.join(code[:4])} changed as well",
                "more was changed than is said",
                code[0],
            )
    for match in _MADE_FILE.finditer(text):
        name = match[1]
        if name in paths or any(path and path.endswith(f"/{name}") for path in paths):
            continue
        if _NEGATED.search(text[: match.start()]) or not work.files:
            continue
        is_there = name in work.base_tree
        if is_there:
            yield Finding(
                CHECK,
                "blocking",
                f"{who} says `{match[0][:100]}`, and the difference does not touch that file",
                "a change is named that is not there",
                name,
            )
