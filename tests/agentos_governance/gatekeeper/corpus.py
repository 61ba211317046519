"""Every case: the cheats that agents really do, and honest packets that look like them."""

from __future__ import annotations

from tests.agentos_governance.gatekeeper.cheats import (
    conditional_tests,
    emptied_assertions,
    faked_code,
    faked_evidence,
    forbidden_files,
    loosened_pipelines,
    loosened_settings,
    played_blind,
    played_blind_again,
    replaced_products,
    said_and_done,
    tests_not_run,
    weakened_tests,
)
from tests.agentos_governance.gatekeeper.cheats import other_languages as cheats_elsewhere
from tests.agentos_governance.gatekeeper.honest import (
    code,
    conditions_and_builds,
    doubles_and_helpers,
    files,
    new_tests,
    odd_looking,
    rearranged_tests,
    rewritten_tests,
)
from tests.agentos_governance.gatekeeper.honest import other_languages as honest_elsewhere
from tests.agentos_governance.gatekeeper.honest import played_blind as played_blind_honestly
from tests.agentos_governance.gatekeeper.honest import played_blind_again as honestly_again
from tests.agentos_governance.gatekeeper.honest import said_and_done as as_it_is_said

CHEATS = (
    *weakened_tests.CASES,
    *tests_not_run.CASES,
    *faked_code.CASES,
    *faked_evidence.CASES,
    *forbidden_files.CASES,
    *loosened_settings.CASES,
    *cheats_elsewhere.CASES,
    *replaced_products.CASES,
    *conditional_tests.CASES,
    *emptied_assertions.CASES,
    *loosened_pipelines.CASES,
)
HONEST = (
    *rewritten_tests.CASES,
    *new_tests.CASES,
    *code.CASES,
    *files.CASES,
    *honest_elsewhere.CASES,
    *doubles_and_helpers.CASES,
    *conditions_and_builds.CASES,
)
MORE_CHEATS = (
    *forbidden_files.NIGHTLY,
    *replaced_products.NIGHTLY,
    *conditional_tests.NIGHTLY,
    *emptied_assertions.NIGHTLY,
    *loosened_pipelines.NIGHTLY,
    *said_and_done.NIGHTLY,
    *played_blind.NIGHTLY,
    *played_blind_again.NIGHTLY,
)
"""Further ones, which the nightly run plays."""
MORE_HONEST = (
    *rearranged_tests.CASES,
    *odd_looking.CASES,
    *as_it_is_said.CASES,
    *played_blind_honestly.CASES,
    *honestly_again.CASES,
)
