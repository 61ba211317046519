"""What `find` runs and removes, and where the files lie that it finds.

Above: wrappers. Below: words.
"""

from __future__ import annotations

from agentos import InvalidArgumentError
from agentos_governance.shell.unwrapped import Argv, Unwrapped
from agentos_governance.shell.words import Word

_FIND_EXEC = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_FIND_WRITES = frozenset({"-fprint", "-fprint0", "-fprintf", "-fls"})


def unwrap_find(argv: Argv) -> Unwrapped:
    """The commands after -exec and its like, and `rm` for -delete."""
    inner: list[Argv] = []
    index = 1
    while index < len(argv):
        word = argv[index]
        previous = argv[index - 1].text
        if not word.is_literal and index > 1 and not previous.startswith("-"):
            raise InvalidArgumentError("an expression of find is computed")
        if word.text in _FIND_WRITES:
            raise InvalidArgumentError(f"find {word.text} writes a file")
        if word.text in _FIND_EXEC:
            end = next(
                (i for i in range(index + 1, len(argv)) if argv[i].text in {";", "+"}), len(argv)
            )
            inner.append(_with_found(argv, argv[index + 1 : end]))
            index = end
        elif word.text == "-delete":
            inner.append((Word("rm"), *_below_starts(argv)))
        index += 1
    return Unwrapped(argv, inner=tuple(part for part in inner if part))


def _with_found(argv: Argv, command: Argv) -> Argv:
    """`{}` is a path that find supplies: below its starting points, no more is known.

    Removing does not follow links, so there that is enough.
    """
    if command and command[0].text in {"rm", "rmdir", "unlink"}:
        below = _below_starts(argv)
        return tuple(part for word in command for part in (below if word.text == "{}" else (word,)))
    return tuple(
        Word(word.text, is_literal=False) if "{}" in word.text else word for word in command
    )


def _below_starts(argv: Argv) -> Argv:
    """What lies below the folders in which find looks."""
    starts = []
    for word in argv[1:]:
        if word.text in {"-H", "-L", "-P"}:
            continue
        if word.text.startswith(("-", "(", "!", ",")):
            break
        starts.append(word)
    return tuple(
        Word(f"{start.text.rstrip('/')}/*", start.is_literal, has_glob=True)
        for start in starts or [Word(".")]
    )
