"""A plugin's reason to think a call risky: what policies add to the fact `risk_score`.

Above: whoever judges calls collects the factors; plugins that know something declare them. Below:
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RiskQuestion:
    """What is known of a call when its risk is asked for; paths are relative to the repository."""

    repo: str | None
    """The root of the repository that the work order is in; None without one."""
    paths: tuple[str, ...]
    capabilities: frozenset[str]
    """Of `read`, `write`, `execute` and `network`, what the call does."""


@dataclass(frozen=True, slots=True)
class RiskFactor:
    """One reason: `assess` says how far a call shows it, 0 to 1, and None where that is not known.

    It is asked within every judged call for which a policy wants the score, on the event loop: it
    answers from memory, within microseconds. One that raises counts as not known, and is logged.
    """

    name: str
    weight: float
    """What it adds at most, above 0 and below 1; factors combine as 1 - (1 - w1 v1)(1 - w2 v2)..."""
    meaning: str
    assess: Callable[[RiskQuestion], float | None]
