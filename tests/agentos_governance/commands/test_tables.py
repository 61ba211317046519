"""Tables of command lines: no evasion passes, nothing ordinary is refused; and nested at random.

The lines are data: nothing here runs them.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_governance.contracts.actions import Action
from agentos_governance.contracts.judgement import compile_contract
from agentos_governance.contracts.model import parse_contract

FOLDER = Path(__file__).parent
CONTRACT = {
    "allowed_roots": ["src/", "tests/"],
    "allowed_tools": ["Bash"],
    "forbidden_actions": ["git push", "rm -rf *", "git reset --hard*", "curl", "docker"],
    "network": False,
}
JUDGE = compile_contract(parse_contract(CONTRACT)).judge
RULES = {
    *("forbidden_actions", "command_analysis", "allowed_roots", "workspace", "git_internals"),
    *("network", "commands_allowed"),
}


def _lines(name: str) -> list[str]:
    lines = (FOLDER / f"{name}.txt").read_text("utf-8").splitlines()
    return [line.replace("⏎", "\n") for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tables") / "work"
    for folder in ("src/deep", "tests", "docs"):
        (root / folder).mkdir(parents=True)
    (root / "src" / "link").symlink_to("../docs")
    (root / "src" / "link2").symlink_to("/")
    for name in ("README.md", "src/a", "docs/a"):
        (root / name).write_text("x", "utf-8")
    return root


@pytest.mark.parametrize("command", _lines("evasions"))
def test_an_evasion_is_refused_with_a_reason_and_what_helps(workspace: Path, command: str) -> None:
    judgement = JUDGE(Action("Bash", command=command), workspace)
    assert judgement.verdict == "deny"
    assert judgement.rule.split("[")[0] in RULES
    assert judgement.reason


@pytest.mark.parametrize("command", _lines("ordinary"))
def test_an_ordinary_command_is_not_refused(workspace: Path, command: str) -> None:
    judgement = JUDGE(Action("Bash", command=command), workspace)
    assert judgement.is_allowed, judgement


def test_the_tables_are_as_long_as_promised() -> None:
    assert len(set(_lines("evasions"))) >= 150 and len(set(_lines("ordinary"))) >= 150


def _quoted(prefix: str) -> Callable[[str], str]:
    return lambda line: f"{prefix} {shlex.quote(line)}"


SIMPLE = ["git push", "git -C . push origin", "rm -fr src/deep", "curl x", "/usr/bin/git push"]
PREFIXES = [
    *("env", "env A=1", "sudo", "sudo -u root", "nohup", "timeout 5", "nice -n 3", "command"),
    *(
        "exec",
        "builtin command",
        "setsid",
        "stdbuf -oL",
        "time -p",
        "busybox",
        "xargs",
        "xargs -n1",
    ),
    *(
        "find . -exec",
        "doas",
        "ionice -c3",
        "coproc",
        "uv run",
        "npx",
        "docker exec c",
        "poetry run",
    ),
]
SHELLS: list[Callable[[str], str]] = [
    *map(_quoted, ("bash -c", "sh -c", "bash -lc", "zsh -ec", "env bash -c", "sudo sh -c", "eval")),
    *map(_quoted, ("ssh host", "source <(echo)")),
    lambda line: f"trap {shlex.quote(line)} EXIT",
    lambda line: f"bash <<'E'\n{line}\nE",
    lambda line: f"python3 -c {shlex.quote(f'import os; os.system({line!r})')}",
    lambda line: f"awk {shlex.quote('BEGIN { system(' + _in_quotes(line) + ') }')}",
    lambda line: f"echo $({line})",
    lambda line: f'X="$({line})" ls',
    lambda line: f"({line})",
    lambda line: f"{{ {line}; }}",
    lambda line: f"if true; then {line}; fi",
    lambda line: f"for i in 1; do {line}; done",
    lambda line: f"ls && {line} || true",
    lambda line: f"cat <({line})",
    lambda line: f"f() {{ {line}; }}; f",
    lambda line: f"cd src; {line}",
]


def _in_quotes(line: str) -> str:
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"'


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    command=st.sampled_from(SIMPLE),
    prefixes=st.lists(st.sampled_from(PREFIXES), max_size=3),
    shells=st.lists(st.sampled_from(SHELLS), max_size=4),
)
def test_no_nesting_of_wrappers_hides_a_forbidden_command(
    workspace: Path, command: str, prefixes: list[str], shells: list[Callable[[str], str]]
) -> None:
    line = " ".join([*prefixes, command])
    for wrap in shells:
        line = wrap(line)
    judgement = JUDGE(Action("Bash", command=line), workspace)
    assert judgement.verdict == "deny", line


@pytest.mark.parametrize(
    "line",
    [
        "a" * 8_000,
        "ls " + "x " * 3_900,
        "python -c '" + "(" * 3_000 + "'",
        "python -c '" + "f(" * 1_500 + ")" * 1_500 + "'",
        "awk '" + "/" * 7_900 + "'",
        "sed '" + "s/a/b/;" * 1_100 + "' src/a",
        "perl -e '" + "$a->" * 1_900 + "'",
        "node -e '" + "require(" * 900 + "'",
        "echo " + "{a,b}" * 100,
        "echo " + "{" * 500 + "a,b" + "}" * 500,
        "docker " + "git " * 1_900,
        "rm " + "-f " * 2_600,
        "find . " + "-exec rm {} + " * 500,
        "cat " + "<(" * 150 + "ls" + ")" * 150,
    ],
)
def test_a_line_of_any_shape_is_judged_within_a_second(workspace: Path, line: str) -> None:
    start = time.thread_time()
    JUDGE(Action("Bash", command=line), workspace)
    assert time.thread_time() - start < 1
