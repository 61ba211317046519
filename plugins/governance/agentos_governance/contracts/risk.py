"""How risky one call is, 0 to 1, from declared factors: the fact `risk_score` of policies.

Above: enforcement (asks for every judged call), docs/contracts.md (the table). Below: shell
analysis, globs. A pure function: the same facts give the same score, in any process.

Each factor has a value v and a weight w, both 0 to 1; the score is 1 - (1 - w1 v1)(1 - w2 v2)...,
so that every factor can only add, and none alone reaches 1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agentos_governance.contracts.globs import compile_roots
from agentos_governance.shell.analysis import CommandAnalysis
from agentos_governance.shell.commands import analyse_command
from agentos_governance.shell.effects import needs_network, program_of
from agentos_governance.shell.files import file_uses
from agentos_governance.shell.words import Word, words

SENSITIVE_PATHS = (
    "**/migrations/**",
    ".github/**",
    ".gitlab-ci.yml",
    ".circleci/**",
    "**/Jenkinsfile",
    ".agentos/**",
    "**/Dockerfile*",
    "**/*.tf",
    "**/.env*",
    "**/*.pem",
    "**/*.key",
    "**/id_*",
    "**/*secret*",
    "**/*credential*",
    "**/*.lock",
    "**/*-lock.json",
    "**/*-lock.yaml",
    "**/go.sum",
    "**/CODEOWNERS",
)
"""Schema changes, continuous integration, infrastructure, secrets, pinned dependencies, owners."""
DESTRUCTIVE_PROGRAMS = words(
    "rm rmdir shred truncate dd mkfs wipefs fdisk parted kill pkill killall"
)
DESTRUCTIVE_GIT = words("reset clean rebase filter-branch gc prune update-ref")
FORCED_BY_F = words("git mv cp ln")
PRIVILEGE_PROGRAMS = words(
    "sudo su doas pkexec chown chmod setcap mount umount systemctl service iptables nft useradd "
    "usermod passwd visudo nsenter unshare docker podman kubectl helm terraform ansible"
)
MANY_PATHS = 20
MANY_REFUSALS = 10

_is_sensitive = compile_roots(SENSITIVE_PATHS)


@dataclass(frozen=True, slots=True)
class RiskSubject:
    """What is known of a call when it is judged. Paths are relative to the repository."""

    capabilities: Collection[str] = ()
    is_destructive: bool = False
    paths: Sequence[str] = ()
    command: str | None = None
    n_refusals: int = 0
    """Calls and actions of this worker that were refused under this work order so far."""
    cost_share: float = 0.0
    """Spent and held money as a part of the budget."""


@dataclass(frozen=True, slots=True)
class Factor:
    """One reason for risk: how much it weighs, and how far a call shows it."""

    name: str
    weight: float
    meaning: str
    value: Callable[[RiskSubject, _Command], float]


@dataclass(frozen=True, slots=True)
class Risk:
    """A score with the factors behind it; factors that do not apply are left out."""

    score: float
    factors: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Command:
    """What a command line shows; `is_opaque` where its text does not say what runs."""

    is_opaque: bool = False
    is_destructive: bool = False
    uses_network: bool = False
    is_privileged: bool = False
    paths: tuple[str, ...] = ()


def compute_risk(subject: RiskSubject, further: Sequence[tuple[str, float]] = ()) -> Risk:
    """The score of a call, 0 to 1, rounded to 3 decimals, and each factor's contribution w v.

    `further` are contributions of factors that plugins declare.
    """
    command = _read_command(subject.command) if subject.command else _Command()
    parts: dict[str, float] = {}
    safe = 1.0
    for factor in FACTORS:
        part = factor.weight * min(1.0, max(0.0, factor.value(subject, command)))
        if part:
            parts[factor.name] = round(part, 3)
            safe *= 1 - part
    for name, part in further:
        parts[name] = round(part, 3)
        safe *= 1 - part
    return Risk(round(1 - safe, 3), parts)


@lru_cache(512)
def _read_command(text: str) -> _Command:
    analysis = analyse_command(text)
    if not isinstance(analysis, CommandAnalysis):
        return _Command(is_opaque=True)
    argvs = [command.argv for command in analysis.commands if command.argv]
    uses = [*analysis.file_uses]
    for command in analysis.commands:
        uses += file_uses(command.argv, command.folders)
    return _Command(
        is_opaque=any(command.dynamic_prefix is not None for command in analysis.commands),
        is_destructive=any(map(_destroys, argvs)),
        uses_network=any(needs_network(argv) for argv in argvs),
        is_privileged=any(program_of(argv) in PRIVILEGE_PROGRAMS for argv in argvs),
        paths=tuple(
            use.path.removeprefix("./")
            for use in uses
            if use.path is not None and (use.is_write or not use.is_folder)
        ),
    )


def _destroys(argv: tuple[Word, ...]) -> bool:
    program, arguments = program_of(argv), {word.text for word in argv[1:]}
    if program in DESTRUCTIVE_PROGRAMS or "--force" in arguments:
        return True
    if program in FORCED_BY_F and "-f" in arguments:
        return True
    return program == "git" and len(argv) > 1 and argv[1].text in DESTRUCTIVE_GIT


def _touches_sensitive(subject: RiskSubject, command: _Command) -> float:
    paths = (*subject.paths, *command.paths)
    # A folder is as sensitive as what may lie in it.
    return float(any(_is_sensitive(path) or _is_sensitive(f"{path}/x") for path in paths))


def _breadth(subject: RiskSubject, command: _Command) -> float:
    n_paths = len({*subject.paths, *command.paths})
    return (n_paths - 1) / (MANY_PATHS - 1) if n_paths > 1 else 0.0


FACTORS: tuple[Factor, ...] = (
    Factor(
        "writes",
        0.10,
        "it may write files",
        lambda s, c: float("write" in s.capabilities),
    ),
    Factor("executes", 0.10, "it runs a command", lambda s, c: float("execute" in s.capabilities)),
    Factor(
        "network",
        0.25,
        "it, or a program of its command, talks to the network",
        lambda s, c: float("network" in s.capabilities or c.uses_network),
    ),
    Factor(
        "destructive",
        0.50,
        "its tool says that it destroys, or its command removes, overwrites or forces",
        lambda s, c: float(s.is_destructive or c.is_destructive),
    ),
    Factor(
        "privilege",
        0.60,
        "its command changes rights, services, containers or infrastructure",
        lambda s, c: float(c.is_privileged),
    ),
    Factor(
        "opaque_command",
        0.40,
        "what its command runs cannot be known from its text",
        lambda s, c: float(c.is_opaque),
    ),
    Factor(
        "sensitive_path",
        0.50,
        "a path of it is one of the sensitive ones",
        _touches_sensitive,
    ),
    Factor(
        "many_paths",
        0.30,
        f"it names several paths; in full at {MANY_PATHS}",
        _breadth,
    ),
    Factor(
        "refusals",
        0.30,
        f"its worker was refused before in this work order; in full at {MANY_REFUSALS}",
        lambda s, c: s.n_refusals / MANY_REFUSALS,
    ),
    Factor(
        "cost_share",
        0.20,
        "the part of the budget that is spent or held",
        lambda s, c: s.cost_share,
    ),
)
