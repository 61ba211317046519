"""For tests of plugins: a kernel on a real database, and the same behind a real HTTP server."""

from agentos.testing.http import serve_http
from agentos.testing.kernel import open_test_kernel
from agentos.testing.plugins import AllowEverything

__all__ = ["AllowEverything", "open_test_kernel", "serve_http"]
