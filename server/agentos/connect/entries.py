"""What connect owns in a client's files: values that are put in, recognised, and taken out again.

Above: the clients, which name them, and `planning`. Below: the two kinds of documents.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos.connect.json_document import JsonDocument, Key
from agentos.connect.toml_document import TomlDocument

Document = JsonDocument | TomlDocument
HOOK = "hook"


@dataclass(frozen=True, slots=True)
class Entry:
    """One value in one file: a member at `keys`, or with a mark an element of the array there."""

    path: Path
    keys: tuple[str, ...]
    value: dict[str, Any]
    mark: tuple[str, str] | None = None
    """What tells ours from others: ("hook", CLIENT) runs `agentos hook CLIENT`; (NAME, TEXT) has
    the member NAME with the value TEXT."""


@dataclass(frozen=True, slots=True)
class Undo:
    """What taking an entry out again needs."""

    keys: tuple[str, ...]
    mark: tuple[str, str] | None
    previous: str | None = None
    """The text of what stood there before."""
    made: tuple[tuple[str, ...], ...] = ()
    """Containers that were made for it, outermost first."""


def open_document(path: Path, text: str) -> Document:
    """The document of a file, by its suffix."""
    kind = TomlDocument if path.suffix == ".toml" else JsonDocument
    return kind(text, str(path))


def holds(document: Document, entry: Entry) -> bool:
    """Whether the document has the entry as it should be, once."""
    found = document.get(entry.keys)
    if entry.mark is None:
        return bool(found == entry.value)
    places = _places(found, entry.mark)
    return len(places) == 1 and bool(found[places[0][0]] == entry.value)


def put(document: Document, entry: Entry) -> Undo:
    """Put the entry into the document, in place of an earlier one."""
    keys = entry.keys
    made = tuple(keys[:n] for n in range(1, len(keys)) if document.get(keys[:n]) is None)
    if entry.mark is None:
        previous = document.source(keys)
        document.set(keys, entry.value)
        return Undo(keys, None, previous, made)
    assert isinstance(document, JsonDocument)
    if document.get(keys) is None:
        made = (*made, keys)
    _remove_elements(document, keys, entry.mark)
    document.append(keys, entry.value)
    return Undo(keys, entry.mark, None, made)


def take_out(document: Document, undo: Undo) -> None:
    """Take an entry out, and what was made for it if that is empty now."""
    if undo.mark is not None:
        assert isinstance(document, JsonDocument)
        _remove_elements(document, undo.keys, undo.mark)
    elif undo.previous is not None and document.get(undo.keys) is not None:
        document.set_source(undo.keys, undo.previous)
    else:
        document.remove(undo.keys)
    for keys in reversed(undo.made):
        if document.get(keys) in ({}, []):
            document.remove(keys)


def _remove_elements(document: JsonDocument, keys: Sequence[str], mark: tuple[str, str]) -> None:
    for place in reversed(_places(document.get(keys), mark)):
        document.remove((*keys, *place))


def _places(elements: Any, mark: tuple[str, str]) -> list[tuple[Key, ...]]:
    """Where, below an array, what connect put there stands."""
    found = elements if isinstance(elements, list) else []
    kind, text = mark
    if kind == HOOK:
        return [place for n, group in enumerate(found) for place in _handlers(n, group, text)]
    return [(n,) for n, e in enumerate(found) if isinstance(e, dict) and e.get(kind) == text]


def _handlers(index: int, group: Any, client: str) -> list[tuple[Key, ...]]:
    """The group whole where it has no handler but ours, else our handlers in it."""
    handlers = group.get("hooks") if isinstance(group, dict) else None
    if not isinstance(handlers, list):
        return []
    ours = [n for n, handler in enumerate(handlers) if _runs_hook(handler, client)]
    if ours and len(ours) == len(handlers):
        return [(index,)]
    return [(index, "hooks", n) for n in ours]


def _runs_hook(handler: Any, client: str) -> bool:
    command = handler.get("command") if isinstance(handler, dict) else None
    if not isinstance(command, str):
        return False
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    at = next((n for n, word in enumerate(words) if word == "hook"), 0)
    is_ours = any(Path(word).name == "agentos" for word in words[:at])
    return is_ours and words[at + 1 : at + 2] == [client]
