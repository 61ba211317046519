"""The files that a well-known program reads and writes, found in its options and operands.

Above: command_judgement. Below: program_files (the tables), git_files, command_options. A program
that is not in the tables is judged by its name and arguments alone.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence

from agentos_governance.shell.effects import FileUse, Folders, program_of
from agentos_governance.shell.formatter_files import (
    FORMATTER_FILES,
    environment_files,
    ruff_files,
    sqlite_files,
)
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

# A file as far as its name says so, else a folder.
_SUFFIX = re.compile(r"[^/.][^/]*\.[^/.]+$")
_HOME = re.compile(r"^\$(HOME\b|\{HOME\})")


def file_uses(argv: tuple[Word, ...], folders: Folders) -> list[FileUse]:
    """Files that a well-known program writes or reads, each with the folders it starts from."""
    program = program_of(argv)
    special = _SPECIAL.get(program)
    if special is not None:
        used: Sequence[Used] = special(argv)
    elif program in _KNOWN:
        used = _used(argv, _KNOWN[program])
    else:
        used = _named_outputs(argv)
    return [
        _use(role, word, folders)
        for role, word in used
        if role != "tree" or posixpath.normpath(word.text) != "."
    ]


def _use(role: Role, word: Word, folders: Folders) -> FileUse:
    path = word.text if word.is_literal else None
    if role == "tree":
        role = "write" if _SUFFIX.search(word.text) else "into"
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
        return [files.rewritten] * n_operands
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
    flags=words(
        "create append update concatenate catenate delete extract get absolute-names absolute-paths"
    ),
)
_TAR_WRITES = words("c r u A create append update concatenate catenate delete")
_TAR_EXTRACTS = words("x extract get")


def _tar(argv: tuple[Word, ...]) -> list[Used]:
    arguments = read_arguments(_with_dashes(argv), _TAR)
    is_writing = arguments.has(_TAR_WRITES)
    used = option_files(arguments, _TAR)
    if arguments.has(words("P absolute-names absolute-paths")):
        used.append(("into", Word("/")))
    if is_writing:
        used += [("write", word) for word in arguments.values(frozenset({"f", "file"}))]
    if arguments.has(_TAR_EXTRACTS):
        into = arguments.values(frozenset({"C", "directory"}))
        is_shown = arguments.has(frozenset({"O", "to-stdout"}))
        used += [] if is_shown else [("into", word) for word in into or [Word(".")]]
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


_UNZIP = Options("xP", paths={"d": "into"})


def _unzip(argv: tuple[Word, ...]) -> list[Used]:
    arguments = read_arguments(argv, _UNZIP)
    used: list[Used] = [("read", word) for word in arguments.operands[:1]]
    if arguments.has(words("l t v z p c Z")):
        return used
    return [*used, *(("into", word) for word in arguments.values(words("d")) or [Word(".")])]


def _patch(argv: tuple[Word, ...]) -> list[Used]:
    """Without a file, patch writes whatever the patch names."""
    files = PROGRAM_FILES["patch"]
    arguments = read_arguments(argv, files.options)
    used = _used(argv, files)
    if arguments.operands or arguments.has(words("o output dry-run")):
        return used
    into = arguments.values(words("d directory")) or [Word(".")]
    return [*used, *(("into", word) for word in into)]


def _unpacked(argv: tuple[Word, ...]) -> list[Used]:
    """Other archivers: into the folder that an option or the last operand names, or this one."""
    program, texts = program_of(argv), [word.text for word in argv[1:]]
    operands = [word for word in argv[1:] if not word.text.startswith("-")]
    if program == "cpio":
        flags = "".join(text[1:] for text in texts if re.fullmatch(r"-[a-zA-Z]+", text))
        is_reading = "i" in flags or "--extract" in texts
        if is_reading and "t" not in flags:
            return [("into", Word("."))]
        return [("into", word) for word in operands[-1:]] if "p" in flags else []
    if program == "jar":
        return [("into", Word("."))] if "x" in (texts or [""])[0] else []
    if program in {"dpkg-deb", "unrar", "unar"}:
        return [("into", operands[-1] if len(operands) > 2 else Word("."))]
    if not operands or operands[0].text not in {"x", "e"}:
        return [("write", word) for word in operands[1:2]]
    named = [Word(text[2:]) for text in texts if text.startswith("-o") and len(text) > 2]
    return [("into", word) for word in named or [Word(".")]]


def _installed(argv: tuple[Word, ...]) -> list[Used]:
    """Installing for the whole machine, or the user, writes outside every workspace."""
    texts = [word.text for word in argv[1:]]
    is_installing = bool({"install", "i", "add", "global", "link", "update", "rm"} & set(texts))
    is_outside = bool({"-g", "--global", "global", "--user", "--location=global"} & set(texts))
    used = _named_outputs(argv)
    return [*used, ("into", Word("/usr/local"))] if is_installing and is_outside else used


_OUTPUTS = re.compile(
    r"^--?(?:out|output|outfile|output[-_]?file|out[-_]?file|out[-_]?dir|outdir|outDir|output[-_]?dir"
    r"|output[-_]?path|output[-_]?folder|target|target[-_]?dir|dest|destination|dest[-_]?dir|save"
    r"|save[-_]?to|save[-_]?dir|write|write[-_]?to|log[-_]?file|logfile|report[-_]?file|junitxml"
    r"|junit[-_]?xml|prefix|root|destdir|install[-_]?dir|pack-destination|basetemp|export|dump"
    r"|html|cache[-_]?dir|result[-_]?log|project[-_]?dir|cwd|data[-_]?dir|dist|build[-_]?dir)$"
)
_NO_PATH = re.compile(r"^[A-Za-z0-9_-]*$")


def _named_outputs(argv: tuple[Word, ...]) -> list[Used]:
    """What a program that is not known writes, as far as its options are named so."""
    used: list[Used] = []
    for index, word in enumerate(argv[1:], start=1):
        name, equals, value = word.text.partition("=")
        following = argv[index + 1] if index + 1 < len(argv) else Word("")
        target = Word(value, word.is_literal) if equals else following
        if (name == "-o" or _OUTPUTS.match(name)) and _looks_like_a_path(target):
            used.append(("write", target))
    return used


def _looks_like_a_path(word: Word) -> bool:
    return word.is_literal and not _NO_PATH.match(word.text) and bool(_PATHLIKE.search(word.text))


_PATHLIKE = re.compile(r"^[^-=:,\s][^=:,\s]*$")


def _pytest(argv: tuple[Word, ...]) -> list[Used]:
    """`--basetemp` is emptied first, whatever it is."""
    arguments = read_arguments(argv, _PYTEST)
    return [*_named_outputs(argv), *option_files(arguments, _PYTEST)]


_PYTEST = Options("kmnpcoW", words("rootdir ignore deselect"), {"basetemp": "into"})

_KNOWN: Mapping[str, ProgramFiles] = {**PROGRAM_FILES, **FORMATTER_FILES}
_SPECIAL: Mapping[str, Callable[[tuple[Word, ...]], Sequence[Used]]] = {
    "curl": _curl,
    "dd": _dd,
    "tar": _tar,
    "bsdtar": _tar,
    "find": _find,
    "git": git_files,
    "unzip": _unzip,
    **dict.fromkeys(words("npm pnpm yarn bun pip pip3 composer"), _installed),
    **dict.fromkeys(words("cpio jar dpkg-deb unrar unar 7z 7za 7zz 7zr"), _unpacked),
    "patch": _patch,
    "ruff": ruff_files,
    **dict.fromkeys(words("pytest py.test"), _pytest),
    **dict.fromkeys(words("sqlite3 sqlite"), sqlite_files),
    **dict.fromkeys(words("venv virtualenv"), environment_files),
}
