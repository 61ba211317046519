"""The console script `agentos`: hooks at once, everything else by the command line proper.

A hook runs before and after every tool use, so nothing else may be imported on its way.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Run `agentos ARGUMENTS`; the exit code."""
    if sys.argv[1:2] == ["hook"]:
        from agentos_hook.command import run

        return run(sys.argv[2:])
    from agentos.cli import main as command_line

    return command_line()
