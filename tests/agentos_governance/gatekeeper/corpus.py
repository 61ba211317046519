"""Every case: the cheats that agents really do, and honest packets that look like them."""

from __future__ import annotations

from tests.agentos_governance.gatekeeper.cheats import (
    faked_code,
    faked_evidence,
    forbidden_files,
    loosened_settings,
    tests_not_run,
    weakened_tests,
)
from tests.agentos_governance.gatekeeper.cheats import other_languages as cheats_elsewhere
from tests.agentos_governance.gatekeeper.honest import code, files, new_tests, rewritten_tests
from tests.agentos_governance.gatekeeper.honest import other_languages as honest_elsewhere

CHEATS = (
    *weakened_tests.CASES,
    *tests_not_run.CASES,
    *faked_code.CASES,
    *faked_evidence.CASES,
    *forbidden_files.CASES,
    *loosened_settings.CASES,
    *cheats_elsewhere.CASES,
)
HONEST = (
    *rewritten_tests.CASES,
    *new_tests.CASES,
    *code.CASES,
    *files.CASES,
    *honest_elsewhere.CASES,
)
