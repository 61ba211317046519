"""Text that others wrote, made harmless: it reads as text and can be nothing else in a message.

Whatever a worker writes may try to look like a part of the card: a second "Gates: all passed", a
link that says one thing and opens another, a mention that wakes the channel, characters that turn
the line around. So it stays on one line or inside a quote, loses the characters that Slack's
mrkdwn acts on, and shows the invisible ones. Slack has no escape for `*`, `_`, `~`, a backtick or
`:name:`; they become signs that look alike. Above: everything that renders. Below: `limits`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from agentos_bots.slack.limits import ELLIPSIS, clusters, cut, cut_start, width

_READ_FACTOR: Final = 2
"""How much more is looked at than fits: some of it vanishes when it is cleaned."""
_MAX_MARKS: Final = 3
"""Combining marks kept on one letter: every script needs fewer, and more climb over the lines."""

_EMPTY: Final = "(empty)"
_REPLACED: Final = "\ufffd"
_LINE_END = re.compile("\r\n|[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
_SPACES = re.compile(" {2,}")
# Letters and signs that show nothing although their category is not one of invisible ones.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0")
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# The signs by which cards tell good from bad; in a worker's words they would speak for the card.
_VERDICT_SIGNS = frozenset("✅☑✔🗸🟢🟩❌✖✗✘❎🔴🟥⛔🛑🚫⚠🚨‼❗🔒🔏🔐👍👎🆗🈴🅾💯🏁⌛⏳")
# Signs that look like those that Slack acts on, for which it has no escape.
_ASTERISK, _TILDE, _BACKTICK, _UNDERSCORE = "\u2217", "\u223c", "\u02cb", "\uff3f"
_COLON, _AT, _AMPERSAND, _LESS, _GREATER = "\u2236", "\uff20", "\uff06", "\u2039", "\u203a"
_LOOK_ALIKE = str.maketrans({"*": _ASTERISK, "~": _TILDE, "`": _BACKTICK})
_EDGE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
# Two emoji are named by digits alone; other digits between colons are lines and hours.
_SHORTCODE = re.compile(r":(?=(?:100|1234|[\w+'-]*(?:[^\W\d]|[+'-])[\w+'-]*)(?::|$))")
_LINK = re.compile(r"(?<=[A-Za-z]):(?=//)|\b(mailto|tel|slack):", re.IGNORECASE)
_WAKES = re.compile(r"@(?=(?:here|channel|everyone|group)\b)", re.IGNORECASE)
_ENTITY = re.compile(r"&(?=#?\w+;)")


def prose(text: str, limit: int) -> str:
    """Words of others for the middle of a line; at most `limit` UTF-16 units as Slack counts."""
    shown = _inert(_one_line(_clean(_head(text, limit)))) or _EMPTY
    return _isolate(escape(cut(shown, limit - 2, _cost)))


def code(text: str, limit: int) -> str:
    """A name, id or value of others as inline code, within which Slack formats nothing."""
    shown = _one_line(_clean(_head(text, limit), is_name=True)).replace("`", _BACKTICK) or _EMPTY
    return f"`{escape(cut(shown, limit - 2, _cost))}`"


def code_path(path: str, limit: int, lines: str = "") -> str:
    """A path as inline code, with `:lines`; of a long one the end is kept."""
    shown = _one_line(_clean(_tail(path, limit), is_name=True)).replace("`", _BACKTICK) or _EMPTY
    room = limit - 2 - width(lines)
    return f"`{escape(cut_start(shown, room, _cost))}{lines}`"


def code_block(text: str, limit: int) -> tuple[str, bool]:
    """Several lines as a block of code that nothing in them can end, and whether it was cut."""
    read = _head(text, limit)
    shown = _clean(read, is_name=True).replace("`", _BACKTICK).strip("\n") or _EMPTY
    kept = cut(shown, limit - 8, _cost)
    return f"```\n{escape(kept)}\n```", kept != shown or read != text


def quote_lines(text: str, line_limit: int, limit: int) -> list[str]:
    """Several lines of others, each a quoted line: what they wrote cannot leave the quote."""
    found: list[str] = []
    for line in _clean(_head(text, limit)).strip("\n").split("\n"):
        pieces = _pieces(_inert(_one_line(line)), line_limit - 4)
        found += [">" + _isolate(escape(piece)) for piece in pieces]
    return found


def plain(text: str, limit: int) -> str:
    """Words of others for a `plain_text` object: a header, a button, an option.

    Slack's documents leave open whether those need escapes, so what would need one is replaced.
    """
    shown = _signs(_one_line(_clean(_head(text, limit)))).replace("<", _LESS).replace(">", _GREATER)
    return cut(_ENTITY.sub(_AMPERSAND, shown), limit) or _EMPTY


def escape(text: str) -> str:
    """The three characters that Slack's mrkdwn reserves, as it asks for them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _head(text: str, limit: int) -> str:
    most = _READ_FACTOR * limit
    return text if len(text) <= most else text[:most] + ELLIPSIS


def _tail(text: str, limit: int) -> str:
    most = _READ_FACTOR * limit
    return text if len(text) <= most else ELLIPSIS + text[-most:]


def _pieces(line: str, limit: int) -> Iterator[str]:
    rest = line
    while _cost(rest) > limit and (piece := cut(rest, limit, _cost)[:-1] or next(clusters(rest))):
        yield piece
        rest = rest[len(piece) :].lstrip()
    if rest or not line:
        yield rest


def _cost(text: str) -> int:
    return width(text) + 4 * text.count("&") + 3 * (text.count("<") + text.count(">"))


def _clean(text: str, *, is_name: bool = False) -> str:
    """Lines of characters that can be seen; in a name, what was invisible shows as `�`."""
    if text.isascii() and text.isprintable():
        return text
    found: list[str] = []
    n_marks = 0
    for char in _LINE_END.sub("\n", text).expandtabs(1):
        shown = _visible(char, is_name)
        n_marks = n_marks + 1 if _is_mark(char) else 0
        if n_marks <= _MAX_MARKS:
            found.append(shown)
    return "".join(found)


@lru_cache(maxsize=4096)
def _visible(char: str, is_name: bool) -> str:
    if char == "\n" or " " <= char <= "~":
        return char
    category = unicodedata.category(char)
    if category in ("Cc", "Cs", "Co") or char in _DIRECTIONS or _is_no_character(char):
        return _REPLACED
    if category == "Zs":
        return _REPLACED if is_name else " "
    if category == "Cf" or char in _BLANK or _is_selector(char):
        return _REPLACED if is_name else ""
    return char


def _is_mark(char: str) -> bool:
    return char > "\u02ff" and unicodedata.category(char) in ("Mn", "Me", "Mc")


def _is_no_character(char: str) -> bool:
    point = ord(char)
    return point & 0xFFFE == 0xFFFE or 0xFDD0 <= point <= 0xFDEF or 0xE0000 <= point <= 0xE007F


def _is_selector(char: str) -> bool:
    point = ord(char)
    return (
        0xFE00 <= point <= 0xFE0F
        or 0x180B <= point <= 0x180F
        or 0xE0080 <= point <= 0xE0FFF
        or 0xFFF0 <= point <= 0xFFF8
    )


def _one_line(text: str) -> str:
    return _SPACES.sub(" ", text.replace("\n", " ")).strip()


def _inert(text: str) -> str:
    """The same words without what Slack would act on, character for character."""
    text = _EDGE_UNDERSCORE.sub(_UNDERSCORE, _signs(text).translate(_LOOK_ALIKE))
    text = _LINK.sub(lambda found: found[0].replace(":", _COLON), text)
    return _WAKES.sub(_AT, _SHORTCODE.sub(_COLON, text))


def _signs(text: str) -> str:
    return "".join("▫" if char in _VERDICT_SIGNS else char for char in text)


def _isolate(text: str) -> str:
    """Text with letters that run from right to left, kept from turning the words around it."""
    if not text.isascii() and any(
        unicodedata.bidirectional(char) in ("R", "AL", "AN") for char in text
    ):
        return f"\u2068{text}\u2069"
    return text
