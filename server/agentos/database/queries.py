"""Named statements from `.sql` files, so that Python holds no SQL.

A file is a sequence of `-- name: identifier`, one comment of intent, and the statement.
"""

from __future__ import annotations

import re
from importlib.resources import files

from agentos.errors import PluginError

_NAME = re.compile(r"^-- name: ([a-z_][a-z0-9_]*)\s*$", re.MULTILINE)


class Queries:
    """Statements by name, as attributes: `queries.claim_work_order`."""

    def __init__(self, package: str, path: str = "sql/queries.sql") -> None:
        parts = _NAME.split(files(package).joinpath(path).read_text(encoding="utf-8"))
        self._source = f"{package}/{path}"
        self._statements = {
            name: statement.strip().rstrip(";")
            for name, statement in zip(parts[1::2], parts[2::2], strict=True)
        }
        if len(self._statements) != len(parts) // 2:
            raise PluginError(f"{self._source} gives one name to two statements")

    def __getattr__(self, name: str) -> str:
        try:
            return self._statements[name]
        except KeyError:
            raise AttributeError(f"{self._source} has no statement {name!r}") from None

    def names(self) -> list[str]:
        """The names in the file, in order."""
        return list(self._statements)
