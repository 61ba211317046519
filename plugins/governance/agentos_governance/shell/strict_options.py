"""Options of a wrapper, read strictly: one that is not known makes the command unreadable.

Above: wrappers. Below: words. An unknown option might take the command's name as its value.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentos import InvalidArgumentError
from agentos_governance.shell.unwrapped import Argv


@dataclass(frozen=True, slots=True)
class StrictOptions:
    """Options of a wrapper: letters and long names without a value, and with one."""

    flags: str = ""
    valued: str = ""
    long_flags: frozenset[str] = frozenset()
    long_valued: frozenset[str] = frozenset()

    def skip(self, argv: Argv, start: int = 1) -> int:
        """Index of the first operand."""
        index = start
        while index < len(argv):
            word = argv[index]
            if not word.is_fixed:
                # Unquoted, it might become an option; as an operand it is judged later.
                return index
            if word.text == "--":
                return index + 1
            if not word.text.startswith("-") or word.text == "-":
                return index
            index += self._width(argv[0].text, word.text)
        return index

    def _width(self, program: str, option: str) -> int:
        if option.startswith("--"):
            name, equals, _ = option[2:].partition("=")
            if name in self.long_flags or (equals and name in self.long_valued):
                return 1
            if name in self.long_valued:
                return 2
        else:
            for position, letter in enumerate(option[1:], start=1):
                if letter in self.valued:
                    return 1 if position < len(option) - 1 else 2
                if letter not in self.flags:
                    break
            else:
                return 1
        raise InvalidArgumentError(f"option {option!r} of {program!r} is not known here")
