"""PostgreSQL with pgvector that AgentOS starts itself, shared by every process of one data folder.

Above it: whoever needs a DSN and has none. Below it, in this package: `server` (start, share,
stop) over `cluster` (initdb, postgres), `location` (where files live), `account` (as whom),
`binaries` (which PostgreSQL), `locks` and `processes` (who is alive), `handshake` (is it ready).
"""

from agentos.database.embedded.binaries import find_binaries
from agentos.database.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "find_binaries"]
