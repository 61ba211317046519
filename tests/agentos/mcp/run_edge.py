"""Runs an edge in a process of its own: `python -m tests.agentos.mcp.run_edge serve|stdio JSON`."""

from __future__ import annotations

import sys

from agentos import ConfigurationError, Settings
from agentos.http.serve import serve
from agentos.mcp.stdio import serve_stdio

EDGES = {"serve": serve, "stdio": serve_stdio}


def main() -> int:
    settings = Settings.model_validate_json(sys.argv[2])
    try:
        EDGES[sys.argv[1]](settings)
    except ConfigurationError as error:
        print(error.message, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
