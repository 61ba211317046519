"""Names of files as people and records see them, whatever bytes they are.

Above: changes, worktree_state. Below: nothing.
"""

from __future__ import annotations

import re

_ESCAPES = re.compile(r"\\(\\)|(?:\\x[0-9a-f]{2})++")


def shown_path(path: bytes) -> str:
    """The path as text: bytes that are no text, what cannot be seen, and backslashes, as escapes.

    `\\xNN` for each byte in UTF-8: of control characters, and of those that turn the direction of
    text around or take no room, so that no name reads as another one. `known_path` is the way back.
    """
    text = path.decode("utf-8", "surrogateescape")
    return text if _is_plain(text) else "".join(map(_shown_character, text))


def known_path(shown: str) -> str:
    """The path as the file system knows it, of one that `shown_path` shows."""
    if "\\" not in shown:
        return shown
    text = _ESCAPES.sub(_known, shown)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def _is_plain(text: str) -> bool:
    return text.isprintable() and "\\" not in text


def _shown_character(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def _known(match: re.Match[str]) -> str:
    if match[1] is not None:
        return "\\"
    return bytes.fromhex(match[0].replace("\\x", "")).decode("utf-8", "surrogateescape")
