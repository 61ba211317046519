"""The form of a case: a base repository, what a worker does and records in it, what is expected.

Above: the cheats, the honest packets, the runner. Below: nothing. Steps happen in their order, so
that a report can be older than the change it speaks of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Tree = Mapping[str, str | bytes]
"""Files of a repository by path."""


@dataclass(frozen=True, slots=True)
class Write:
    """A file is written, made where it is not there."""

    path: str
    content: str | bytes
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """In a file that is there, `old`, which stands there once, is replaced by `new`."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Delete:
    """A file is removed."""

    path: str


@dataclass(frozen=True, slots=True)
class Move:
    """A file gets another path."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link is made."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class Executable:
    """A file becomes executable."""

    path: str


@dataclass(frozen=True, slots=True)
class Git:
    """The worker runs git in its worktree."""

    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim about a file, recorded as evidence.

    `of` is text of the file: the claim is about its lines. `kind` analysis unless it says else;
    without a path the claim's own text is the evidence.
    """

    text: str
    path: str | None = None
    of: str | None = None
    kind: str = "analysis"


@dataclass(frozen=True, slots=True)
class Tested:
    """pytest ran on the tree as it is now, and its report is recorded.

    `edited` is what the worker makes of the report first. `hours_ago` is when it ran. `selected`
    are further arguments of pytest.
    """

    edited: Callable[[str], str] | None = None
    hours_ago: float = 0
    selected: tuple[str, ...] = ()
    claim: str = "The tests pass"


@dataclass(frozen=True, slots=True)
class Report:
    """The report of a test runner other than pytest: names by suite, each passed unless marked.

    A name that begins with `skipped:` was skipped.
    """

    suites: Mapping[str, Sequence[str]]
    claim: str = "The tests pass"


@dataclass(frozen=True, slots=True)
class Command:
    """A command ended so; recorded as a command_result."""

    command: str
    exit_code: int
    output: str = ""
    claim: str = "How the command ended"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another worker does these steps in a work order of its own, in the same repository."""

    steps: Sequence[Step]


@dataclass(frozen=True, slots=True)
class RecordAgain:
    """The report that was recorded last, wherever that was, is recorded once more, or an edited one."""

    edited: Callable[[str], str] | None = None
    claim: str = "The tests pass"


Change = Write | Edit | Delete | Move | Link | Executable | Git
Step = Change | Claim | Tested | Report | Command | Elsewhere | RecordAgain


@dataclass(frozen=True, slots=True)
class Case:
    """A packet; a cheat names the checks of which at least one must block, and the path.

    Without a path the finding may be about anything: nothing in the diff is to blame.
    """

    name: str
    base: Tree
    objective: str
    steps: Sequence[Step]
    summary: str
    caught_by: tuple[str, ...] = ()
    at: str | None = None
    contract: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The name as one word."""
        return self.name.replace(" ", "_").replace("'", "")


def changed(base: Tree, files: Mapping[str, str | bytes | None]) -> dict[str, str | bytes]:
    """The tree with files added or replaced, and those that are None left out."""
    together = {**base, **files}
    return {path: content for path, content in together.items() if content is not None}


def edited(base: Tree, path: str, old: str, new: str) -> dict[str, str | bytes]:
    """The tree with one text of one file replaced."""
    return changed(base, {path: replaced_once(base[path], old, new, path)})


def replaced_once(content: str | bytes, old: str, new: str, path: str) -> str:
    """The text with `old`, which it contains once, replaced; ValueError otherwise."""
    text = content if isinstance(content, str) else content.decode()
    if text.count(old) != 1:
        raise ValueError(f"{path} contains {text.count(old)} times {old!r}")
    return text.replace(old, new)
