"""The files that a well-known program reads and writes, found in its options and operands.

Above: command_judgement. Below: program_files (the tables), git_files, command_options. A program
that is not in the tables is judged by its name and arguments alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from agentos_governance.shell.effects import FileUse, Folders, program_of
from agentos_governance.shell.git_files import git_files
from agentos_governance.shell.options import (
    Arguments,
    Options,
    Role,
    option_files,
    read_arguments,
)
from agentos_governance.shell.program_files import PROGRAM_FILES, ProgramFiles
from agentos_governance.shell.words import Word, words

Used = tuple[Role, Word]

_HOME = re.compile(r"^\$(HOME\b|\{HOME\})")


def file_uses(argv: tuple[Word, ...], folders: Folders) -> list[FileUse]:
    """Files that a well-known program writes or reads, each with the folders it starts from."""
    program = program_of(argv)
    special = _SPECIAL.get(program)
    if special is not None:
        used: Sequence[Used] = special(argv)
    elif program in PROGRAM_FILES:
        used = _used(argv, PROGRAM_FILES[program])
    else:
        return []
    return [_use(role, word, folders) for role, word in used]


def _use(role: Role, word: Word, folders: Folders) -> FileUse:
    path = word.text if word.is_literal else None
    if role == "read" and path is None:
        path = _fixed_start(word.text)
    return FileUse(
        path,
        folders,
        is_write=role in {"write", "into"},
        is_folder=role in {"into", "enter"},
        is_data=role == "read",
    )


def _fixed_start(text: str) -> str | None:
    """A computed path as far as it says where it starts: below `/` or a home directory."""
    text = _HOME.sub("~", text)
    return text if text.startswith(("/", "~")) else None


def _used(argv: tuple[Word, ...], files: ProgramFiles) -> list[Used]:
    arguments = read_arguments(argv, files.options)
    used = option_files(arguments, files.options)
    operands = arguments.operands
    if not arguments.has(files.text_options):
        operands = operands[files.n_texts :]
    roles = _roles(arguments, files, len(operands))
    if any(role == "into" for role, _ in used):
        roles = [files.operands] * len(operands)
    for role, word in zip(roles, operands, strict=True):
        is_stream = role == "read" and word.text in {"-", ""}
        if role is not None and not is_stream and not (files.may_be_remote and _is_remote(word)):
            used.append((role, word))
    return used


def _roles(arguments: Arguments, files: ProgramFiles, n_operands: int) -> list[Role | None]:
    """What is done with each operand."""
    if arguments.has(files.rewriting):
        return ["write"] * n_operands
    if arguments.has(files.printing):
        return ["read"] * n_operands
    roles = [*files.leading[:n_operands]]
    roles += [files.operands] * (n_operands - len(roles))
    if files.last is not None and roles:
        roles[-1] = files.last
    return roles


def _is_remote(word: Word) -> bool:
    """`host:path` and `rsync://host/path`, where the colon stands before any `/`."""
    return ":" in word.text.partition("/")[0]


def _dd(argv: tuple[Word, ...]) -> list[Used]:
    roles: Mapping[str, Role] = {"of=": "write", "if=": "source"}
    return [
        (roles[word.text[:3]], Word(word.text[3:], word.is_literal))
        for word in argv[1:]
        if word.text[:3] in roles
    ]


_UPLOADS = words("d data data-ascii data-binary data-urlencode F form")


def _curl(argv: tuple[Word, ...]) -> list[Used]:
    """Also what it sends: `-d @file`, `-F name=@file`, `file:///path`."""
    files = PROGRAM_FILES["curl"]
    arguments = read_arguments(argv, files.options)
    used = _used(argv, files)
    for value in arguments.values(_UPLOADS):
        before, at, path = value.text.partition("@")
        if at and path not in {"", "-"} and (not before or before.endswith("=")):
            used.append(("read", Word(path.partition(";")[0], value.is_literal)))
    for word in arguments.operands:
        if word.text.lower().startswith("file:"):
            path = "/" + word.text[5:].lstrip("/")
            used.append(("read", Word(path, word.is_literal)))
    return used


_TAR_VALUED = "fCbTXgIKLNVF"
_TAR = Options(
    "bgIKLNVFH",
    words("exclude transform strip-components format owner group mode mtime use-compress-program"),
    {
        "C": "enter",
        "directory": "enter",
        "f": "read",
        "file": "read",
        "T": "read",
        "files-from": "read",
        "X": "read",
        "exclude-from": "read",
        "one-top-level": "into",
    },
    flags=words("create append update concatenate catenate delete extract get"),
)
_TAR_WRITES = words("c r u A create append update concatenate catenate delete")
_TAR_EXTRACTS = words("x extract get")


def _tar(argv: tuple[Word, ...]) -> list[Used]:
    arguments = read_arguments(_with_dashes(argv), _TAR)
    is_writing = arguments.has(_TAR_WRITES)
    used = option_files(arguments, _TAR)
    if is_writing:
        used += [("write", word) for word in arguments.values(frozenset({"f", "file"}))]
    if arguments.has(_TAR_EXTRACTS):
        used += [("into", word) for word in arguments.values(frozenset({"C", "directory"}))]
    elif is_writing and not arguments.has(frozenset({"C", "directory"})):
        used += [("read", word) for word in arguments.operands]
    elif is_writing:
        used += [("read", word) for word in arguments.operands if word.text.startswith("/")]
    return [each for each in used if each[1].text != "-"]


def _with_dashes(argv: tuple[Word, ...]) -> tuple[Word, ...]:
    """`tar xzf a.tgz` as `tar -x -z -f a.tgz`: bundled letters take their values in order."""
    if len(argv) < 2 or argv[1].text.startswith("-") or not argv[1].is_literal:
        return argv
    rest = iter(argv[2:])
    spelled: list[Word] = []
    for letter in argv[1].text:
        spelled.append(Word(f"-{letter}"))
        value = next(rest, None) if letter in _TAR_VALUED else None
        if value is not None:
            spelled.append(value)
    return (argv[0], *spelled, *rest)


def _find(argv: tuple[Word, ...]) -> list[Used]:
    """Where find starts: what stands before its first expression."""
    starts: list[Used] = []
    for word in argv[1:]:
        if word.text in {"-H", "-L", "-P"}:
            continue
        if word.text.startswith(("-", "(", "!", ",")):
            break
        starts.append(("read", word))
    return starts


_SPECIAL: Mapping[str, Callable[[tuple[Word, ...]], Sequence[Used]]] = {
    "curl": _curl,
    "dd": _dd,
    "tar": _tar,
    "bsdtar": _tar,
    "find": _find,
    "git": git_files,
}
