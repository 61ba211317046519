"""Programs that print names of files below known folders, which a pipeline may feed to xargs.

Above: commands. Below: words. `grep -rl x src | xargs sed -i ...` changes files below `src`, and that
is known although their names are not. Names that hold spaces are the worker's own doing: what a
command really changed is judged when the work is submitted.
"""

from __future__ import annotations

from agentos_governance.shell.options import Options, read_arguments
from agentos_governance.shell.words import Word, words

_GREP = Options(
    "eABCmdDf",
    words("regexp max-count include exclude exclude-dir file context after-context before-context"),
)
_RG = Options(
    "eABCmdgtTrjMEf", words("regexp glob iglob type type-not file max-count max-depth threads")
)
_FILTERS = words("sort uniq head tail")


def names_printed(argv: tuple[Word, ...], before: tuple[Word, ...] | None) -> Names:
    """Where the files lie whose names a command prints, given those that it reads; else None."""
    program = argv[0].text.rpartition("/")[2]
    if program in _FILTERS:
        return before
    if program in {"grep", "egrep", "fgrep"}:
        return _of_grep(argv, before)
    if program == "rg":
        return _of_rg(argv)
    if program == "find":
        return _of_find(argv)
    if program == "git" and len(argv) > 1 and argv[1].text == "ls-files":
        operands = read_arguments(argv[1:], Options("xX")).operands
        return _below(tuple(operands)) if operands else None
    return None


Names = tuple[Word, ...] | None


def _of_grep(argv: tuple[Word, ...], before: Names) -> Names:
    arguments = read_arguments(argv, _GREP)
    has_pattern = arguments.has(words("e f regexp file"))
    folders = arguments.operands if has_pattern else arguments.operands[1:]
    if arguments.has(words("l L files-with-matches files-without-match")) and folders:
        return _below(tuple(folders))
    # A filter of lines, unless it cuts them.
    cuts = arguments.has(words("o only-matching n line-number c count H with-filename"))
    return None if folders or cuts else before


def _of_rg(argv: tuple[Word, ...]) -> Names:
    arguments = read_arguments(argv, _RG)
    if arguments.has(words("files")):
        return _below(tuple(arguments.operands)) if arguments.operands else None
    folders = arguments.operands[1:]
    is_list = arguments.has(words("l files-with-matches files-without-match"))
    return _below(tuple(folders)) if is_list and folders else None


def _of_find(argv: tuple[Word, ...]) -> Names:
    starts: list[Word] = []
    for word in argv[1:]:
        if word.text.startswith(("-", "(", "!")):
            break
        starts.append(word)
    if any(word.text in {"-printf", "-exec", "-execdir"} for word in argv):
        return None
    return _below(tuple(starts)) if starts else None


def _below(folders: tuple[Word, ...]) -> Names:
    if not all(word.is_literal for word in folders):
        return None
    return tuple(Word(f"{word.text.rstrip('/')}/*", has_glob=True) for word in folders)
