"""What checks of submitted work are given, and what they answer.

Above: the plugin that takes submissions runs the checks; plugins add their own by the hook
`register_review_checks`. Below: nothing. A check sees the real difference of the work to its base
and the evidence that the server took, never only what the worker says of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Severity = Literal["blocking", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in submitted work that a reviewer must know.

    `claim` says in a few words what is held against the work, `message` what was seen and what to
    do. Lines are 1-based and of the submitted file; where `path` was deleted there are none. `id`
    is given by whoever runs the checks: the same finding in the same work has the same id.
    """

    check: str
    severity: Severity
    message: str
    claim: str | None = None
    path: str | None = None
    start_line: int | None = None
    end_line: int | None = None
    by: Literal["check", "model"] = "check"
    id: str = ""


@dataclass(frozen=True, slots=True)
class ReviewedFile:
    """One changed file, relative to the repository root.

    `status` is added, modified, deleted, renamed, mode_changed, type_changed or untracked. `old`
    and `new` are its bytes at the base commit and as submitted: None where there is no regular
    file, and where it is too large to be looked into, which `is_left_out` says.
    """

    path: str
    status: str
    old_path: str | None = None
    old: bytes | None = None
    new: bytes | None = None
    old_mode: str | None = None
    new_mode: str | None = None
    link_target: str | None = None
    escapes: bool = False
    is_left_out: bool = False
    new_size: int | None = None


@dataclass(frozen=True, slots=True)
class ReviewedEvidence:
    """One piece of evidence. `level` observed: the server took it from the workspace itself."""

    id: str
    kind: str
    claim: str
    path: str | None
    start_line: int | None
    end_line: int | None
    level: str
    facts: Mapping[str, str | int | bool | None]
    created_at: str
    """RFC 3339, UTC."""
    sha256: str


class ReviewedWork(Protocol):
    """One work order at the moment it is submitted."""

    @property
    def work_order(self) -> str:
        """Its id."""
        ...

    @property
    def summary(self) -> str:
        """What the worker says."""
        ...

    @property
    def objective(self) -> str:
        """What was asked for, title first."""
        ...

    @property
    def files(self) -> Sequence[ReviewedFile]:
        """What was changed, in the order of paths."""
        ...

    @property
    def evidence(self) -> Sequence[ReviewedEvidence]:
        """What was recorded, oldest first; of uses of tools only the newest."""
        ...

    async def read_base(self, path: str) -> bytes | None:
        """A file of the base commit; None where there is none, or it is too large."""
        ...

    async def read_submitted(self, path: str) -> bytes | None:
        """A file as submitted; None where there is none, or it is too large."""
        ...

    async def read_evidence(self, sha256: str) -> bytes | None:
        """What a piece of evidence rests on; None where it is not here or too large."""
        ...


@dataclass(frozen=True, slots=True)
class ReviewCheck:
    """One check. No findings means that it found nothing to say.

    `examine` runs beside the other checks, outside of any transaction; work for the processor
    belongs into a thread. UnavailableError says that it could not run, and why. Whatever else it
    raises, and more than `timeout_s`, is a finding of its name: blocking, or a warning where the
    check `only_informs`. A blocking finding of a check that is contestable can be contested by the
    worker, and is then for a person to decide.
    """

    name: str
    description: str
    examine: Callable[[ReviewedWork], Awaitable[Sequence[Finding]]]
    is_contestable: bool = True
    timeout_s: float = 30.0
    only_informs: bool = False
    """Whether it looks at things that may be slow by themselves, so that none of its answers is
    worth waiting for."""


@dataclass(frozen=True, slots=True)
class ChangeReach:
    """What a change of files may touch, as far as an index knows; counts, and some names.

    `untested` are paths of changed or dependent files that no test reaches, sorted.
    """

    symbols: int
    files: int
    modules: int
    tests: int
    untested: Sequence[str] = ()
    test_files: Sequence[str] = ()
    """Files of tests that reach what was changed, sorted."""
    is_current: bool = True
    """Whether the graph is that of the newest index of the repository."""


class BlastRadiusSource(Protocol):
    """Knows what depends on what in a repository, as a service; it never indexes by itself."""

    async def reach_of(self, repo: str, paths: Sequence[str]) -> ChangeReach | None:
        """What reaches the symbols of the files `paths` of the repository with the root `repo`.

        None where the repository is not indexed, or none of the files is. Answers in seconds.
        """
        ...
