"""Language servers as an optional second opinion on the symbol graph.

`ServerPool` keeps installed servers running over repositories, `ask_definitions` asks one where
names are defined. Inside, `declarations` says which servers exist, `workspace` what a server is
shown so that nothing is written into the work tree, `processes` and `supervision` how it lives and
ends, `client` speaks the protocol over `framing`, `call_sites` and `name_search` find the places to
ask about. Above: verification, refinement and the accuracy benchmarks.
"""

from agentos_memory.language_servers.client import LanguageServerClient, Place, open_client
from agentos_memory.language_servers.declarations import (
    SERVERS,
    InstalledServer,
    LanguageServer,
    find_server,
)
from agentos_memory.language_servers.name_search import find_calls
from agentos_memory.language_servers.pool import ServerPool
from agentos_memory.language_servers.questions import (
    Answer,
    Answers,
    ask_definitions,
)
from agentos_memory.language_servers.settings import (
    LanguageServerSettings,
    parse_language_server_settings,
)

__all__ = [
    "SERVERS",
    "Answer",
    "Answers",
    "InstalledServer",
    "LanguageServer",
    "LanguageServerClient",
    "LanguageServerSettings",
    "Place",
    "ServerPool",
    "ask_definitions",
    "find_calls",
    "find_server",
    "open_client",
    "parse_language_server_settings",
]
