"""Claims and reports are held against the tree, against each other and against hooks (issue 6)."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from agentos import InvalidArgumentError
from agentos_governance.evidence.taking import read_evidence_file
from agentos_governance.gatekeeper.checks.claims.claims_resolve import claims_resolve
from agentos_governance.gatekeeper.checks.claims.diff_matches_claims import diff_matches_claims
from agentos_governance.gatekeeper.checks.evidence.evidence_from_this_tree import (
    evidence_from_this_tree,
)
from agentos_governance.gatekeeper.checks.evidence.reports_untouched import reports_untouched
from agentos_governance.gatekeeper.checks.evidence.tests_ran import tests_ran as ran_tests
from agentos_governance.gatekeeper.checks.hidden_failures.no_hidden_failures import (
    no_hidden_failures,
)
from tests.agentos_governance.gatekeeper_checks.reviewed import (
    recorded,
    tool_use,
    work_of,
    worst,
)

pytestmark = pytest.mark.anyio

BASE = {
    "src/shop/price.py": "def total(items):\n    return sum(items)\n",
    "tests/test_price.py": "from shop.price import total\n\n\ndef test_total():\n    assert total([1]) == 1\n",
    "docs/prices.md": "# Prices\n",
}
AFTER = {**BASE, "src/shop/price.py": "def total(items):\n    return sum(list(items))\n"}
CASE = '<testcase classname="tests.test_price" name="{}" time="0.01"/>'


def _junit(*names: str, tests: int | None = None, head: str = "", inside: str = "") -> str:
    cases = "".join(CASE.format(name) for name in names) + inside
    n_tests = len(names) if tests is None else tests
    return f'<testsuite name="pytest" tests="{n_tests}" failures="0" errors="0" {head}>{cases}</testsuite>'


def _coverage(path: str, line: int) -> str:
    lines = f'<lines><line number="{line}" hits="1"/></lines>'
    found = f'<classes><class filename="{path}">{lines}</class></classes>'
    return f'<coverage line-rate="1"><packages><package>{found}</package></packages></coverage>'


async def test_a_report_of_tests_that_are_there_supports_what_is_said_of_them(
    tmp_path: Path,
) -> None:
    report = recorded(tmp_path, "test_report", _junit("test_total"), path="build/junit.xml")
    work = work_of(BASE, AFTER, summary="All tests pass", evidence=[report], blobs=tmp_path)
    for check in (ran_tests, reports_untouched, evidence_from_this_tree, claims_resolve):
        assert await worst(check, work) is None, check


@pytest.mark.parametrize(
    ("summary", "reports"),
    [
        ("All tests pass", []),
        ("42 tests pass", [_junit("test_total")]),
        ("Done", [_junit("test_elsewhere")]),
        ("Done", [_junit("test_total").replace("tests.test_price", "tests.test_gone")]),
        ("Done", [_junit("test_total").replace('time="0.01"/>', "><skipped/></testcase>")]),
    ],
)
async def test_what_is_said_of_tests_needs_a_report_of_them(
    tmp_path: Path, summary: str, reports: list[str]
) -> None:
    evidence = [recorded(tmp_path, "test_report", text, path="r.xml") for text in reports]
    work = work_of(BASE, AFTER, summary=summary, evidence=evidence, blobs=tmp_path)
    assert await worst(ran_tests, work) == "blocking"


@pytest.mark.parametrize(
    "report",
    [
        _junit("test_total", tests=3),
        _junit("test_total", head='skipped="2"'),
        _junit("test_total", head='time="0.001"').replace('time="0.01"', 'time="9.5"'),
        _junit("test_total").replace('time="0.01"', 'time="-1"'),
        _junit("test_total", head='timestamp="2031-01-01T00:00:00+00:00"'),
    ],
)
async def test_a_report_that_contradicts_itself_is_found(tmp_path: Path, report: str) -> None:
    item = recorded(tmp_path, "test_report", report, path="r.xml")
    work = work_of(BASE, AFTER, evidence=[item], blobs=tmp_path)
    assert await worst(reports_untouched, work) == "blocking"


async def test_a_report_that_an_editor_wrote_or_a_failed_run_left_is_found(tmp_path: Path) -> None:
    text = _junit("test_total")
    report = recorded(tmp_path, "test_report", text, path="r.xml", number=9)
    written = tool_use(tmp_path, "Write", None, number=1, files={"r.xml": text})
    failed = tool_use(tmp_path, "Bash", "pytest -q --junitxml=r.xml", number=2, exit_code=1)
    passed = tool_use(tmp_path, "Bash", "pytest -q --junitxml=r.xml", number=3, exit_code=0)
    for uses, wanted in (
        ([written], "blocking"),
        ([failed], "blocking"),
        ([failed, passed], None),
        ([passed], None),
    ):
        work = work_of(BASE, AFTER, evidence=[*uses, report], blobs=tmp_path)
        assert await worst(reports_untouched, work) == wanted, uses


async def test_a_command_that_could_not_fail_or_ran_no_test_is_found(tmp_path: Path) -> None:
    def result(command: str, output: str = "1 passed") -> bytes:
        return orjson.dumps({"command": command, "exit_code": 0, "output": output})

    for command, check in (
        ("pytest -q || true", no_hidden_failures),
        ("pytest -q; exit 0", no_hidden_failures),
        ("pytest --collect-only -q", ran_tests),
    ):
        item = recorded(tmp_path, "command_result", result(command))
        assert await worst(check, work_of(BASE, AFTER, evidence=[item], blobs=tmp_path)), command
    failing = recorded(
        tmp_path, "command_result", result("pytest -q", "=== 2 failed, 1 passed in 0.1s ===")
    )
    work = work_of(BASE, AFTER, evidence=[failing], blobs=tmp_path)
    assert await worst(reports_untouched, work) == "blocking"


@pytest.mark.parametrize(
    "content",
    [
        _coverage("lib/other.py", 1),
        _coverage("src/shop/price.py", 90),
    ],
)
async def test_coverage_of_another_tree_is_found(tmp_path: Path, content: str) -> None:
    item = recorded(tmp_path, "coverage", content)
    work = work_of(BASE, AFTER, evidence=[item], blobs=tmp_path)
    assert await worst(evidence_from_this_tree, work) == "blocking"


@pytest.mark.parametrize(
    ("summary", "wanted"),
    [
        ("See src/shop/price.py:1-2 and tests/test_price.py::test_total.", None),
        ("See src/shop/price.py:90.", "blocking"),
        ("See src/shop/prices.py.", "blocking"),
        ("tests/test_price.py::test_gone covers it.", "blocking"),
        ("test_gone_for_good covers it.", "blocking"),
        ("test_total covers it; see https://example.org/a/b.py and /etc/hosts.", None),
        ("Removed src/shop/old_price.py.", None),
        ("The report is in build/junit.xml.", None),
    ],
)
async def test_what_is_named_is_there(summary: str, wanted: str | None) -> None:
    assert await worst(claims_resolve, work_of(BASE, AFTER, summary=summary)) == wanted


@pytest.mark.parametrize(
    ("summary", "wanted"),
    [
        ("Lists are summed; docs only.", "blocking"),
        ("Changed total() in src/shop/price.py. No test was changed.", None),
        ("Added a regression test for total().", "blocking"),
        ("Updated docs/prices.md and total().", "blocking"),
        ("total() takes any iterable.", None),
        ("Only docs/prices.md speaks of it; total() is changed.", None),
        ("No new tests were needed for total().", None),
        ("total() in src/shop/price.py passes over texts of whitespace only.", None),
        ("total() in src/shop/price.py does the formatting only once.", None),
        ("src/shop/price.py: formatting only.", "blocking"),
        ("src/shop/price.py has a whitespace-only change.", "blocking"),
    ],
)
async def test_what_is_said_of_the_change_is_what_was_changed(
    summary: str, wanted: str | None
) -> None:
    assert await worst(diff_matches_claims, work_of(BASE, AFTER, summary=summary)) == wanted


FORMATTED = {
    "src/shop/price.py": '"""Prices."""\n\n\ndef total(\n    items,\n):\n    """Cents."""\n    return sum(items)\n',
    "src/cart.js": "export const total = (items) => {\n  return sum(items, 'cents');\n};\n",
}
LOCKED = '[[package]]\nname = "httpx"\nversion = "0.27.0"\n'
ANOTHER = '[[package]]\nname = "h2"\nversion = "4.1.0"\n'


@pytest.mark.parametrize(
    "summary",
    [
        "Formatting only; no behaviour changes.",
        "Only reformatted src/shop/price.py and src/cart.js, nothing behaves otherwise.",
    ],
)
async def test_what_is_said_to_be_formatted_only_reads_as_before(summary: str) -> None:
    before = {
        **BASE,
        "src/cart.js": 'export const total = items => { return sum(items, "cents") }\n',
    }
    formatted = {**before, **FORMATTED}
    assert await worst(diff_matches_claims, work_of(before, formatted, summary=summary)) is None
    for path, old, new in (
        ("src/shop/price.py", "sum(items)", "sum(items[1:])"),
        ("src/cart.js", "sum(items, ", "-sum(items, "),
    ):
        changed = {**formatted, path: formatted[path].replace(old, new)}
        work = work_of(before, changed, summary=summary)
        assert await worst(diff_matches_claims, work) == "blocking", path


async def test_a_file_that_is_said_to_be_formatted_does_not_speak_for_another() -> None:
    before = {**BASE, "src/shop/money.py": "def euro(c): return c/100\n"}
    after = {**AFTER, "src/shop/money.py": "def euro(c):\n    return c / 100\n"}
    summary = "total() takes any iterable. In src/shop/money.py only formatting."
    assert await worst(diff_matches_claims, work_of(before, after, summary=summary)) is None


@pytest.mark.parametrize(
    ("after", "wanted"),
    [(LOCKED + ANOTHER, "blocking"), (LOCKED.replace("0.27.0", "0.28.0"), None)],
)
async def test_a_package_that_only_a_lock_file_names_is_a_new_dependency(
    after: str, wanted: str | None
) -> None:
    before = {**BASE, "uv.lock": LOCKED}
    work = work_of(
        before, {**AFTER, "uv.lock": after}, summary="total() changed, no new dependencies."
    )
    assert await worst(diff_matches_claims, work) == wanted


def test_only_a_key_that_documentation_publishes_is_taken_as_evidence(tmp_path: Path) -> None:
    file = tmp_path / "test_redact.py"
    published = "AKIA" + "IOSFODNN7EXAMPLE"
    file.write_text(
        f"KEY = '{published}'\naws_secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'\n",
        "utf-8",
    )
    assert read_evidence_file(tmp_path, "test_redact.py", lambda _: None)[1] == file.read_bytes()
    for secret in ("AKIA" + "IOSFODNN7EXEMPLA", f"{published}' password='hunter2hunter2"):
        file.write_text(f"KEY = '{secret}'\n", "utf-8")
        with pytest.raises(InvalidArgumentError, match="secret"):
            read_evidence_file(tmp_path, "test_redact.py", lambda _: None)
