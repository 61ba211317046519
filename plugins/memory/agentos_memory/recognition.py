"""What kind of question a query is: places, file names, patterns, symbols, or plain words.

Above: search. Nothing below.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentos import InvalidArgumentError

MAX_PATTERN_CHARS = 500

# Names in a sentence count as symbols only where they look like code: parse_header, HttpClient.
_CODE_NAME = re.compile(r"[A-Za-z_$][\w$]*(?:[.:][\w$]+)*")
_LOOKS_LIKE_CODE = re.compile(r"_|[.:]|[a-z0-9][A-Z]")
_PATH = r"(?:[\w@+~-]|[./\\](?=[\w@+~.-]))+\.[A-Za-z]\w{0,7}"
_PLACE = re.compile(rf'({_PATH})(?::|"?,? line |#L|\()(\d{{1,7}})\b')
_DIGIT = re.compile(r"\d")
_FILE_NAME = re.compile(rf"(?:\./)?{_PATH}|(?:\./)?[\w@+~.-]+(?:/[\w@+~.-]+)+/?")
_SPOKEN_PATTERN = re.compile(r"(?is)^\s*regexp?:\s*(.+?)\s*$")
_SLASHED_PATTERN = re.compile(r"(?s)^\s*/(.+)/(i?)\s*$")
_META = re.compile(r"[\\^$*+?{}\[\]|()]")
_MESSAGE = re.compile(r"[\"'`%{}<>=:]|\b\w*(?:Error|Exception|Warning)\b|\w\.$|\d")


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, as in tracebacks and links; the path may be the end of one."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a query says beside its words; `pattern` is a regular expression to search text for.

    `names` look like code; `whole` is the query as one name. `may_quote` says that it may be a
    message that code prints.
    """

    whole: str
    pattern: str | None
    places: tuple[Place, ...]
    file_name: str | None
    names: tuple[str, ...]
    may_quote: bool


def recognise(query: str) -> Recognised:
    """The kinds of question that `query` may be.

    Raises InvalidArgumentError for a pattern over MAX_PATTERN_CHARS.
    """
    whole = query.strip()
    pattern = _pattern(whole)
    if pattern is not None:
        return Recognised(whole, pattern, (), None, (), False)
    is_file_name = _FILE_NAME.fullmatch(whole) is not None
    may_quote = len(whole.split()) >= 2 and bool(_MESSAGE.search(whole))
    file_name = whole.removeprefix("./").rstrip("/") if is_file_name else None
    return Recognised(whole, None, _places(whole), file_name, _names(whole), may_quote)


# Most queries are plain words, and looked at no closer once that is known.
def _places(whole: str) -> tuple[Place, ...]:
    if not _DIGIT.search(whole):
        return ()
    return tuple(
        Place(path.replace("\\", "/").removeprefix("./"), int(line))
        for path, line in _PLACE.findall(whole)
    )


def _names(whole: str) -> tuple[str, ...]:
    if not _LOOKS_LIKE_CODE.search(whole):
        return ()
    names = _CODE_NAME.findall(whole)
    return tuple(dict.fromkeys(name for name in names if _LOOKS_LIKE_CODE.search(name)))


def _pattern(whole: str) -> str | None:
    spoken, slashed = _SPOKEN_PATTERN.match(whole), _SLASHED_PATTERN.match(whole)
    if spoken:
        pattern = spoken.group(1)
    # /usr/lib/ is a path: without anything that only a pattern has it is taken for one.
    elif slashed and ("/" not in slashed.group(1) or _META.search(slashed.group(1))):
        pattern = ("(?i)" if slashed.group(2) else "") + slashed.group(1)
    else:
        return None
    if len(pattern) > MAX_PATTERN_CHARS:
        raise InvalidArgumentError(
            f"the regular expression has {len(pattern)} characters; at most {MAX_PATTERN_CHARS}",
            remedy="shorten it, or search for words",
        )
    return pattern
