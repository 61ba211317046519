"""One command with its wrapping taken off: what the readers of wrappers give.

Above: wrappers, finding. Below: words.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentos_governance.shell.words import Word

Argv = tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """One command with its wrapping taken off.

    `argv` is the normalised command itself; `inner` and `scripts` are commands and shell texts
    that it runs; `is_transparent` when it does nothing else, so that only those need permission.
    """

    argv: Argv
    inner: tuple[Argv, ...] = ()
    scripts: tuple[str, ...] = ()
    folders: tuple[Word, ...] = ()
    writes: tuple[Word, ...] = ()
    enters: tuple[Word, ...] = ()
    moves_to: Word | None = None
    possible: tuple[Argv, ...] = ()
    """Commands that it may run, if that is what its arguments are (`docker run IMAGE git push`)."""
    uses_network: bool = False
    is_transparent: bool = False
    is_same_shell: bool = False
