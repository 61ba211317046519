"""Options and operands of a well-known program, read as `getopt_long` reads them.

Above: command_files, git_files. Below: command_words. Read for what a program does with files,
so an unknown option is a flag; an abbreviated one counts as each file option it may stand for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from agentos_governance.shell.words import Word

Role = Literal["read", "source", "write", "into", "enter", "tree"]
"""What is done with a path: read; read, and copied or linked elsewhere; written; the folder in
which something is written; the folder in which the program works; a file or a tree of them, some
of which are rewritten."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a program that take a value: letters and long names, and which are paths."""

    letters: str = ""
    """Letters whose value is no path."""
    names: frozenset[str] = frozenset()
    """Long names whose value is no path."""
    paths: Mapping[str, Role] = field(default_factory=lambda: MappingProxyType({}))
    """Letters and long names whose value is a path."""
    attached: str = ""
    """Letters whose value, if any, stands in the same word (`sed -i.bak`)."""
    flags: frozenset[str] = frozenset()
    """Long names without a value that matter, or begin another: `--backup` is no `--backup-dir`."""
    is_clustered: bool = True
    """Whether `-abc` is three options; for compilers it is one."""
    is_prefix: bool = False
    """Whether options end at the first operand, which is another program (`time -o f ls -o`)."""

    def takes_value(self, name: str) -> bool:
        return name in self.names or name in self.paths or (len(name) == 1 and name in self.letters)

    def full_name(self, name: str) -> str:
        """The long name that `name` is, or may abbreviate; a path's before another's."""
        if self.takes_value(name) or name in self.flags:
            return name
        longer = (each for each in (*self.paths, *self.names, *self.flags) if len(each) > 1)
        return next((each for each in longer if each.startswith(name)), name)


@dataclass(slots=True)
class Arguments:
    """What stands after a program's name: operands in order, and options with their values."""

    operands: list[Word] = field(default_factory=list)
    options: list[tuple[str, Word | None]] = field(default_factory=list)

    def has(self, names: frozenset[str]) -> bool:
        """Whether any of the options is given."""
        return any(name in names for name, _ in self.options)

    def values(self, names: frozenset[str]) -> list[Word]:
        """The values given to any of the options."""
        return [value for name, value in self.options if name in names and value is not None]


def read_arguments(argv: tuple[Word, ...], options: Options) -> Arguments:
    """The operands and options after the program's name; operands may stand between options."""
    arguments = Arguments()
    remaining = iter(argv[1:])
    for word in remaining:
        if word.text == "--":
            arguments.operands += remaining
        elif word.text == "-" or not word.text.startswith("-"):
            arguments.operands.append(word)
            if options.is_prefix:
                break
        elif word.text.startswith("--"):
            _read_long(word, options, remaining, arguments)
        else:
            _read_letters(word, options, remaining, arguments)
    return arguments


def _read_long(word: Word, options: Options, rest: Iterator[Word], arguments: Arguments) -> None:
    written, equals, text = word.text[2:].partition("=")
    name = options.full_name(written)
    value: Word | None = None
    if equals:
        value = Word(text, word.is_literal)
    elif options.takes_value(name):
        value = next(rest, None)
    arguments.options.append((name, value))


def _read_letters(word: Word, options: Options, rest: Iterator[Word], arguments: Arguments) -> None:
    text = word.text[1:]
    for position, letter in enumerate(text):
        attached = Word(text[position + 1 :], word.is_literal)
        if options.takes_value(letter):
            arguments.options.append((letter, attached if attached.text else next(rest, None)))
            return
        arguments.options.append((letter, None))
        if letter in options.attached or not options.is_clustered:
            return


def option_files(arguments: Arguments, options: Options) -> list[tuple[Role, Word]]:
    """The paths that options name, and what is done with each; `-` is standard input or output."""
    return [
        (options.paths[name], value)
        for name, value in arguments.options
        if value is not None and value.text != "-" and name in options.paths
    ]
