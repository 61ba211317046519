"""What a command line was found to run and touch, or why that cannot be known.

Above: command_judgement, policies, risk. Below: words, effects. Made by commands.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentos_governance.shell.effects import FileUse, Folders
from agentos_governance.shell.words import Word


@dataclass(frozen=True, slots=True)
class SimpleCommand:
    """One program and its arguments, options that only wrap it removed (`git -C dir push`).

    `is_wrapper` marks what runs another listed command (`bash -c`, `env`); `folders` are the
    working directories it may run in, None standing for one that is not known.
    """

    argv: tuple[Word, ...]
    written: tuple[Word, ...]
    is_wrapper: bool
    folders: Folders
    uses_network: bool = False

    @property
    def text(self) -> str:
        """The normalised text that contracts speak of: `git push origin main`."""
        return " ".join(word.text for word in self.argv)

    def texts(self) -> set[str]:
        """The normalised text and the text as written, both with the plain program name.

        And with it in small letters: some file systems find `Git` as `git`.
        """
        texts = {self.text, " ".join(word.text for word in self.written)}
        return (
            texts | {_plain(text) for text in texts} | {_plain(text, lower=True) for text in texts}
        )

    @property
    def dynamic_prefix(self) -> str | None:
        """The text before the first argument that is not known; None when all are known."""
        for index, word in enumerate(self.argv):
            if not word.is_literal:
                return " ".join(known.text for known in self.argv[:index]) + " "
        return None


@dataclass(frozen=True, slots=True)
class CommandAnalysis:
    """Everything a command line runs, in order, and the files and folders it names itself."""

    commands: tuple[SimpleCommand, ...]
    file_uses: tuple[FileUse, ...]


@dataclass(frozen=True, slots=True)
class UnanalysableCommand:
    """A command line whose commands cannot be known from its text, and why."""

    reason: str


def _plain(text: str, *, lower: bool = False) -> str:
    program, space, rest = text.partition(" ")
    name = program.rpartition("/")[2]
    return (name.lower() if lower else name) + space + rest
