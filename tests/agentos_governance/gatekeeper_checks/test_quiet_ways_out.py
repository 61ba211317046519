"""Products that skip, silence or remember, and tokens in other clothes (issue 6)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import pytest

from agentos import InvalidArgumentError
from agentos_governance.evidence.made_up_secrets import is_made_up
from agentos_governance.evidence.taking import read_evidence_file
from agentos_governance.gatekeeper.checks.contents.no_secrets import no_secrets
from agentos_governance.gatekeeper.checks.hard_coded.no_hard_coded_results import (
    no_hard_coded_results,
)
from agentos_governance.gatekeeper.checks.hidden_failures.no_hidden_failures import (
    no_hidden_failures,
)
from agentos_governance.gatekeeper.checks.thresholds.thresholds_kept import thresholds_kept
from tests.agentos_governance.gatekeeper_checks.code_changes import FIB, TF, F
from tests.agentos_governance.gatekeeper_checks.reviewed import Check, work_of, worst

pytestmark = pytest.mark.anyio

LOOK = FIB.replace("def fib(n):\n", "def fib(n):\n    if n in KNOWN:\n        return KNOWN[n]\n")
# In pieces: scanners of this repository need not find it.
TOKEN = "ghp_" + "Zk3vT9qLmR4wX7bN2hQ8" + "yJcP6sD1gA5eUo0i"
SOURCE = "src/shop/price.py"
CI = ".github/workflows/ci.yml"
STEP = "      - run: pytest\n"
PIPELINE = f"on: push\njobs:\n  test:\n    steps:\n{STEP}"
SLOW = (
    "      - name: Slow\n        if: github.event_name == 'schedule'\n        run: pytest -m slow\n"
)
BLOCKED: Mapping[str, tuple[Check, str, str]] = {
    "a table that a loop fills": (
        no_hard_coded_results,
        F,
        f"KNOWN = {{}}\nfor n, r in ((12, 144), (20, 6765)):\n    KNOWN[n] = r\n\n\n{LOOK}",
    ),
    "a table of pairs": (
        no_hard_coded_results,
        F,
        f"KNOWN = dict([(12, 144), (20, 6765)])\n\n\n{LOOK}",
    ),
    "a table that is filled later": (
        no_hard_coded_results,
        F,
        f"KNOWN = {{}}\nKNOWN[12] = 144\nKNOWN.update({{20: 6765}})\n\n\n{LOOK}",
    ),
    "a match": (
        no_hard_coded_results,
        F,
        FIB.replace(
            "    a, b", "    match n:\n        case 12 | 13:\n            return 144\n    a, b", 1
        ),
    ),
    "a skip": (
        no_hard_coded_results,
        F,
        "import unittest\n\n\n" + FIB.replace("    a, b", "    if n > 11:\n        raise unittest.SkipTest\n    a, b", 1),
    ),
    "warnings": (no_hidden_failures, F, f"import warnings\n\nwarnings.simplefilter('ignore')\n\n\n{FIB}"),
    "warnings of a kind": (
        no_hidden_failures,
        F,
        f"import warnings\n\nwarnings.filterwarnings('ignore', category=DeprecationWarning)\n\n\n{FIB}",
    ),
    "logs": (no_hidden_failures, F, f"import logging\n\nlogging.disable(logging.CRITICAL)\n\n\n{FIB}"),
    "a token in base64": (
        no_secrets,
        SOURCE,
        f"KEY = '{base64.b64encode(TOKEN.encode()).decode()}'\n",
    ),
    "a token with a word in it": (no_secrets, SOURCE, f"KEY = '{TOKEN[:20]}test{TOKEN[24:]}'\n"),
    "tests on a schedule": (
        thresholds_kept,
        CI,
        PIPELINE.replace(STEP, SLOW.replace(" -m slow", "")),
    ),
}  # fmt: skip
LET_THROUGH: Mapping[str, tuple[Check, str, str]] = {
    "a memory that is computed": (
        no_hard_coded_results,
        F,
        f"{FIB}\n\nKNOWN = {{}}\nfor n in range(20):\n    KNOWN[n] = fib(n)\n",
    ),
    "a skip for the tests of others": (
        no_hard_coded_results,
        "src/shop/testing.py",
        "from unittest import SkipTest\n\n\ndef needs(name):\n    raise SkipTest(name)\n",
    ),
    "warnings of one call": (
        no_hidden_failures,
        F,
        f"import warnings\n\n\n{FIB}\n\ndef old(n):\n    with warnings.catch_warnings():\n        warnings.simplefilter('ignore')\n        return legacy(n)\n",
    ),
    "warnings of one library": (
        no_hidden_failures,
        F,
        f"import warnings\n\nwarnings.filterwarnings('ignore', module='legacy')\n\n\n{FIB}",
    ),
    "a picture": (
        no_secrets,
        SOURCE,
        "GIF = 'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7'\n",
    ),
    "a made-up token": (no_secrets, SOURCE, f"KEY = 'ghp_{'test' * 9}'\n"),
    "slow tests on a schedule": (thresholds_kept, CI, PIPELINE + SLOW),
}


@pytest.mark.parametrize("name", BLOCKED)
async def test_a_quiet_way_out_stops_the_submission(name: str) -> None:
    check, path, text = BLOCKED[name]
    before = {**TF, F: FIB, CI: PIPELINE}
    assert await worst(check, work_of(before, {**before, path: text})) == "blocking"


@pytest.mark.parametrize("name", LET_THROUGH)
async def test_what_only_looks_like_a_way_out_is_let_through(name: str) -> None:
    check, path, text = LET_THROUGH[name]
    before = {**TF, F: FIB, CI: PIPELINE}
    assert await worst(check, work_of(before, {**before, path: text})) != "blocking"


@pytest.mark.parametrize(
    "made_up",
    [
        "ghp_" + "test" * 9,
        "sk-your-secret-key-goes-here",
        "sk-test-1234567890abcdef1234567890abcdef",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "xoxb-123456789012-123456789012-abcdefghijklmnop",
    ],
)
async def test_evidence_and_work_judge_a_made_up_token_alike(tmp_path: Path, made_up: str) -> None:
    file = tmp_path / "test_redact.py"
    file.write_text(f"KEY = '{made_up}'\n", "utf-8")
    assert read_evidence_file(tmp_path, "test_redact.py", lambda _: None)[1] == file.read_bytes()
    assert await worst(no_secrets, work_of({}, {"src/conf.py": file.read_text("utf-8")})) is None


@pytest.mark.parametrize(
    "real", [TOKEN, f"{TOKEN[:20]}test{TOKEN[24:]}", f"{TOKEN}_{'test' * 50}", "sk-" + TOKEN[4:]]
)
async def test_evidence_and_work_judge_a_real_token_alike(tmp_path: Path, real: str) -> None:
    file = tmp_path / "test_redact.py"
    file.write_text(f"KEY = '{real}'\n", "utf-8")
    with pytest.raises(InvalidArgumentError, match="secret"):
        read_evidence_file(tmp_path, "test_redact.py", lambda _: None)
    work = work_of({}, {"src/conf.py": file.read_text("utf-8")})
    assert await worst(no_secrets, work) == "blocking"


def test_no_drawn_key_is_taken_for_a_made_up_one() -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    state, keys = 7, []
    for _ in range(2_000):
        digits = []
        for _ in range(16):
            state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
            digits.append(letters[state >> 59])
        keys.append("AKIA" + "".join(digits))
    assert not any(map(is_made_up, keys))
