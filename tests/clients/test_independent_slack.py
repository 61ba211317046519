"""An emulator that others wrote tells the same app the same story as ours does."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.clients.programs import INSTALLED

pytestmark = pytest.mark.clients

BINARY = INSTALLED / "local-slack/node_modules/local-slack-linux-x64/bin/local-slack"
# It listens on every interface: it gets a network of its own.
ALONE = ("unshare", "--user", "--map-root-user", "--net")


def _may_be_alone() -> bool:
    try:
        return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.parametrize("transport", ["socket", "http"])
def test_an_app_hears_the_same_from_an_independent_emulator(transport: str) -> None:
    if not BINARY.exists():
        pytest.skip("local-slack is not installed; `make clients` does so on Linux, x86-64")
    if not _may_be_alone():
        pytest.skip("this machine gives no network namespace")
    words = (sys.executable, "-m", "tests.clients.slack_story", str(BINARY), transport)
    done = subprocess.run(
        [*ALONE, *words], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["ours"]["heard"] == told["theirs"]["heard"]
    assert told["ours"]["refused"] == told["theirs"]["refused"]
    assert told["ours"]["sent"] == told["theirs"]["sent"]
    assert set(told["ours"]["sent"]) == {"app_home_opened", "app_mention", "command", "message"}
