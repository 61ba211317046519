"""The reports that are kept as data are those that pytest writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.agentos_governance.gatekeeper.corpus import CHEATS, HONEST, MORE_CHEATS, MORE_HONEST
from tests.agentos_governance.gatekeeper.junit import REPORTS
from tests.agentos_governance.gatekeeper.record_reports import record

_OUTCOME = re.compile(r'<testcase classname="([^"]*)" name="([^"]*)"[^>]*?(/>|><\w+)')


@pytest.mark.nightly
def test_the_reports_of_the_cases_are_what_pytest_writes_today(tmp_path: Path) -> None:
    record([*CHEATS, *HONEST, *MORE_CHEATS, *MORE_HONEST], tmp_path)
    assert _outcomes(tmp_path) == _outcomes(REPORTS)


def _outcomes(folder: Path) -> dict[str, list[tuple[str, ...]]]:
    """Of each report, every test case and how it ended; messages differ between versions."""
    return {
        file.name: _OUTCOME.findall(file.read_text("utf-8"))
        for file in sorted(folder.glob("*.xml"))
    }
