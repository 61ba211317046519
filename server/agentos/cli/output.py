"""Where a command's words go: documents and tables to stdout, everything else to stderr.

Text that came from outside is printed without control characters, so that no title or path can
move the cursor or retitle the terminal.
"""

from __future__ import annotations

import re
import sys

# All of C0 but tab and line feed, DEL, C1, line separators, and what turns the direction of text.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def print_error(message: str) -> None:
    """Print one line on stderr, in the name of the program."""
    print(f"agentos: {one_line(message)}", file=sys.stderr)


def print_note(message: str) -> None:
    """Print progress or an aside on stderr."""
    print(one_line(message), file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """`text` with every control character but tab and line feed shown as its replacement sign."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    """`text` in one line, printable."""
    return printable(" ".join(text.split()))
