"""Patches in the form that models write for `apply_patch`, and which files they change.

Above: actions of clients' tools, interpreters. Below: nothing. Codex takes such a patch as a tool's
input and also as a shell command, which it carries out itself. Source: codex-rs/apply-patch, which
takes the space around a header's line away.
"""

from __future__ import annotations

import re

from agentos import InvalidArgumentError
from agentos_governance.shell.effects_of_code import Argv, CodeEffects
from agentos_governance.shell.words import Word

_PATH = re.compile(
    r"^[^\S\n]*\*\*\* (?:Add File|Update File|Delete File|Move to): (.+)$", re.MULTILINE
)


def patched_paths(patch: str) -> list[str]:
    """The files that a patch names, in order."""
    # Stripped afterwards: an expression that skips trailing space is quadratic in its length.
    return [path.rstrip() for path in _PATH.findall(patch)]


def read_patch_command(argv: Argv, stdin: str | None) -> CodeEffects:
    """The files that `apply_patch PATCH`, or with the patch as its input, writes."""
    patch = argv[1].text if len(argv) == 2 and argv[1].is_literal else None
    if len(argv) == 1:
        patch = stdin
    paths = [] if patch is None else patched_paths(patch)
    if not paths:
        raise InvalidArgumentError(f"{argv[0].text} with a patch that is not known")
    return CodeEffects(writes=[Word(path) for path in paths])
