"""What a program written out on a command line does: commands, files it writes, network.

Above: interpreters. Below: words. Made by the readers of Python, awk, sed and other languages; each
raises InvalidArgumentError for a program that it cannot read to the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agentos_governance.shell.words import Word

Argv = tuple[Word, ...]


@dataclass(slots=True)
class CodeEffects:
    """Commands as argument lists and as shell texts, files written or entered, network."""

    inner: list[Argv] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    writes: list[Word] = field(default_factory=list)
    enters: list[Word] = field(default_factory=list)
    """Folders in which something new is made."""
    uses_network: bool = False
