"""`agentos hook CLIENT`: reads one event from standard input, prints what the client is to do.

Above: entry. Below: asking; and `events`, which the server runs as a rule and this process only
where no server answers. Exit codes are the clients' own: 0 with an object or silence, 2 with a
reason on standard error for "must not run", anything else for "the hook failed, go on".
"""

from __future__ import annotations

import sys

from agentos_hook.layout import MAX_EVENT_BYTES, home_folder, is_anything_active
from agentos_hook.session import (
    CLIENTS,
    USAGE,
    Session,
    UsageError,
    parse_session,
    working_folder,
)

BLOCK = 2


def run(arguments: list[str]) -> int:
    """The exit code of `agentos hook ARGUMENTS`."""
    if arguments in ([], ["--help"], ["-h"]):
        print(USAGE)
        return 0 if arguments else 1
    try:
        session = parse_session(arguments)
    except Exception as error:  # noqa: BLE001 - whatever happens, the gate must not stand open
        return _in_trouble(_fallback(arguments), _said(error), code=1)
    try:
        # Read in any case: a client may mind that nobody does.
        event = sys.stdin.buffer.read(MAX_EVENT_BYTES + 1)
        if not is_anything_active(session.home):
            return 0
        answer = _answer(session, event)
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()
    except Exception as error:  # noqa: BLE001 - as above
        return _in_trouble(session, _said(error), is_anywhere=True)
    return 0


def _said(error: Exception) -> str:
    kind = "" if isinstance(error, UsageError) else f"{type(error).__name__}: "
    return f"{kind}{error}"[:500]


def _answer(session: Session, event: bytes) -> bytes:
    if len(event) > MAX_EVENT_BYTES:
        raise ValueError(f"the event has more than {MAX_EVENT_BYTES} bytes")
    from agentos_hook.asking import UnreachableError, ask

    try:
        return ask(session, event)
    except UnreachableError as error:
        from agentos_hook.unreachable import answer_alone

        return answer_alone(session, event, str(error))


def _fallback(arguments: list[str]) -> Session:
    """Enough of a session to find out whether anything is active."""
    home = home_folder()
    for index, argument in enumerate(arguments):
        if argument == "--home" and index + 1 < len(arguments):
            home = arguments[index + 1]
        elif argument.startswith("--home="):
            home = argument.partition("=")[2]
    return Session(CLIENTS[0], home, "", "", working_folder())


def _in_trouble(session: Session, why: str, *, code: int = 0, is_anywhere: bool = False) -> int:
    """Blocks where a work order is active here; otherwise out of the way.

    `is_anywhere` where the event could not be judged, and so where it happens is not known.
    """
    refused = None
    if is_anything_active(session.home):
        from agentos_hook.unreachable import refuse_everything

        refused = refuse_everything(session, is_anywhere=is_anywhere)
    if refused is None:
        if code:
            print(f"agentos hook: {why}", file=sys.stderr)
        return code
    print(f"AgentOS: {refused} ({why})", file=sys.stderr)
    return BLOCK
