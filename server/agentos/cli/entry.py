"""The console script: runs one command and turns whatever it raises into an exit code.

0 done, 1 error, 2 bad usage or configuration, 3 refused, 4 verification failed, 130 interrupted.
Above: the shell. Below: `app`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from agentos.cli.app import build_command
from agentos.cli.output import print_error
from agentos.command_line import print_json
from agentos.errors import (
    AgentOSError,
    CallRefusedError,
    ConfigurationError,
    ToolError,
    VerificationError,
)

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `agentos ARGUMENTS` (by default those of this process); the exit code.

    Errors that somebody foresaw are one line on stderr, and with `--json` also an object on
    stdout; a traceback means a defect.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        outcome = build_command().main(args=given, prog_name="agentos", standalone_mode=False)
    except KeyboardInterrupt:
        return INTERRUPTED
    except typer.Abort:
        return 1
    except typer.TyperException as error:
        print_error(_usage(error))
        return error.exit_code
    except AgentOSError as error:
        return report_error(error, as_json="--json" in given)
    except BaseExceptionGroup as group:
        foreseen = _first_foreseen(group)
        if foreseen is None:
            raise
        return report_error(foreseen, as_json="--json" in given)
    return outcome if isinstance(outcome, int) else 0


def report_error(error: AgentOSError, *, as_json: bool) -> int:
    """Print a foreseen error; the exit code it stands for."""
    fields = error.to_error() if isinstance(error, ToolError) else None
    if as_json:
        print_json({"error": fields or {"code": error.code, "message": error.message}})
    remedy = (fields or {}).get("remedy")
    print_error(f"{error.message}; {remedy}" if remedy else error.message)
    return exit_code(error)


def exit_code(error: AgentOSError) -> int:
    """The exit code of an error's class."""
    if isinstance(error, ConfigurationError):
        return 2
    if isinstance(error, CallRefusedError):
        return 3
    return 4 if isinstance(error, VerificationError) else 1


def _usage(error: typer.TyperException) -> str:
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "agentos"
    return f"{message}; see `{path} --help`"


def _first_foreseen(group: BaseExceptionGroup[BaseException]) -> AgentOSError | None:
    """The first of our errors in a task group's failure, provided all of them are ours."""
    ours, others = group.split(AgentOSError)
    if ours is None or others is not None:
        return None
    error: BaseException = ours
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, AgentOSError)
    return error
