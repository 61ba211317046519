"""One thing that is wrong with a plugin."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """`where` is a file and a line, a tool or a hook; `remedy` says what to do."""

    check: str
    where: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message} ({self.check}); {self.remedy}"
