"""Tests that assert less than they did, or expect something else, and new ones that assert nothing.

Above: tests_kept. Below: suites, comparison.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from agentos import Finding
from agentos_governance.gatekeeper.cases import Assertion, Case
from agentos_governance.gatekeeper.checks.tests_kept.comparison import (
    Difference,
    Lost,
    compare_cases,
)
from agentos_governance.gatekeeper.checks.tests_kept.existence_tests import (
    asserts_existence,
    is_about_exports,
)
from agentos_governance.gatekeeper.suites.suites import Suites, mentions

CHECK = "tests_kept"
MAX_SHOWN = 3
_NOT_RAISING = re.compile(
    r"(?i)(not|never|no|without|doesn.?t)[_ ]*(raise|error|fail|exception|crash|warn|throw|hang|break|complain)"
    r"|smoke|import|runs?($|[_ ])|succeed|accept|allow|tolerat|surviv|noop|no_op|silent|harmless|ignor|loads?($|[_ ])"
    r"|valid|closes?($|[_ ])|idempotent|nothing_happens|compil|starts?($|[_ ])|permit"
)


def weakened_tests(suites: Suites) -> Iterator[Finding]:
    """One finding for each test that asserts less, and one for each that expects another value."""
    elsewhere = suites.moved_assertions()
    for before, now in suites.pairing.pairs:
        is_same = before.body == now.body and before.parameters == now.parameters
        if not before.effective or (is_same and before.assertions == _at_lines(now, before)):
            continue
        if _panics(now) and not _panics(before):
            yield _expects_panic(now)
            continue
        if before.is_test and not now.effective and not _all_moved(before, elsewhere):
            yield _empty_now(suites, before, now)
            continue
        difference = compare_cases(before, now, elsewhere)
        yield from _lost(suites, now, difference)
        yield from _changed(suites, before, now, difference)
        yield from _given(suites, now, difference)


def _at_lines(now: Case, before: Case) -> tuple[Assertion, ...]:
    """The assertions with the lines of those before: moving a test changes nothing."""
    lines = [each.line for each in before.assertions]
    if len(lines) != len(now.assertions):
        return now.assertions
    return tuple(replace(a, line=line) for a, line in zip(now.assertions, lines, strict=True))


def _panics(case: Case) -> bool:
    return any("should_panic" in each.roots for each in case.assertions)


def _expects_panic(now: Case) -> Finding:
    return Finding(
        CHECK,
        "blocking",
        f"{now.name} passes now where it panics, so that none of its assertions counts",
        "a test is expected to fail",
        now.path,
        now.line,
        now.end_line,
    )


def empty_tests(suites: Suites) -> Iterator[Finding]:
    """New tests that cannot fail, whatever the product does."""
    for case in suites.pairing.added:
        if not case.is_test:
            continue
        if asserts_existence(case, suites.new[case.path].imports):
            yield _asks_only_whether_there(case)
        if case.effective:
            continue
        if case.assertions:
            first = case.assertions[0]
            yield Finding(
                CHECK,
                "blocking",
                f"the new test {case.name} cannot fail: {first.flaw or 'it asserts a constant'} "
                f"(`{first.text[:120]}`)",
                "a test asserts nothing",
                case.path,
                first.line,
                first.line,
            )
        elif case.skips:
            continue
        elif not case.calls and len(case.words) <= 1:
            yield Finding(
                CHECK, "blocking", f"the new test {case.name} does nothing", "a test asserts nothing",
                case.path, case.line, case.end_line,
            )  # fmt: skip
        else:
            # That something does not raise may be all that is to be shown; then the name says so.
            yield Finding(
                CHECK,
                "warning" if _NOT_RAISING.search(case.short_name) else "blocking",
                f"the new test {case.name} asserts nothing: it fails only where something raises; "
                "assert what it is about, or let its name say that nothing is raised",
                "a test asserts nothing",
                case.path,
                case.line,
                case.end_line,
            )


def doubtful_mains(suites: Suites) -> Iterator[Finding]:
    """What decides for all tests of a package, and makes nothing of how they end."""
    before = {
        what for file in suites.old.values() for case in file.cases for _, what in case.doubts
    }
    for case in suites.new_cases:
        for line, what in case.doubts:
            if what not in before:
                yield Finding(
                    CHECK, "blocking", f"{case.name}: {what}", "tests cannot fail any more",
                    case.path, line, line,
                )  # fmt: skip


def _asks_only_whether_there(case: Case) -> Finding:
    first = case.effective[0]
    is_told = is_about_exports(case) or _NOT_RAISING.search(case.short_name)
    return Finding(
        CHECK,
        "warning" if is_told else "blocking",
        f"the new test {case.name} asks only whether something is there (`{first.text[:120]}`), "
        "whatever it does",
        "a test asserts nothing",
        case.path,
        first.line,
        first.line,
    )


def replaced_subjects(suites: Suites) -> Iterator[Finding]:
    """Tests that put a double in the place of what they test."""
    known = {
        (now.path, now.name): {each.name for each in before.replaced}
        for before, now in suites.pairing.pairs
    }
    for case in suites.new_cases:
        if not case.is_test:
            continue
        for each in case.replaced:
            if each.name in known.get((case.path, case.name), ()) or not _is_subject(
                case, each.name
            ):
                continue
            yield Finding(
                CHECK,
                "blocking",
                f"{case.name} replaces {each.name} by a double, and then asserts what the double "
                "answers",
                "a test replaces what it tests",
                case.path,
                each.line,
                each.line,
            )


def _is_subject(case: Case, name: str) -> bool:
    """Whether the test asserts about a call of what was replaced."""
    if "/" in name or name.startswith("."):
        # A module of JavaScript.
        return name in case.calls
    owner, _, method = name.rpartition(".")
    if name in case.calls and owner:
        return any(_calls(each, method) for each in case.effective) or _assigns(case, method)
    holder = owner.rpartition(".")[2]
    is_class = holder[:1].isupper()
    return (
        is_class
        and holder in case.words
        and any(f".{method}(" in each.text for each in case.effective)
    )


def _calls(assertion: Assertion, method: str) -> bool:
    return f"{method}(" in assertion.text


def _assigns(case: Case, method: str) -> bool:
    """`result = add(1, 2)` before `assert result == 3`: nothing else of the product is called."""
    others = {name for name in case.calls if "." in name and not name.startswith(_OUTSIDE)}
    return all(name.rpartition(".")[2] == method for name in others)


_OUTSIDE = ("unittest.", "pytest.", "mock.", "mocker.", "monkeypatch.", "patch.", "self.")


def _all_moved(before: Case, elsewhere: Counter[str]) -> bool:
    wanted = Counter(each.text for each in before.effective)
    return all(elsewhere[text] >= count for text, count in wanted.items())


def _empty_now(suites: Suites, before: Case, now: Case) -> Finding:
    flaws = [each for each in now.assertions if each.flaw]
    why = f": {flaws[0].flaw} (`{flaws[0].text[:120]}`)" if flaws else ""
    line = flaws[0].line if flaws else now.line
    return Finding(
        CHECK,
        "blocking",
        f"{now.name} asserted {len(before.effective)} things, such as "
        f"`{before.effective[0].text[:120]}`, and cannot fail any more{why}",
        "a test asserts nothing any more",
        now.path,
        line,
        line if flaws else now.end_line,
    )


def _lost(suites: Suites, now: Case, difference: Difference) -> Iterator[Finding]:
    serious: list[Lost] = []
    minor: list[Lost] = []
    for each in difference.lost:
        is_gone = suites.goes_with_product((), each.before.text)
        (minor if is_gone or each.is_replaced else serious).append(each)
    if serious:
        yield _weakened(now, serious, "blocking", "a test was weakened")
    if minor:
        yield _weakened(now, minor, "warning", "assertions of a test were replaced")


def _weakened(now: Case, lost: Sequence[Lost], severity: str, claim: str) -> Finding:
    shown = [_described(each) for each in lost[:MAX_SHOWN]]
    more = f"; and {len(lost) - MAX_SHOWN} more" if len(lost) > MAX_SHOWN else ""
    lines = [each.now.line for each in lost if each.now is not None] or [now.line]
    end = max(lines) if any(each.now is not None for each in lost) else now.end_line
    return Finding(
        CHECK,
        "blocking" if severity == "blocking" else "warning",
        f"{now.name}: {'; '.join(shown)}{more}",
        claim,
        now.path,
        min(lines),
        end,
    )


def _described(lost: Lost) -> str:
    before = f"`{lost.before.text[:120]}`"
    if lost.now is None or lost.now.text == lost.before.text:
        return f"{before}: {lost.why}"
    return f"{before} became `{lost.now.text[:120]}`: {lost.why}"


def _changed(suites: Suites, before: Case, now: Case, difference: Difference) -> Iterator[Finding]:
    if not difference.changed or not before.is_test:
        return
    open_ = [
        pair
        for pair in difference.changed
        if not _was_asked_for(suites, pair[0].constants, pair[1].constants)
    ]
    # What the work order itself names is not for the worker to expect otherwise.
    is_against = any(_was_asked_for(suites, pair[1].constants, pair[0].constants) for pair in open_)
    is_told = not open_ or (suites.is_disclosed(now) and not is_against)
    old, new = (open_ or difference.changed)[0]
    yield Finding(
        CHECK,
        "warning" if is_told else "blocking",
        f"{now.name} expects another result than before: `{old.text[:120]}` became "
        f"`{new.text[:120]}`"
        + ("" if is_told else "; no claim or summary says so: record a claim that names the test"),
        "an expected result was changed",
        now.path,
        new.line,
        new.line,
    )


def _given(suites: Suites, now: Case, difference: Difference) -> Iterator[Finding]:
    """Other inputs than before: what the product does with the old ones is not tested any more."""
    for old, new in difference.given[:1]:
        is_told = suites.is_disclosed(now) or suites.goes_with_product((), old.text)
        yield Finding(
            CHECK,
            "warning" if is_told else "blocking",
            f"{now.name} asks of another input than before: `{old.text[:120]}` became "
            f"`{new.text[:120]}`"
            + ("" if is_told else "; keep the old one, or say in a claim why it went"),
            "the input of a test was changed",
            now.path,
            new.line,
            new.line,
        )


def _was_asked_for(suites: Suites, old: frozenset[str], new: frozenset[str]) -> bool:
    """Whether the work order itself names every value that is expected now."""
    values = [value.strip("'\"") for value in new - old]
    return bool(values) and all(value and mentions(suites.asked, value) for value in values)
