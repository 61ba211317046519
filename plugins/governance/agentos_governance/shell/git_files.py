"""The files that git subcommands write or read outside what a commit holds.

Above: command_files. Below: command_options. Global options (`git -C`) are read by git_commands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, repeat

from agentos_governance.shell.options import (
    Arguments,
    Options,
    Role,
    option_files,
    read_arguments,
)
from agentos_governance.shell.words import Word, words

_OUTPUT: Mapping[str, Role] = {"output": "write"}
_MESSAGE = Options(
    "mCct", words("message author date trailer"), {"F": "read", "file": "read"}, attached="uS"
)
_PATCH = Options("pC", words("directory exclude include whitespace"))


@dataclass(frozen=True, slots=True)
class _GitFiles:
    """Options of a subcommand, and what its operands are."""

    options: Options
    operands: tuple[Role | None, ...] = ()
    others: Role | None = None
    """What the operands after those are."""
    under: str | None = None
    """The first operand that makes the others so: `add` of `worktree add`."""


_SUBCOMMANDS: Mapping[str, tuple[_GitFiles, ...]] = {
    "archive": (
        _GitFiles(
            Options(
                names=words("format prefix remote mtime"),
                paths={"o": "write", **_OUTPUT, "add-file": "read"},
            )
        ),
    ),
    "format-patch": (
        _GitFiles(
            Options(
                "v",
                words("subject-prefix start-number base suffix to cc from signature"),
                {"o": "into", "output-directory": "into", **_OUTPUT, "signature-file": "read"},
            )
        ),
    ),
    "worktree": (
        _GitFiles(Options("bB", words("reason")), ("into",), under="add"),
        _GitFiles(Options(), (None, "into"), under="move"),
    ),
    "bundle": (
        _GitFiles(Options(), ("write",), under="create"),
        _GitFiles(Options(), ("read",), under="unbundle"),
    ),
    "clone": (
        _GitFiles(
            Options(
                "boj",
                words("branch origin depth jobs filter shallow-since shallow-exclude"),
                {"reference": "read", "reference-if-able": "read"},
            ),
            ("read", "into"),
        ),
    ),
    "init": (_GitFiles(Options("b", words("initial-branch object-format ref-format")), ("into",)),),
    "checkout-index": (_GitFiles(Options(paths={"prefix": "into"})),),
    "read-tree": (_GitFiles(Options(paths={"index-output": "write", "prefix": "into"})),),
    "bugreport": (_GitFiles(Options("s", paths={"o": "into", "output-directory": "into"})),),
    "diagnose": (_GitFiles(Options("s", paths={"o": "into", "output-directory": "into"})),),
    "mailsplit": (_GitFiles(Options(paths={"o": "into"})),),
    "fast-export": (_GitFiles(Options(paths={"export-marks": "write", "import-marks": "read"})),),
    "commit": (_GitFiles(_MESSAGE),),
    "tag": (_GitFiles(_MESSAGE),),
    "merge": (_GitFiles(_MESSAGE),),
    "notes": (_GitFiles(_MESSAGE),),
    "apply": (_GitFiles(_PATCH, others="read"),),
    "am": (_GitFiles(_PATCH, others="read"),),
}
_ANY = (_GitFiles(Options(paths=_OUTPUT)),)


def git_files(argv: tuple[Word, ...]) -> list[tuple[Role, Word]]:
    """Paths that the subcommand writes or reads; `argv` is `git`, the subcommand, its arguments."""
    if len(argv) < 2:
        return []
    used: list[tuple[Role, Word]] = _tree_changes(argv[1].text, argv[1:])
    for files in _SUBCOMMANDS.get(argv[1].text, _ANY):
        arguments = read_arguments(argv[1:], files.options)
        used += option_files(arguments, files.options)
        used += _operands_used(arguments, files)
        if arguments.has(frozenset({"no-index"})):
            used += [("read", word) for word in arguments.operands]
    return used


_HERE = Word(".")
_CLEAN = Options("e", words("exclude"))
_RESTORE = Options("sU", words("source conflict pathspec-from-file unified"))
_CHECKOUT = Options("bB", words("orphan conflict pathspec-from-file"))
_APPLY_ASKS = words("check stat numstat summary cached index-info build-fake-ancestor")
# A sole operand of checkout is a branch, unless it looks like a file.
_FILE_NAME = re.compile(r"(^\.|/$|\.[A-Za-z][A-Za-z0-9]{0,4}$|^[A-Z]+file$)")


def _tree_changes(name: str, argv: tuple[Word, ...]) -> list[tuple[Role, Word]]:
    """Files of the worktree that a subcommand changes or removes by their names."""
    if name in {"rm", "mv"}:
        arguments = read_arguments(argv, _PLAIN)
        is_kept = arguments.has(words("cached n dry-run"))
        return [] if is_kept else [("write", word) for word in arguments.operands]
    if name == "clean":
        arguments = read_arguments(argv, _CLEAN)
        if not arguments.has(words("f force")) or arguments.has(words("n dry-run")):
            return []
        return [("into", word) for word in arguments.operands or [_HERE]]
    if name == "restore":
        arguments = read_arguments(argv, _RESTORE)
        if arguments.has(words("S staged")) and not arguments.has(words("W worktree")):
            return []
        return [("write", word) for word in arguments.operands]
    if name == "checkout":
        return [("write", word) for word in _checked_out(argv)]
    if name in {"apply", "am"}:
        asks = read_arguments(argv, _PATCH).has(_APPLY_ASKS)
        return [] if asks else [("into", _HERE)]
    if name == "checkout-index":
        arguments = read_arguments(argv, _INDEX)
        is_all = arguments.has(words("a all"))
        return [("into", _HERE)] if is_all else [("write", word) for word in arguments.operands]
    if name == "read-tree" and read_arguments(argv, _INDEX).has(words("u reset")):
        return [("into", _HERE)]
    return []


def _checked_out(argv: tuple[Word, ...]) -> list[Word]:
    """The paths of `git checkout [COMMIT] [--] PATH...`; none where a branch is checked out."""
    arguments = read_arguments(argv, _CHECKOUT)
    for index, word in enumerate(argv):
        if word.text == "--":
            return list(argv[index + 1 :])
    operands = arguments.operands
    if not operands and arguments.has(words("f force")):
        return [_HERE]
    if arguments.has(words("b B orphan detach t track")):
        return []
    if len(operands) == 1:
        return operands if _FILE_NAME.search(operands[0].text) else []
    return operands[1:]


_PLAIN = Options()
_INDEX = Options(
    names=words("prefix stage index-output exclude-per-directory"), flags=words("reset")
)


def _operands_used(arguments: Arguments, files: _GitFiles) -> list[tuple[Role, Word]]:
    operands = arguments.operands
    if files.under is not None:
        if not operands or operands[0].text != files.under:
            return []
        operands = operands[1:]
    roles = chain(files.operands, repeat(files.others))
    return [
        (role, word)
        for role, word in zip(roles, operands, strict=False)
        # The colon of an address; a local path has none before its first `/`.
        if role is not None and ":" not in word.text.partition("/")[0]
    ]
