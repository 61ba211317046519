"""What commands do beyond running: how a use of a file is told, and who uses the network.

Above: command_judgement, command_files, commands. Below: command_words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agentos_governance.shell.words import Word, words

Folders = frozenset[str | None]


@dataclass(frozen=True, slots=True)
class FileUse:
    """A path a command names: written, read, or (`is_folder`) entered.

    `path` is None where it cannot be known; it is relative to each of `folders`. `is_data` marks
    what is only read and shown: it is judged as far as it can be known. `is_folder` with
    `is_write` stands for something new below the folder.
    """

    path: str | None
    folders: Folders
    is_write: bool
    is_folder: bool = False
    is_data: bool = False


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
