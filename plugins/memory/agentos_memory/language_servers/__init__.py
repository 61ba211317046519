"""Language servers as an optional second opinion on the symbol graph.

`open_client` starts an installed server over a repository, `verify_callers` asks it who calls one
symbol. Inside, `declarations` says which servers exist, `workspace` what a server is shown so that
nothing is written into the work tree, `client` speaks the protocol over `framing`, `call_sites`
finds the places to ask about. Above: the graph tools and the accuracy benchmarks.
"""

from agentos_memory.language_servers.client import LanguageServerClient, Place, open_client
from agentos_memory.language_servers.declarations import (
    SERVERS,
    InstalledServer,
    LanguageServer,
    find_server,
)
from agentos_memory.language_servers.verification import (
    CallPlace,
    SymbolDefinition,
    Verification,
    verify_callers,
)

__all__ = [
    "SERVERS",
    "CallPlace",
    "InstalledServer",
    "LanguageServer",
    "LanguageServerClient",
    "Place",
    "SymbolDefinition",
    "Verification",
    "find_server",
    "open_client",
    "verify_callers",
]
