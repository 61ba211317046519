"""The classes of attempts, as docs/security.md lists them, and which scenario belongs to which.

An attempt is either a row of `actions.py` or a scenario: a test function under `@attempt(kind)`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeVar

Scenario = TypeVar("Scenario", bound=Callable[..., object])

KINDS: Mapping[str, str] = {
    "paths": "a path that leads out of the allowed roots: `..`, absolute, home, devices, git's own data",
    "unicode": "a path that only looks allowed: homoglyphs, direction marks, full-width dots, surrogates",
    "case": "a path in another case",
    "links": "a link in the worktree that leads out of it, chains and circles included",
    "reads": "reading what is forbidden or outside",
    "commands": "a forbidden command behind wrappers, quoting, expansion, redirection, substitution",
    "tools": "another tool's name, a false capability, a path hidden in arguments",
    "check and use": "changing a file, link or branch between the check and its use",
    "leases": "acting with a lease that ended, was taken over, or never was; a forged epoch",
    "idempotency": "replaying another's or an old idempotency key",
    "money": "racing a budget, splitting it over children, settling twice, negative amounts",
    "policies": "shadowing, editing or evading a policy; missing facts; counting limits in parallel",
    "delegation": "a child order with more authority than its parent",
    "approvals": "using an approval twice, for another call, after a change, or one's own",
    "reviews": "approving one's own work, as another identity of one person, or another packet",
    "contracts": "changing a contract while it is in force",
    "evidence": "claims about files that are not so; reports without tests; forged packets",
    "audit": "changing what was recorded",
    "identity": "forged, expired and revoked tokens; claims that pose as authority",
}

scenarios: Counter[str] = Counter()


def attempt(kind: str) -> Callable[[Scenario], Scenario]:
    """Count the scenario under a class of attempts; KeyError for a class that does not exist."""
    KINDS[kind]

    def declare(scenario: Scenario) -> Scenario:
        scenarios[kind] += 1
        return scenario

    return declare
