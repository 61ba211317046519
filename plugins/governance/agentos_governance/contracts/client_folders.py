"""Folders from which clients take their hooks: who may write there can take the governing ones out.

Above: judgement. Below: nothing. Claude Code reads changed settings while it runs, so this is not
only about the next session.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentos import CallRefusedError

CLIENT_FOLDERS = (".claude", ".codex")


class ClientFolders:
    """Those folders, wherever they lie, closed but for contracts whose roots name them."""

    def __init__(self, allowed_roots: Sequence[str]) -> None:
        self._named = {name for root in allowed_roots for name in _folders_in(root)}

    def refuse_write(self, relative: str) -> None:
        """CallRefusedError where a path is, or is below, a folder that no root names."""
        for name in _folders_in(relative):
            if name not in self._named:
                raise CallRefusedError(
                    f"{relative!r} is where a client keeps its hooks and permissions",
                    rule="client_settings",
                    remedy=f"ask for a contract whose allowed_roots name {name}/",
                )


def _folders_in(path: str) -> list[str]:
    # Some file systems know no case.
    parts = path.casefold().split("/")
    return [name for name in CLIENT_FOLDERS if name in parts]
