"""One of several server processes; started by the supervisor, which speaks to it over pipes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable

from agentos.errors import ConfigurationError
from agentos.http.process import serve_listener
from agentos.logging import configure_logging
from agentos.settings import Settings


def main() -> int:
    """Serve the socket whose number is the first argument; the settings are on standard input."""
    # A terminal sends Ctrl-C to the whole group; the supervisor decides when workers stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings = Settings.model_validate_json(sys.stdin.buffer.readline())
    configure_logging(settings.log_level)
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    listener = socket.socket(fileno=int(sys.argv[1]))

    def say(line: str) -> None:
        print(line, file=report, flush=True)

    try:
        asyncio.run(_serve(settings, listener, say))
    except ConfigurationError as error:
        say(f"failed {error.message}".replace("\n", " "))
        return 2
    except asyncio.CancelledError:
        pass
    return 0


async def _serve(settings: Settings, listener: socket.socket, say: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()

    def look_for_the_supervisor() -> None:
        if os.read(0, 4096) == b"":
            loop.remove_reader(0)
            signal.raise_signal(signal.SIGTERM)

    loop.add_reader(0, look_for_the_supervisor)
    await serve_listener(settings, listener, lambda: say("ready"), [signal.SIGTERM])


if __name__ == "__main__":
    sys.exit(main())
