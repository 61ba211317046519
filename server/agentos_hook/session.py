"""What a hook knows of itself: the client, the data folder, the token, who works.

Above: command, events. Below: files and the environment.
"""

from __future__ import annotations

import os
import stat

from agentos_hook.layout import home_folder

CLIENTS = ("claude-code", "codex")
USAGE = (
    "usage: agentos hook claude-code|codex [--home DIR] [--token-file FILE] [--worker NAME] "
    "< event.json"
)


class UsageError(Exception):
    """The command line, or a file that it names, cannot be used."""


class Session:
    """One hook process. Empty texts for a token or worker that is not known to it."""

    __slots__ = ("client", "cwd", "home", "token", "worker")

    def __init__(self, client: str, home: str, token: str, worker: str, cwd: str) -> None:
        self.client = client
        self.home = home
        self.token = token
        self.worker = worker
        self.cwd = cwd


def parse_session(arguments: list[str]) -> Session:
    """From the command line and the environment; UsageError for what cannot be used."""
    if not arguments or arguments[0] not in CLIENTS:
        raise UsageError(USAGE)
    options = {"--home": "", "--token-file": "", "--worker": os.environ.get("AGENTOS_WORKER", "")}
    rest = iter(arguments[1:])
    for argument in rest:
        name, equals, value = argument.partition("=")
        if name not in options:
            raise UsageError(f"unknown argument {argument!r}; {USAGE}")
        options[name] = value if equals else next(rest, "")
        if not options[name]:
            raise UsageError(f"{name} needs a value; {USAGE}")
    token = os.environ.get("AGENTOS_TOKEN", "")
    if options["--token-file"]:
        token = read_token(options["--token-file"])
    cwd = working_folder()
    home = os.path.join(cwd, options["--home"] or home_folder())
    return Session(arguments[0], home, token, options["--worker"], cwd)


def working_folder() -> str:
    """Where the client works; the shell's word for it where the folder was removed meanwhile."""
    try:
        return os.getcwd()
    except OSError:
        return os.path.abspath(os.path.join("/", os.environ.get("PWD", "")))


def read_token(path: str) -> str:
    """The token in a file that only its owner may read."""
    try:
        # Not to wait for somebody who writes into a pipe of that name.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise UsageError(f"the token file {path!r} cannot be read: {error}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) & 0o077:
            raise UsageError(f"the token file {path} may be read by others; chmod 600 {path}")
        token = os.read(descriptor, 4_096).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)
    if not token or not token.isprintable():
        raise UsageError(f"the token file {path} holds no token")
    return token
