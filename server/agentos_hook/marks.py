"""Which work orders are active, as the server marked them in the data folder, and where they lie.

Above: events. Below: the file system. A mark is only read here; a mark that cannot be read still
says that something is active, so that damage never opens the gate.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agentos_hook.layout import ACTIVE


class Mark(NamedTuple):
    """A work order that somebody holds. Empty texts where the mark does not say."""

    work_order: str
    worker: str
    workspace: str
    repo: str


def read_marks(home: str) -> list[Mark]:
    """Every mark; none where the folder is not there."""
    folder = os.path.join(home, ACTIVE)
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError:
        return [Mark("unknown", "", "", "")]
    found = (_read(folder, name) for name in names if name.endswith(".json"))
    return [mark for mark in found if mark is not None]


def _read(folder: str, name: str) -> Mark | None:
    try:
        with open(os.path.join(folder, name), "rb") as file:
            said = json.loads(file.read(65_536))
        return Mark(
            str(said["work_order"]),
            str(said["worker"]),
            str(said["workspace"] or ""),
            str(said["repo"] or ""),
        )
    except FileNotFoundError:
        return None  # it ended meanwhile
    except (OSError, ValueError, KeyError, TypeError):
        return Mark(name.removesuffix(".json"), "", "", "")


def mark_at(marks: Iterable[Mark], places: Iterable[str]) -> Mark | None:
    """The work order whose worktree holds any of the absolute paths."""
    spellings = {form for place in places for form in (place, os.path.realpath(place))}
    for mark in marks:
        folders = [mark.workspace, os.path.realpath(mark.workspace)] if mark.workspace else []
        if any(is_below(place, folder) for place in spellings for folder in folders):
            return mark
    return None


def concerned(marks: Iterable[Mark], places: Sequence[str], worker: str) -> Mark | None:
    """The first work order that work at `places`, by `worker` if that is known, may belong to."""
    return next((mark for mark in marks if _concerns(mark, places, worker)), None)


def _concerns(mark: Mark, places: Iterable[str], worker: str) -> bool:
    if not mark.worker or (worker and mark.worker == worker):
        return True
    if not mark.workspace:
        return not worker
    # Without a name: whoever works in the repository may be the one who holds it.
    folders = [mark.workspace] if worker else [mark.workspace, mark.repo]
    return any(
        is_below(os.path.realpath(place), os.path.realpath(folder))
        for place in places
        for folder in folders
        if folder
    )


def is_below(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies in it, by their text."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
