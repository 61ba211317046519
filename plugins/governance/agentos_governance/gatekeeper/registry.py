"""The checks of submitted work: those that ship, and those that plugins add.

Above: checking. Below: one module for each check. Names are a contract: reviewers, settings and
statistics know them. Those that ship belong to a lane each: what one process runs, one check after
the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from agentos import ConfigurationError, Finding, ReviewCheck, ReviewedWork, UnavailableError
from agentos_governance.gatekeeper.checks.blast_radius_covered import blast_radius_covered
from agentos_governance.gatekeeper.checks.claims.claims_resolve import claims_resolve
from agentos_governance.gatekeeper.checks.claims.diff_matches_claims import diff_matches_claims
from agentos_governance.gatekeeper.checks.claims.figures_measured import figures_measured
from agentos_governance.gatekeeper.checks.contents.changes_called_out import changes_called_out
from agentos_governance.gatekeeper.checks.contents.dependencies_locked import dependencies_locked
from agentos_governance.gatekeeper.checks.contents.no_binaries import no_binaries
from agentos_governance.gatekeeper.checks.contents.no_secrets import no_secrets
from agentos_governance.gatekeeper.checks.contents.within_roots import within_roots
from agentos_governance.gatekeeper.checks.evidence.evidence_from_this_tree import (
    evidence_from_this_tree,
)
from agentos_governance.gatekeeper.checks.evidence.reports_untouched import reports_untouched
from agentos_governance.gatekeeper.checks.evidence.tests_ran import tests_ran
from agentos_governance.gatekeeper.checks.hard_coded.no_hard_coded_results import (
    no_hard_coded_results,
)
from agentos_governance.gatekeeper.checks.hidden_failures.no_hidden_failures import (
    no_hidden_failures,
)
from agentos_governance.gatekeeper.checks.linters.no_new_lint import (
    no_new_lint,
    no_new_security_findings,
)
from agentos_governance.gatekeeper.checks.linters.no_new_type_errors import no_new_type_errors
from agentos_governance.gatekeeper.checks.tests_kept.tests_kept import tests_kept
from agentos_governance.gatekeeper.checks.thresholds.thresholds_kept import thresholds_kept
from agentos_governance.gatekeeper.work import Work

Examine = Callable[[Work], Awaitable[Sequence[Finding]]]

CONTENT = "content"
"""The lane of checks that only read the work."""
PROGRAMS = "programs"
"""The lane of checks that start programs over it, or wait for what others know."""
STARTING_PROGRAMS = frozenset({PROGRAMS})
MAX_PROCESSES = 8
"""Of checks at once, in one server process: two for each review."""

_lanes: dict[str, dict[str, ReviewCheck]] = {CONTENT: {}, PROGRAMS: {}}


def _own(
    name: str,
    description: str,
    examine: Examine,
    *,
    is_contestable: bool = True,
    timeout_s: float = 30.0,
    only_informs: bool = False,
    lane: str = CONTENT,
) -> ReviewCheck:
    """A check of this package, which reads more of the work than the public protocol offers."""

    async def examine_all(work: ReviewedWork) -> Sequence[Finding]:
        if not isinstance(work, Work):
            raise UnavailableError(f"{name} runs within a submission only")
        return await examine(work)

    made = ReviewCheck(name, description, examine_all, is_contestable, timeout_s, only_informs)
    _lanes[lane][name] = made
    return made


CHECKS: tuple[ReviewCheck, ...] = (
    _own(
        "claims_resolve",
        "Every file, line and test that claims and summary name is in the submitted tree",
        claims_resolve,
    ),
    _own(
        "evidence_from_this_tree",
        "Evidence is of the submitted state: no other commit, files or difference",
        evidence_from_this_tree,
    ),
    _own(
        "reports_untouched",
        "Reports agree with themselves and with what hooks recorded of the worker's tools",
        reports_untouched,
    ),
    _own(
        "tests_ran",
        "What is said of tests rests on a recorded report, of tests that are there, run last",
        tests_ran,
    ),
    _own(
        "diff_matches_claims",
        "What is said to be changed, added or left alone is what the difference shows",
        diff_matches_claims,
    ),
    _own(
        "no_secrets",
        "No key, token or password is added",
        no_secrets,
    ),
    _own(
        "no_binaries",
        "No program, archive or copied dependency is added",
        no_binaries,
    ),
    _own(
        "tests_kept",
        "No test is deleted, skipped, hidden from the runner, weakened, or asserts nothing",
        tests_kept,
    ),
    _own(
        "no_hard_coded_results",
        "The product computes what tests expect, and does not ask whether it is tested",
        no_hard_coded_results,
    ),
    _own(
        "no_hidden_failures",
        "Nothing makes a failure look like success",
        no_hidden_failures,
    ),
    _own(
        "thresholds_kept",
        "No setting of a checker asks for less, no checker is told to look away",
        thresholds_kept,
    ),
    _own(
        "within_roots",
        "Nothing lies, links or reaches outside of what the contract allows",
        within_roots,
        is_contestable=False,
    ),
    _own(
        "dependencies_locked",
        "A locked version stays what it is, and no build downloads what nobody verified",
        dependencies_locked,
    ),
    _own(
        "figures_measured",
        "Speeds, sizes and coverages that are told stand in something that was recorded",
        figures_measured,
    ),
    _own(
        "changes_called_out",
        "Dependencies, migrations, pipelines and permissions are named",
        changes_called_out,
    ),
    _own(
        "blast_radius_covered",
        "Tests reach what the change may break",
        blast_radius_covered,
        timeout_s=8.0,
        only_informs=True,
        lane=PROGRAMS,
    ),
    _own(
        "no_new_lint",
        "ruff finds nothing on touched lines that it did not find before",
        no_new_lint,
        timeout_s=25.0,
        only_informs=True,
        lane=PROGRAMS,
    ),
    _own(
        "no_new_type_errors",
        "mypy finds nothing on touched lines that it did not find before",
        no_new_type_errors,
        timeout_s=130.0,
        only_informs=True,
        lane=PROGRAMS,
    ),
    _own(
        "no_new_security_findings",
        "bandit's rules find nothing on touched lines that they did not find before",
        no_new_security_findings,
        timeout_s=45.0,
        only_informs=True,
        lane=PROGRAMS,
    ),
)

LANES: Mapping[str, Mapping[str, ReviewCheck]] = _lanes
"""The checks of each lane by their names."""


class ReviewChecks:
    """The checks in their order, as the service by which submissions find them."""

    def __init__(self, added: Iterable[ReviewCheck] = (), skipped: Sequence[str] = ()) -> None:
        self.checks = (*CHECKS, *added)
        names = [check.name for check in self.checks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(f"two plugins declare the review check {twice[0]!r}")
        unknown = sorted(set(skipped) - set(names) - {"model_review"})
        if unknown:
            raise ConfigurationError(
                f"setting 'gatekeeper.skip': there is no check {unknown[0]!r}; there are "
                f"{', '.join(names)}"
            )
        self.skipped = frozenset(skipped)
        self.slots = asyncio.Semaphore(MAX_PROCESSES)

    def is_contestable(self, name: str) -> bool:
        """Whether a worker may contest what the check finds."""
        return all(check.is_contestable for check in self.checks if check.name == name)
