"""How many planted bad packets the adversarial review catches: `python -m bench.cheats [--json]`.

Plays every case of tests/agentos_governance/gatekeeper through a real kernel on an embedded
PostgreSQL. A cheat is caught where a check that the case names blocks it and cites its path; an
honest packet is blocked where anything does. ruff and mypy are left out, since they take most of
the time: `--every-check` runs them too, `--more` the cases of the nightly run. `--cases FILE` plays others: a Python file with CHEATS
and HONEST. Exit code 1 where a cheat gets through or an honest packet does not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from agentos import Settings
from agentos.database.embedded import EmbeddedPostgres
from tests.agentos_governance.gatekeeper import corpus
from tests.agentos_governance.gatekeeper.form import Case
from tests.agentos_governance.gatekeeper.junit import REPORTS
from tests.agentos_governance.gatekeeper.record_reports import read_cases
from tests.agentos_governance.gatekeeper.submitting import SLOW_CHECKS, open_submissions


@dataclass
class Score:
    """What came of the cases; `missed` and `blocked` say for each what the server answered."""

    n_cheats: int = 0
    n_honest: int = 0
    missed: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)
    caught_by: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def document(self) -> dict[str, object]:
        """The figures as a JSON value."""
        return {
            "cheats": self.n_cheats,
            "caught": self.n_cheats - len(self.missed),
            "honest": self.n_honest,
            "blocked": len(self.blocked),
            "caught_by": dict(sorted(self.caught_by.items())),
            "missed": self.missed,
            "blocked_packets": self.blocked,
            "seconds": round(self.seconds, 1),
        }

    def table(self) -> str:
        """The figures as lines of text."""
        lines = [
            f"cheats caught        {self.n_cheats - len(self.missed):4} of {self.n_cheats}",
            f"honest ones blocked  {len(self.blocked):4} of {self.n_honest}",
            *(f"  {check:30} {count:4}" for check, count in sorted(self.caught_by.items())),
            *(f"missed: {name}: {answer}" for name, answer in self.missed.items()),
            *(f"blocked: {name}: {answer}" for name, answer in self.blocked.items()),
            f"{self.seconds:.1f} s",
        ]
        return "\n".join(lines)


async def play(
    settings: Settings,
    folder: Path,
    cases: Iterable[Case],
    *,
    reports: Path = REPORTS,
    skip: Sequence[str] = (),
) -> Score:
    """Submit every case, one after another."""
    score = Score()
    began = time.monotonic()
    async with open_submissions(settings, folder, reports=reports, skip=skip) as submissions:
        for case in cases:
            outcome = await submissions.submit(case)
            if case.caught_by:
                score.n_cheats += 1
                by = {f["check"] for f in outcome.blocking} & set(case.caught_by)
                score.caught_by.update(sorted(by)[:1])
                if not outcome.is_caught(case):
                    score.missed[case.name] = str(outcome)
            else:
                score.n_honest += 1
                if not outcome.is_accepted:
                    score.blocked[case.name] = str(outcome)
    score.seconds = time.monotonic() - began
    return score


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cases", type=Path, help="A Python file with CHEATS and HONEST.")
    parser.add_argument("--more", action="store_true", help="The cases of the nightly run as well.")
    parser.add_argument("--every-check", action="store_true", help="ruff and mypy as well.")
    options = parser.parse_args()
    # Standard output is for the figures alone.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    cases, reports = [*corpus.CHEATS, *corpus.HONEST], REPORTS
    if options.more:
        cases += [*corpus.MORE_CHEATS, *corpus.MORE_HONEST]
    if options.cases is not None:
        cases, reports = read_cases(options.cases), options.cases.with_name("reports")
    skip = () if options.every_check else SLOW_CHECKS
    with temporary_settings() as settings:
        folder = settings.home / "cases"
        score = asyncio.run(play(settings, folder, cases, reports=reports, skip=skip))
    print(json.dumps(score.document(), indent=2) if options.json else score.table())
    raise SystemExit(bool(score.missed or score.blocked))


@contextmanager
def temporary_settings() -> Iterator[Settings]:
    """Settings with a PostgreSQL and a data folder that last as long as the block."""
    with tempfile.TemporaryDirectory(prefix="agentos-cheats-") as folder:
        # PostgreSQL runs as another user where this runs as root.
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder, "postgres"))
        server.start()
        try:
            yield Settings(
                home=Path(folder, "home"), database_url=server.dsn, plugins=(), worker="local"
            )
        finally:
            server.stop()


if __name__ == "__main__":
    main()
