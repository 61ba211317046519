"""Static analysis in SARIF 2.1.0: how many results there are of each level.

Above: the shipped kinds. Below: orjson, which refuses deep nesting. Source: OASIS SARIF 2.1.0,
sections 3.20.14 (executionSuccessful), 3.27.9 (kind), 3.27.10 (level) and 3.35.3 (status).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from agentos import InvalidArgumentError, LimitExceededError
from agentos_governance.evidence.kinds import EvidenceKind, Facts

MAX_RUNS = 100
MAX_RESULTS = 200_000
LEVELS = ("error", "warning", "note", "none")


def examine_sarif(content: bytes) -> Facts:
    """The facts of a SARIF log; InvalidArgumentError for another version or form."""
    try:
        log = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise InvalidArgumentError(f"it is not JSON: {error}") from None
    if not isinstance(log, dict) or log.get("version") != "2.1.0":
        raise InvalidArgumentError("its `version` is not 2.1.0")
    runs = log.get("runs")
    if not isinstance(runs, list) or not runs:
        raise InvalidArgumentError("it has no `runs`: nothing was analysed")
    if len(runs) > MAX_RUNS:
        raise LimitExceededError(f"it has {len(runs)} runs; the limit is {MAX_RUNS}")
    levels: Counter[str] = Counter()
    for run in runs:
        levels.update(_levels(run))
    tools = sorted({_tool(run) for run in runs})
    return {
        "tools": ", ".join(tools)[:500],
        "runs": len(runs),
        "results": sum(levels[level] for level in LEVELS),
        **{f"{level}s" if level != "none" else "others": levels[level] for level in LEVELS},
        "suppressed": levels["suppressed"],
    }


def _tool(run: Any) -> str:
    try:
        name = run["tool"]["driver"]["name"]
    except (TypeError, KeyError):
        name = None
    if not isinstance(name, str) or not name:
        raise InvalidArgumentError("a run names no tool (`tool.driver.name`)")
    return name[:100]


def _levels(run: Any) -> Iterator[str]:
    """The level of each result, or `suppressed` for those that somebody set aside."""
    results = run.get("results") if isinstance(run, dict) else None
    if not isinstance(results, list):
        raise InvalidArgumentError("a run has no `results`: it did not finish")
    invocations = run.get("invocations")
    for invocation in invocations if isinstance(invocations, list) else []:
        if not isinstance(invocation, dict) or invocation.get("executionSuccessful") is False:
            raise InvalidArgumentError("a run says that it did not end well (executionSuccessful)")
    if len(results) > MAX_RESULTS:
        raise LimitExceededError(f"a run has more than {MAX_RESULTS} results")
    defaults = _default_levels(run)
    for result in results:
        if not isinstance(result, dict):
            raise InvalidArgumentError("a result is no object")
        yield "suppressed" if _is_suppressed(result) else _level(result, defaults)


def _is_suppressed(result: Mapping[str, Any]) -> bool:
    """Whether somebody set it aside, and nobody refused that or still thinks about it (3.35.3)."""
    suppressions = result.get("suppressions")
    return (
        isinstance(suppressions, list)
        and bool(suppressions)
        and all(
            isinstance(each, dict) and each.get("status", "accepted") == "accepted"
            for each in suppressions
        )
    )


def _level(result: Mapping[str, Any], defaults: Mapping[str, str]) -> str:
    if result.get("kind", "fail") != "fail":
        return "none"
    level = result.get("level") or defaults.get(str(result.get("ruleId"))) or "warning"
    if level not in LEVELS:
        raise InvalidArgumentError(f"a result has the level {str(level)[:40]!r}")
    return str(level)


def _default_levels(run: Any) -> dict[str, str]:
    """Levels by rule id, for results that say none."""
    rules = run["tool"]["driver"].get("rules") if _tool(run) else None
    defaults: dict[str, str] = {}
    for rule in rules if isinstance(rules, list) else []:
        chosen = rule.get("defaultConfiguration") if isinstance(rule, dict) else None
        level = chosen.get("level") if isinstance(chosen, dict) else None
        if level in LEVELS:
            defaults[str(rule.get("id"))] = level
    return defaults


def _find_failures(facts: Facts) -> Sequence[str]:
    return [f"{facts['errors']} results of level error"] if facts.get("errors") else []


SARIF = EvidenceKind(
    name="sarif",
    description="A static analysis log in SARIF 2.1.0, with at least one finished run",
    media_types=("application/sarif+json", "application/json"),
    examine=examine_sarif,
    facts={
        "tools": "Names of the tools that ran",
        "runs": "Runs in the log",
        "results": "Results that nobody suppressed",
        "errors": "Results of level error",
        "warnings": "Results of level warning",
        "notes": "Results of level note",
        "others": "Results of level none",
        "suppressed": "Results that somebody set aside",
    },
    find_failures=_find_failures,
)
