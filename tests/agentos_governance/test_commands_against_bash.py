"""Whatever bash runs, the analysis has listed or refused: compared with the real bash."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agentos_governance.shell.analysis import UnanalysableCommand
from agentos_governance.shell.commands import analyse_command

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")

PIECES = [
    *("p", "q", "p ", "q ", " p", "p q", "a", "b", " ", " ", "\n", "\t"),
    *(";", "&", "&&", "||", "|", "!", "#", "(", ")", "{ ", "; }", "$(", "`", "'", '"', "\\"),
    *("\\\n", ">", ">>", "<", "2>&1", "&>", "<<E\n", "\nE\n", "<<<", "$", "$x", "${x:-", "}"),
    *(
        "if ",
        "; then ",
        "; fi",
        "for x in ",
        "; do ",
        "; done",
        "while ",
        "case a in a) ",
        ";; esac",
    ),
    *("f() { ", "x=", "x=p ", "$'", "~", "*", "?", "{p,q}", "[[ ", " ]]", "((", "))", "time ", "1"),
    *("bash -c ", "env ", "command ", "exec ", "xargs ", "eval ", "cd a && "),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose `bin` holds two programs that note their running, and what wraps them."""
    root = tmp_path_factory.mktemp("bash")
    (root / "bin").mkdir()
    (root / "work" / "a").mkdir(parents=True)
    bash = shutil.which("bash")
    for name in ("p", "q"):
        program = root / "bin" / name
        program.write_text(f'#!{bash}\necho "$0" >> "$NOTES"\n', encoding="utf-8")
        program.chmod(0o755)
    for name in ("bash", "env", "xargs"):
        found = shutil.which(name)
        if found is not None:
            (root / "bin" / name).symlink_to(found)
    return root


def run_in_bash(folder: Path, text: str) -> set[str]:
    """The noted programs that bash runs for the text."""
    # A name of its own for each line: what an earlier one left in the background is not noted.
    log = folder / f"log-{uuid4().hex}"
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [str(folder / "bin" / "bash"), "-c", text],
            cwd=folder / "work",
            env={"PATH": str(folder / "bin"), "HOME": str(folder), "NOTES": str(log)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=5,
            check=False,
        )
    lines = log.read_text(encoding="utf-8").split() if log.exists() else []
    return {os.path.basename(line) for line in lines}


@example(["\\\n", "{p,q}", "\nE\n"])
@example(["\nE\n", "\\\n", "p ", "q"])
@example(["x=", "{ ", "{p,q}"])
@example(["p", "\n", "\\", "q"])
@example([">>", "$x", "\\", "p q"])
@example(["x=", "$", " p"])
@example(["x=", "\\\n", " p"])
@example(["<<<", "\\", " ", "\t", "p q"])
@example(["time ", "x=p ", "q"])
@settings(
    max_examples=int(os.environ.get("AGENTOS_BASH_EXAMPLES", "300")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=9))
def test_every_program_that_bash_runs_is_listed_or_the_line_is_refused(
    folder: Path, pieces: list[str]
) -> None:
    text = "".join(pieces)
    analysis = analyse_command(text)
    if isinstance(analysis, UnanalysableCommand) or "while" in text:
        return
    listed = {command.argv[0].text for command in analysis.commands}
    assert run_in_bash(folder, text) <= listed, text
