"""What tells live objects apart, for tables by identity.

`id` raises an audit event; where a hook listens, as in the process that analyses files, it takes
eight times as long, and resolution asks for millions. Above: resolution, the stored form of facts.
"""

from __future__ import annotations

from collections.abc import Callable

# The address, as the hash of objects that define none: different for any two that are alive.
identity: Callable[[object], int] = object.__hash__
