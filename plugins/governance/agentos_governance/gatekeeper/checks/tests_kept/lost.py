"""Tests that are gone, that run no more, or of which cases were taken away.

Above: tests_kept. Below: suites. A test that goes together with what it tested, or whose assertions
stand in another test now, is not lost.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from agentos import Finding
from agentos_governance.gatekeeper.cases import Case
from agentos_governance.gatekeeper.files.naming import is_python, is_test_file
from agentos_governance.gatekeeper.suites.suites import Suites

CHECK = "tests_kept"
MAX_NAMED = 8


def lost_tests(suites: Suites, twins: frozenset[tuple[str, str]]) -> Iterator[Finding]:
    """Tests of the base that the submission does not have; many of one file as one finding.

    `twins` are those that stand elsewhere word for word.
    """
    lost: dict[str, list[Case]] = defaultdict(list)
    departed: dict[str, list[Case]] = defaultdict(list)
    moved = suites.moved_assertions()
    absorbed = values_of_new(suites)
    for case in suites.pairing.gone:
        if not case.is_test or (case.path, case.name) in twins:
            continue
        if _is_merged(case, moved) or _is_parametrized(case, absorbed):
            continue
        gone_with = suites.goes_with_product(case.words | case.calls, case.path.rpartition("/")[2])
        (departed if gone_with else lost)[case.path].append(case)
    for path, cases in lost.items():
        yield Finding(
            CHECK,
            "blocking",
            f"{_named(cases)} of {path} {_are(cases)} gone, and what {_it(cases)} tested is still "
            "there; restore, or show which test covers it now",
            "tests were deleted",
            path,
        )
    for path, cases in departed.items():
        yield Finding(
            CHECK,
            "warning",
            f"{_named(cases)} of {path} {_are(cases)} gone together with what {_it(cases)} tested",
            "tests were deleted with their subject",
            path,
        )


def uncollected_tests(suites: Suites) -> Iterator[Finding]:
    """Tests that are still written, and that no runner finds."""
    for before, now in suites.pairing.pairs:
        if before.is_test and not now.is_test:
            yield Finding(
                CHECK,
                "blocking",
                f"{before.name} is {now.name} now, which no test runner collects",
                "a test is not collected any more",
                now.path,
                now.line,
                now.end_line,
            )
    for path, name, line in _shadowed(suites):
        yield Finding(
            CHECK,
            "blocking",
            f"{name} in line {line} never runs: a later definition has the same name",
            "a test is not collected any more",
            path,
            line,
            line,
        )


def _shadowed(suites: Suites) -> Iterator[tuple[str, str, int]]:
    for path, file in suites.new.items():
        before = suites.old.get(path)
        known = set(before.shadowed) if before is not None else set()
        for name, line in file.shadowed.items():
            if name not in known:
                yield path, name, line


def moved_files(suites: Suites) -> Iterator[Finding]:
    """Files of tests that were renamed or moved to where nothing is collected."""
    seen: set[str] = set()
    for before, now in suites.pairing.pairs:
        if before.path == now.path or now.path in seen or not before.is_test:
            continue
        if not is_python(before.path):
            is_hidden = not is_test_file(now.path) or _is_left_out_by_go(now.path)
            if is_test_file(before.path) and is_hidden:
                seen.add(now.path)
                yield Finding(
                    CHECK,
                    "blocking",
                    f"the tests of {before.path} are in {now.path} now, which no runner takes for tests",
                    "tests are not collected any more",
                    now.path,
                )
            continue
        was_left_out = suites.old_rules.why_not_collected(before.path)
        why = suites.new_rules.why_not_collected(now.path)
        if was_left_out is None and why is not None:
            seen.add(now.path)
            yield Finding(
                CHECK,
                "blocking",
                f"the tests of {before.path} are in {now.path} now, which is not collected: {why}",
                "tests are not collected any more",
                now.path,
            )


def _is_left_out_by_go(path: str) -> bool:
    """Whether `go test ./...` passes a file by: its name or folder says so."""
    return path.endswith(".go") and any(
        part in {"testdata", "vendor"} or part.startswith(("_", ".")) for part in path.split("/")
    )


def lost_parameters(suites: Suites) -> Iterator[Finding]:
    """Cases of parametrized tests that were taken away."""
    values = values_of_new(suites)
    for before, now in suites.pairing.pairs:
        gone = Counter(before.parameters) - Counter(now.parameters)
        added = Counter(now.parameters) - Counter(before.parameters)
        n_lost = sum(gone.values()) - sum(added.values())
        if n_lost <= 0 or not before.is_test:
            continue
        unknown = [
            text
            for text in gone
            if not any(text.strip("()[] ,") in each or text in each for each in values)
        ]
        if not unknown or _are_in_constants(unknown, now):
            continue
        is_gone = suites.goes_with_product((), " ".join(unknown))
        yield Finding(
            CHECK,
            "warning" if is_gone else "blocking",
            f"{now.name} runs with {n_lost} cases less: {'; '.join(unknown[:MAX_NAMED])[:300]}",
            "cases of a test were removed",
            now.path,
            now.line,
            now.end_line,
        )


def _are_in_constants(unknown: Sequence[str], now: Case) -> bool:
    """Whether the values went into the body of the test, such as into a loop."""
    return (
        bool(now.constants)
        and all(
            all(
                part.strip(" '\"") in "".join(now.constants) for part in text.strip("()").split(",")
            )
            for text in unknown
        )
        and not now.parameters
    )


def _is_merged(case: Case, moved: Counter[str]) -> bool:
    """Whether what it asserts stands in other tests that did not assert it before."""
    wanted = Counter(each.text for each in case.effective)
    if not wanted or any(moved[text] < count for text, count in wanted.items()):
        return False
    moved.subtract(wanted)
    return True


def _is_parametrized(case: Case, values: Sequence[str]) -> bool:
    """Whether its values are in the parameters of a test that is new or has more of them."""
    wanted = {value for each in case.effective for value in each.constants}
    return bool(wanted) and any(all(_holds(text, value) for value in wanted) for text in values)


def _holds(text: str, value: str) -> bool:
    return value in text or value.strip("'\"") in text


def values_of_new(suites: Suites) -> list[str]:
    """Parameters that tests have and had not, those of one test as one text too."""
    found: list[str] = []
    for before, now in suites.pairing.pairs:
        more = Counter(now.parameters) - Counter(before.parameters)
        if more:
            found += [*more, *_with_literals(now)]
    for case in suites.pairing.added:
        if case.parameters or case.effective:
            found += [*case.parameters, *_with_literals(case)]
    return found


def _with_literals(case: Case) -> list[str]:
    return [" ".join([*case.parameters, *sorted(case.constants)])] if case.parameters else []


def _named(cases: Sequence[Case]) -> str:
    names = [case.name for case in cases]
    shown = ", ".join(names[:MAX_NAMED])
    return shown if len(names) <= MAX_NAMED else f"{shown} and {len(names) - MAX_NAMED} more"


def _are(cases: Sequence[Case]) -> str:
    return "is" if len(cases) == 1 else "are"


def _it(cases: Sequence[Case]) -> str:
    return "it" if len(cases) == 1 else "they"
