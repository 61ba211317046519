"""A TOML text of which whole tables are added or removed; every other byte stays as it is.

Above: `entries`. A table's lines are found by its headers; what comes out is parsed again and
compared with what was meant, so that a form which the search does not know is refused, not broken.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from agentos.errors import ConfigurationError

_HEADER = re.compile(r"[ \t]*\[\[?([^\[\]]*(?:\[[^\]]*\][^\[\]]*)*?)\]\]?[ \t]*(?:#.*)?$")
_PART = re.compile(r"\s*(?:\"((?:[^\"\\]|\\.)*)\"|'([^']*)'|([A-Za-z0-9_-]+))\s*(?:\.|$)")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class TomlDocument:
    """The text of a file and the edits to it."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self._name = name
        self._data = self._parse(text)

    def get(self, keys: Sequence[str]) -> Any:
        """The value at `keys`; None where there is none."""
        return _get(self._data, keys)

    def source(self, keys: Sequence[str]) -> str | None:
        """The lines of the table at `keys`, its own tables included."""
        if self.get(keys) is None:
            return None
        lines = self.text.splitlines(keepends=True)
        return "".join(lines[n] for n in self._lines_of(keys))

    def set(self, keys: Sequence[str], value: Mapping[str, Any]) -> None:
        """Put the table `value` at `keys`, in place of what is there."""
        self.remove(keys)
        self._append(keys, _render(keys, value), value)

    def set_source(self, keys: Sequence[str], source: str) -> None:
        """Put back what `source` gave."""
        self.remove(keys)
        value = _get(self._parse(source), keys)
        self._append(keys, source, value)

    def remove(self, keys: Sequence[str]) -> None:
        """Take out the table at `keys`, and the blank line that parted it from what precedes."""
        if self.get(keys) is None:
            return
        lines = self.text.splitlines(keepends=True)
        numbers = self._lines_of(keys)
        if numbers and numbers[0] and not lines[numbers[0] - 1].strip():
            numbers = [numbers[0] - 1, *numbers]
        kept = [line for n, line in enumerate(lines) if n not in set(numbers)]
        self._become("".join(kept), _without(self._data, keys), keys)

    def _append(self, keys: Sequence[str], text: str, value: Any) -> None:
        newline = "\r\n" if "\r\n" in self.text else "\n"
        before = self.text
        if before and not before.endswith("\n"):
            before += newline
        gap = newline if before else ""
        text = text.replace("\r\n", "\n").replace("\n", newline)
        self._become(before + gap + text, _with(self._data, keys, value), keys)

    def _become(self, text: str, wanted: Mapping[str, Any], keys: Sequence[str]) -> None:
        try:
            is_meant = _pruned(tomllib.loads(text)) == _pruned(wanted)
        except tomllib.TOMLDecodeError:
            is_meant = False
        if not is_meant:
            raise ConfigurationError(
                f"{self._name}: {'.'.join(keys)} is not written as a [table] of its own there; "
                "nothing was written: write it as one, or take it out"
            )
        self.text, self._data = text, tomllib.loads(text)

    def _lines_of(self, keys: Sequence[str]) -> list[int]:
        """The numbers of the lines of a table, without what stands before the next header."""
        found: list[int] = []
        block: list[int] = []
        is_inside = False
        lines = self.text.splitlines()
        for number, path in self._headers(lines):
            if path is not None:
                is_inside = path[: len(keys)] == tuple(keys)
                block = []
            if not is_inside:
                continue
            block.append(number)
            if lines[number].strip() and not lines[number].lstrip().startswith("#"):
                found += block
                block = []
        return found

    def _headers(self, lines: Sequence[str]) -> list[tuple[int, tuple[str, ...] | None]]:
        """Each line's number, with the keys of the header that it is."""
        rows: list[tuple[int, tuple[str, ...] | None]] = []
        quote: str | None = None
        for number, line in enumerate(lines):
            header = _HEADER.match(line) if quote is None else None
            rows.append((number, None if header is None else _keys(header[1])))
            quote = _open_quote(line, quote)
        return rows

    def _parse(self, text: str) -> dict[str, Any]:
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(
                f"{self._name} is not TOML: {error}; nothing was written: mend the file, or move "
                "it away"
            ) from None


def _open_quote(line: str, quote: str | None) -> str | None:
    """The multi-line text that is open after `line`, given the one open before it."""
    for mark in re.findall(r"\\.|\"\"\"|'''|\"(?:[^\"\\]|\\.)*\"|'[^']*'|#.*", line):
        if quote is not None:
            quote = None if mark == quote else quote
        elif mark in ('"""', "'''"):
            quote = mark
    return quote


def _keys(header: str) -> tuple[str, ...]:
    keys = []
    for quoted, literal, bare in _PART.findall(header):
        keys.append(json.loads(f'"{quoted}"') if quoted else literal or bare)
    return tuple(keys)


def _render(keys: Sequence[str], value: Mapping[str, Any]) -> str:
    lines = [f"[{'.'.join(_key(key) for key in keys)}]"]
    lines += [f"{_key(name)} = {_value(part)}" for name, part in value.items()]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_key(name)} = {_value(part)}" for name, part in value.items())
        return f"{{ {pairs} }}"
    if isinstance(value, list):
        return f"[{', '.join(_value(part) for part in value)}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _get(data: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _with(data: Mapping[str, Any], keys: Sequence[str], value: Any) -> dict[str, Any]:
    below = data.get(keys[0], {})
    if len(keys) > 1:
        value = _with(below if isinstance(below, dict) else {}, keys[1:], value)
    return {**data, keys[0]: value}


def _without(data: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    if len(keys) > 1:
        return {**data, keys[0]: _without(data[keys[0]], keys[1:])}
    return {name: value for name, value in data.items() if name != keys[0]}


def _pruned(data: Any) -> Any:
    """Without empty tables: that which held only ours goes with it."""
    if not isinstance(data, Mapping):
        return data
    parts = {name: _pruned(value) for name, value in data.items()}
    return {name: value for name, value in parts.items() if value != {}}
