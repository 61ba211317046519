"""Where server and hooks meet in the data folder: sockets of servers, marks of active work.

Above: the server (writes both), the hook (reads both). Below: nothing. Imports what Python has
loaded anyway: this is on the way of every tool use.
"""

from __future__ import annotations

import os
import sys

ACTIVE = "active"
"""Folder with a mark, `WO-....json`, for every work order that somebody holds."""
SOCKETS = "sockets"
"""Folder with a socket, `PID.sock`, for every server process."""
REMINDED = "reminded"
"""Folder with an empty file for every session that was reminded of missing evidence."""
MAX_EVENT_BYTES = 16 << 20
MAX_SOCKET_PATH = 100
"""Bytes; systems hold 104 to 108."""
ANSWERED = b"+"
"""Begins every answer of a server; what follows is printed. Without it there is no answer."""


def home_folder() -> str:
    """The data folder, as the server's settings find it: `AGENTOS_HOME`, else the user's own."""
    named = os.environ.get("AGENTOS_HOME", "")
    if named:
        return named
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Application Support/agentos")
    data = os.environ.get("XDG_DATA_HOME", "").strip() or os.path.expanduser("~/.local/share")
    return os.path.join(data, "agentos")


def is_anything_active(home: str) -> bool:
    """Whether any work order is marked as held; a folder that cannot be read counts as yes."""
    try:
        return any(name.endswith(".json") for name in os.listdir(os.path.join(home, ACTIVE)))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
