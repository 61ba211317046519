"""One module a client: which of its files hold what, in its own format.

Above: `planning`. Below: the request, entries. The formats are those that the clients document;
`make clients` proves Claude Code's and Codex's against the clients themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agentos.connect.clients import claude, codex, cursor, vscode
from agentos.connect.request import Client, Layout, Request, Scope

LAYOUTS: Mapping[Client, Callable[[Request], Layout]] = {
    Client.CLAUDE: claude.layout,
    Client.CODEX: codex.layout,
    Client.CURSOR: cursor.layout,
    Client.VSCODE: vscode.layout,
}
SCOPES: Mapping[Client, tuple[Scope, ...]] = {
    Client.CLAUDE: (Scope.LOCAL, Scope.USER, Scope.PROJECT),
    Client.CODEX: (Scope.USER, Scope.PROJECT),
    Client.CURSOR: (Scope.PROJECT, Scope.USER),
    Client.VSCODE: (Scope.PROJECT, Scope.USER),
}
"""The scopes that a client has; the first is the one without `--scope`."""
