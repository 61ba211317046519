"""Evidence of a declared kind is what it says, and yields the facts that are in it."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos import ConfigurationError, InvalidArgumentError, PluginError
from agentos_governance.evidence.kinds import EvidenceKind, EvidenceKinds, Facts, Requirement
from agentos_governance.evidence.shipped_kinds import SHIPPED_KINDS

KINDS = EvidenceKinds(SHIPPED_KINDS)
CASE = '<testcase classname="m" name="{}">{}</testcase>'


def junit(*outcomes: str, suite: str = "") -> bytes:
    """A report with one case an outcome: `""`, failure, error or skipped."""
    inner = {"": "", **{n: f"<{n} message='m'>t</{n}>" for n in ("failure", "error", "skipped")}}
    cases = "".join(CASE.format(f"t{n}", inner[o]) for n, o in enumerate(outcomes))
    return f"<testsuites><testsuite name='s' {suite}>{cases}</testsuite></testsuites>".encode()


def failures(kind: str, content: bytes) -> list[str]:
    found = KINDS.find(kind)
    assert found is not None
    return list(found.find_failures(KINDS.examine(kind, content)))


def test_a_test_report_counts_its_cases() -> None:
    facts = KINDS.examine("test_report", junit("", "", "failure", "error", "skipped"))
    assert facts == {
        "tests": 5,
        "failures": 1,
        "errors": 1,
        "skipped": 1,
        "passed": 2,
        "failed_tests": "m.t2, m.t3",
    }
    assert (
        KINDS.examine("test_report", b"<testsuite><testcase name='a'/></testsuite>")["tests"] == 1
    )


def test_the_report_of_a_real_pytest_run_is_read(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\ndef test_a(): pass\ndef test_b(): assert 0\n"
        "@pytest.mark.skip\ndef test_c(): pass\n"
        "@pytest.fixture\ndef broken():\n    yield\n    1 / 0\ndef test_d(broken): assert 0\n",
        "utf-8",
    )
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--junitxml=r.xml", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    facts = KINDS.examine("test_report", (tmp_path / "r.xml").read_bytes())
    assert (facts["passed"], facts["skipped"]) == (1, 1)
    assert int(facts["failures"] or 0) + int(facts["errors"] or 0) >= 2
    assert "test_b" in str(facts["failed_tests"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<testsuite tests='12'></testsuite>", "contains no test"),
        (b"<testsuites/>", "contains no test"),
        (b"<testsuite><note><testcase/></note></testsuite>", "contains no test"),
        (b"<coverage/>", "its root is <coverage>"),
        (b"12 passed in 0.3s", "not well-formed XML"),
        (b"", "not well-formed XML"),
        (b"<!DOCTYPE a [<!ENTITY e 'x'>]><testsuite/>", "declarations of its own"),
    ],
)
def test_what_is_no_test_report_is_refused_and_the_message_says_why(
    content: bytes, said: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=said) as refused:
        KINDS.examine("test_report", content)
    assert refused.value.message.startswith("this is no test_report: ")
    assert refused.value.remedy


def test_failures_speak_against_the_work_also_where_only_the_suite_admits_them() -> None:
    assert failures("test_report", junit("", "")) == []
    assert failures("test_report", junit("", "failure")) == [
        "1 failures and 0 errors in 2 tests: m.t1"
    ]
    assert failures("test_report", junit("", suite='errors="3"')) == [
        "0 failures and 3 errors in 1 tests"
    ]
    assert failures("test_report", junit("skipped", "skipped")) == ["none of its 2 tests was run"]
    assert failures("test_report", junit("", suite='failures="no" errors="-1"')) == []


def test_a_requirement_to_pass_refuses_failures_at_once_and_no_others() -> None:
    bad = KINDS.examine("test_report", junit("", "failure"))
    good = KINDS.examine("test_report", junit(""))
    KINDS.check_passing("test_report", good, ["test_report.passing"])
    KINDS.check_passing("test_report", bad, ["test_report"])
    with pytest.raises(InvalidArgumentError, match="does not pass: 1 failures and 0 errors"):
        KINDS.check_passing("test_report", bad, ["analysis", "test_report.passing"])
    assert KINDS.requirement("test_report.passing") == Requirement("test_report", True)
    assert KINDS.requirement("unknown.passing") == Requirement("unknown.passing")


COVERAGE = """<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage line-rate="{}"><packages><package name="p"><classes>
<class name="a" filename="a.py"><methods><method name="m"><lines><line number="1" hits="1"/></lines>
</method></methods><lines><line number="1" hits="1"/><line number="2" hits="0"/></lines></class>
<class name="b" filename="b.py"><lines><line number="1" hits="7"/></lines></class>
</classes></package></packages></coverage>"""


def test_coverage_is_counted_from_the_lines_whatever_the_report_claims() -> None:
    facts = KINDS.examine("coverage", COVERAGE.format("1.0").encode())
    assert facts == {
        "line_rate": "0.6667",
        "claimed_line_rate": "1.0000",
        "lines": 3,
        "covered_lines": 2,
        "files": 2,
    }
    for claim in ("NaN", "2", "-1", "1e999999", "x", "1" * 50):
        facts = KINDS.examine("coverage", COVERAGE.format(claim).encode())
        assert facts["claimed_line_rate"] is None


def sarif(*results: dict[str, Any], **run: Any) -> bytes:
    driver = {"name": "ruff", "rules": [{"id": "E1", "defaultConfiguration": {"level": "error"}}]}
    runs = [{"tool": {"driver": driver}, "results": list(results), **run}]
    return json.dumps({"version": "2.1.0", "runs": runs}).encode()


def test_sarif_results_are_counted_by_level() -> None:
    facts = KINDS.examine(
        "sarif",
        sarif(
            {"level": "note"},
            {},
            {"ruleId": "E1"},
            {"level": "error", "suppressions": [{"kind": "inSource"}]},
            {"kind": "pass"},
        ),
    )
    assert facts == {
        "tools": "ruff",
        "runs": 1,
        "results": 4,
        "errors": 1,
        "warnings": 1,
        "notes": 1,
        "others": 1,
        "suppressed": 1,
    }
    assert failures("sarif", sarif({"level": "error"})) == ["1 results of level error"]
    assert failures("sarif", sarif()) == []


DIFF = b"""diff --git a/a b/a
--- a/a
+++ b/a
@@ -1,2 +1,3 @@
 one
-two
+2
+++ b/not a file
\\ No newline at end of file
"""


def test_a_diff_counts_what_its_hunks_hold() -> None:
    assert KINDS.examine("diff", DIFF) == {"files": 1, "insertions": 2, "deletions": 1}


def png(width: int, height: int) -> bytes:
    header = struct.pack(">I4sIIBBBBB", 13, b"IHDR", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + header + b"\0" * 8


def test_the_other_kinds_yield_their_facts() -> None:
    command = json.dumps({"command": "make test", "exit_code": 2, "output": "no"}).encode()
    facts = KINDS.examine("command_result", command)
    assert facts["exit_code"] == 2 and len(str(facts["command_sha256"])) == 64
    assert failures("command_result", command) == ["the command ended with exit code 2"]
    assert KINDS.examine("analysis", b"one two\nthree") == {"lines": 2, "words": 3}
    assert KINDS.examine("decision", b"no\n") == {"lines": 1, "words": 1}
    assert KINDS.examine("log", b"\xff\n\xfe\n") == {"lines": 2}
    assert KINDS.examine("file", b"") == {"size_bytes": 0}
    assert KINDS.examine("screenshot", png(3, 2)) == {"format": "png", "width": 3, "height": 2}
    assert KINDS.examine("never_declared", b"anything") == {}


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("coverage", b"<coverage line-rate='1.0'/>"),
        ("coverage", b"<testsuite/>"),
        ("sarif", b"{}"),
        ("sarif", b"no"),
        ("sarif", b'{"version":"2.0.0","runs":[{}]}'),
        ("sarif", b'{"version":"2.1.0","runs":[]}'),
        ("sarif", b'{"version":"2.1.0","runs":[{}]}'),
        ("sarif", b'{"version":"2.1.0","runs":["x"]}'),
        ("sarif", sarif(results=None)),
        ("sarif", sarif({"level": "awful"})),
        ("sarif", b"[" * 100_000),
        ("sarif", json.dumps({"version": "2.1.0", "runs": [{}] * 101}).encode()),
        ("diff", b"just words"),
        ("diff", b"@@ nonsense @@\n"),
        ("diff", b"--- a\n+++ b\n@@ -1,5 +1,5 @@\n one\n"),
        ("command_result", b'{"command":"x"}'),
        ("command_result", b'{"command":"x","exit_code":true}'),
        ("command_result", b'{"command":" ","exit_code":0}'),
        ("command_result", b'{"command":"x","exit_code":0,"output":1}'),
        ("command_result", b"[]"),
        ("command_result", b"exit code 0"),
        ("analysis", b" \n"),
        ("analysis", b"\xff"),
        ("decision", b""),
        ("log", b"\n\n"),
        ("screenshot", b"GIF"),
        ("screenshot", b"not an image"),
        ("screenshot", png(0, 1)),
    ],
)
def test_what_is_not_of_its_kind_is_refused(kind: str, content: bytes) -> None:
    with pytest.raises(InvalidArgumentError, match=f"this is no {kind}: ") as refused:
        KINDS.examine(kind, content)
    assert len(refused.value.message) < 500


@settings(deadline=None)
@given(st.sampled_from([kind.name for kind in SHIPPED_KINDS]), st.binary(max_size=300))
def test_no_bytes_break_a_validator(kind: str, content: bytes) -> None:
    try:
        facts = KINDS.examine(kind, content)
    except InvalidArgumentError:
        return
    declared = KINDS.find(kind)
    assert declared is not None and set(facts) == set(declared.facts)


@settings(deadline=None)
@given(st.data())
def test_no_report_of_the_right_form_breaks_a_validator(data: st.DataObject) -> None:
    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
        max_leaves=8,
    )
    keys = ["tool", "driver", "name", "results", "rules", "level", "kind", "id", "ruleId"]
    runs = data.draw(st.lists(st.dictionaries(st.sampled_from(keys), json_values), max_size=3))
    content = json.dumps({"version": "2.1.0", "runs": runs}).encode()
    try:
        KINDS.examine("sarif", content)
    except InvalidArgumentError:
        return


def _kind(name: str, facts: Facts) -> EvidenceKind:
    return EvidenceKind(name, "A kind", ("text/plain",), lambda content: facts, {"known": "Known"})


def test_a_plugins_kind_keeps_to_what_it_declared() -> None:
    assert EvidenceKinds([_kind("good", {"known": 1})]).examine("good", b"") == {"known": 1}
    for facts in ({"other": 1}, {"known": 1.5}, {"known": "x" * 2_000}, {"known": ["x"]}):
        with pytest.raises(PluginError):
            EvidenceKinds([_kind("bad", facts)]).examine("bad", b"")  # type: ignore[arg-type]
    for kinds in ([_kind("a", {}), _kind("a", {})], [_kind("A b", {})], [_kind("a.passing", {})]):
        with pytest.raises(ConfigurationError):
            EvidenceKinds(kinds)
