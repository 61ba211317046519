"""Runs `agentos` as its console script does; with `mcp`, notes the revisions that are spoken.

Usage: python launcher.py NOTES ARGUMENTS...
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from typing import IO

_REVISION = re.compile(
    rb'"(?:io\.modelcontextprotocol/)?protocolVersion"\s*:\s*"(\d{4}-\d{2}-\d{2})"'
)


def main() -> int:
    notes, *arguments = sys.argv[1:]
    command = [sys.executable, "-c", "import sys; from agentos.cli import main; sys.exit(main())"]
    if "mcp" not in arguments:
        os.execv(command[0], [*command, *arguments])
    server = subprocess.Popen([*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None and server.stdout is not None
    sent = threading.Thread(target=_copy, args=(sys.stdin.buffer, server.stdin, notes, b"client"))
    sent.daemon = True
    sent.start()
    _copy(server.stdout, sys.stdout.buffer, notes, b"server")
    return server.wait()


def _copy(source: IO[bytes], target: IO[bytes], notes: str, who: bytes) -> None:
    seen: set[bytes] = set()
    for line in source:
        for revision in _REVISION.findall(line):
            if revision not in seen:
                seen.add(revision)
                with open(notes, "ab") as file:
                    file.write(who + b" " + revision + b"\n")
        target.write(line)
        target.flush()
    target.close()


if __name__ == "__main__":
    sys.exit(main())
