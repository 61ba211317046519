"""Forbidden commands in another order: options between the words, behind them, or spelled otherwise.

Above: command_judgement. Below: globs. A pattern of several words, such as `rm -rf *`,
`git reset --hard` or `kubectl delete *`, is one program, words in order, and options that must all
be there: `rm -f -r x`, `git reset HEAD --hard` and `kubectl -n x delete pod` are the same commands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agentos_governance.contracts.globs import TextMatch, compile_glob
from agentos_governance.shell.words import Word

MAX_WORDS = 400
_TOOL_FORM = re.compile(r"^[\w*]+[(:](?P<command>.*?)(?::\*)?\)?$", re.DOTALL)
_SAME = {
    "-R": "-r",
    "--recursive": "-r",
    "--force": "-f",
    "--delete": "-d",
    "--all": "-a",
    "--no-verify": "-n",
    "--global": "-g",
    "--privileged": "--privileged",
}
"""Long options and the letters that mean the same where both exist."""
_LONG = {letter: {long for long, short in _SAME.items() if short == letter} for letter in "rfdang"}


@dataclass(frozen=True, slots=True)
class _Shape:
    index: int
    program: TextMatch
    operands: tuple[TextMatch, ...]
    options: tuple[str, ...]


class ForbiddenShapes:
    """Compiled patterns of more than one word; the others are matched as text only."""

    def __init__(self, patterns: Sequence[str]) -> None:
        shapes = (_shape(index, pattern) for index, pattern in enumerate(patterns))
        self._shapes = [shape for shape in shapes if shape is not None]

    def find(self, argv: Sequence[Word]) -> int | None:
        """Index of the first pattern that a command is, in whatever order; None for none."""
        if not self._shapes or len(argv) < 2:
            return None
        texts = [word.text for word in argv[:MAX_WORDS]]
        given = _exploded(texts[1:])
        name = texts[0].rpartition("/")[2]
        for shape in self._shapes:
            if not (shape.program(name) or shape.program(name.lower())):
                continue
            if all(_is_given(option, given) for option in shape.options) and _in_order(
                shape.operands, texts[1:]
            ):
                return shape.index
        return None


def _shape(index: int, pattern: str) -> _Shape | None:
    form = _TOOL_FORM.match(pattern)
    words = (form["command"] if form else pattern).split()
    if len(words) < 2 or words[0][:1] in {"*", "-", ""} or words[0].endswith(":"):
        return None
    options = [_plain(word) for word in words[1:] if word.startswith("-") and len(word) > 1]
    operands = [word for word in words[1:] if not word.startswith("-")]
    while operands and operands[-1] == "*":
        operands.pop()
    return _Shape(
        index,
        compile_glob(words[0]),
        tuple(compile_glob(word) for word in operands),
        tuple(option for each in options for option in _exploded([each])),
    )


def _plain(option: str) -> str:
    return option.rstrip("*") if len(option.rstrip("*")) > 1 else option


def _exploded(texts: Sequence[str]) -> list[str]:
    """`-rf` as `-r`, `-f`, each also as it stands; what follows `--` is no option."""
    found: list[str] = []
    for text in texts:
        if text == "--":
            break
        if text.startswith("--"):
            found.append(text)
        elif text.startswith("-") and len(text) > 1:
            letters = [f"-{letter}" for letter in text[1:]]
            found += letters if text[1:].isalpha() and len(text) < 8 else [text]
    return found


def _is_given(option: str, given: Sequence[str]) -> bool:
    """Whether an option stands there, in its own spelling or another."""
    if option.startswith("--"):
        short = _SAME.get(option)
        return any(
            each == short or each.startswith(option) or _abbreviates(each, option) for each in given
        )
    same = _SAME.get(option, option)
    longs = _LONG.get(same.removeprefix("-"), set())
    return any(
        _SAME.get(each, each) == same or any(_abbreviates(each, long) for long in longs)
        for each in given
    )


def _abbreviates(written: str, option: str) -> bool:
    name = written.partition("=")[0]
    return name.startswith("--") and len(name) > 2 and option.startswith(name)


def _in_order(operands: Sequence[TextMatch], texts: Sequence[str]) -> bool:
    """Whether the words stand in order with nothing but options, and values of them, between."""
    waiting = list(operands)
    after_option = False
    for text in texts:
        if not waiting:
            return True
        if text.startswith("-"):
            after_option = True
        elif waiting[0](text):
            waiting.pop(0)
            after_option = False
        elif not after_option:
            return False
        else:
            after_option = False
    return not waiting
