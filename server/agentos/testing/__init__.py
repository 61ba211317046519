"""For tests of plugins: a kernel on a real database, callers, clients, clocks, and what to assert.

`agentos.testing.fixtures` is the pytest plugin made of these; `agentos.testing.conformance` holds
the checks of `agentos plugins check`. Nothing here imports pytest but the fixtures.
"""

from agentos.testing.caller import Caller, caller_as
from agentos.testing.clock import FakeClock
from agentos.testing.conformance import Finding, check_plugin
from agentos.testing.event_assertions import (
    assert_event,
    assert_no_event,
    events_of,
    wait_for_event,
)
from agentos.testing.http import serve_http
from agentos.testing.http_double import HttpDouble, ReceivedRequest
from agentos.testing.kernel import open_test_kernel
from agentos.testing.mcp_client import Era, connect_client
from agentos.testing.plugins import AllowEverything

__all__ = [
    "AllowEverything",
    "Caller",
    "Era",
    "FakeClock",
    "Finding",
    "HttpDouble",
    "ReceivedRequest",
    "assert_event",
    "assert_no_event",
    "caller_as",
    "check_plugin",
    "connect_client",
    "events_of",
    "open_test_kernel",
    "serve_http",
    "wait_for_event",
]
