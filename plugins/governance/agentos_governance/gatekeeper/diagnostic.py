"""What a linter or type checker says of one line.

Above: lint, type_errors. Below: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One remark: its place, the rule's code, and the text."""

    path: str
    line: int
    code: str
    message: str
