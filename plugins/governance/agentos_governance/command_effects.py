"""What well-known programs do beyond running: files they write, and whether they use the network.

Above: command_judgement, commands. Below: command_words. A program missing here is judged by its
name and arguments alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agentos_governance.command_words import Word, words

Folders = frozenset[str | None]


@dataclass(frozen=True, slots=True)
class FileUse:
    """A path a command names: written, read, or (`is_folder`) entered.

    `path` is None where it cannot be known; it is relative to each of `folders`.
    """

    path: str | None
    folders: Folders
    is_write: bool
    is_folder: bool = False


@dataclass(frozen=True, slots=True)
class _Writer:
    """How to find what a program writes: all operands, or only the last (`cp`)."""

    valued_options: frozenset[str]
    only_last: bool = False
    target_option: str | None = None


_WRITERS: Mapping[str, _Writer] = {
    "tee": _Writer(frozenset({"--output-error"})),
    "touch": _Writer(frozenset({"-d", "-t", "-r", "--date", "--reference"})),
    "mkdir": _Writer(frozenset({"-m", "--mode"})),
    "rmdir": _Writer(frozenset()),
    "rm": _Writer(frozenset()),
    "unlink": _Writer(frozenset()),
    "shred": _Writer(frozenset({"-n", "-s"})),
    "truncate": _Writer(frozenset({"-s", "-r", "--size", "--reference"})),
    "mv": _Writer(frozenset({"-S", "-t"}), target_option="-t"),
    "cp": _Writer(frozenset({"-S", "-t"}), only_last=True, target_option="-t"),
    "ln": _Writer(frozenset({"-S", "-t"}), only_last=True, target_option="-t"),
    "install": _Writer(frozenset({"-m", "-o", "-g", "-S", "-t"}), True, "-t"),
}

_NETWORK_PROGRAMS = words(
    "curl wget ssh scp sftp ftp tftp telnet nc ncat netcat socat rsync ping dig nslookup aria2c "
    "http https gh hub glab docker-compose aws gcloud az kubectl"
)
_NETWORK_SUBCOMMANDS: Mapping[str, frozenset[str]] = {
    "git": words("push fetch pull clone ls-remote send-email svn p4"),
    "pip": words("install download wheel index search"),
    "pip3": words("install download wheel index search"),
    "uv": words("pip sync add lock tool publish"),
    "npm": words("install i ci add update publish exec audit view"),
    "pnpm": words("install i add update publish dlx"),
    "yarn": words("install add up publish dlx"),
    "cargo": words("install fetch publish search update"),
    "go": words("get install mod"),
    "docker": words("pull push login build run"),
    "apt": words("install update upgrade"),
    "apt-get": words("install update upgrade source"),
}


def program_of(argv: tuple[Word, ...]) -> str:
    """The program's plain name, without its folder."""
    return argv[0].text.rpartition("/")[2]


def needs_network(argv: tuple[Word, ...]) -> bool:
    """Whether the program is known to talk to the network; a sandbox must stop the others."""
    program = program_of(argv)
    if program in _NETWORK_PROGRAMS:
        return True
    subcommands = _NETWORK_SUBCOMMANDS.get(program, frozenset())
    operands = [word.text for word in argv[1:] if not word.text.startswith("-")]
    return bool(operands) and operands[0] in subcommands


def file_uses(argv: tuple[Word, ...], folders: Folders) -> list[FileUse]:
    """Files that a well-known program writes, or reads while it writes others."""
    program = program_of(argv)
    if program == "dd":
        return [
            _use(Word(word.text[3:], word.is_literal), folders, is_write=word.text[:2] == "of")
            for word in argv[1:]
            if word.text.startswith(("of=", "if="))
        ]
    if program == "git":
        return _git_output(argv, folders)
    writer = _WRITERS.get(program)
    if writer is None:
        return []
    operands, target = _operands(argv, writer)
    if target is not None:
        return [_use(word, folders, is_write=word is target) for word in (*operands, target)]
    if writer.only_last:
        return [
            _use(word, folders, is_write=index == len(operands) - 1)
            for index, word in enumerate(operands)
        ]
    return [_use(word, folders, is_write=True) for word in operands]


def _use(word: Word, folders: Folders, *, is_write: bool) -> FileUse:
    return FileUse(word.text if word.is_literal else None, folders, is_write)


def _git_output(argv: tuple[Word, ...], folders: Folders) -> list[FileUse]:
    uses = []
    for index, word in enumerate(argv):
        if word.text.startswith("--output="):
            value = word.text.removeprefix("--output=")
            uses.append(_use(Word(value, word.is_literal), folders, is_write=True))
        elif word.text == "--output" and index + 1 < len(argv):
            uses.append(_use(argv[index + 1], folders, is_write=True))
    return uses


def _operands(argv: tuple[Word, ...], writer: _Writer) -> tuple[list[Word], Word | None]:
    operands: list[Word] = []
    target: Word | None = None
    remaining = iter(argv[1:])
    for word in remaining:
        if word.text == "--":
            operands += remaining
        elif word.text.startswith("--target-directory="):
            target = Word(word.text.partition("=")[2], word.is_literal)
        elif word.text in writer.valued_options:
            value = next(remaining, None)
            target = value if word.text == writer.target_option else target
        elif word.text == "-" or not word.text.startswith("-"):
            operands.append(word)
    return operands, target
