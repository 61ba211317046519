"""A process that has imported all that servers and bots need, and forks one for every request.

    python -m tests.agentos_bots.slack.forking

A request is a line of JSON on standard input, `{"run": [arguments], "environment": {}, "log": FIFO}`
or `{"wait": pid}`; the answer is a line with the process's id, or its exit code. So that a test which
starts many pays for the imports once.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

# Whatever `agentos serve` and `agentos bot slack` would import once they run.
import agentos.http.serve
import agentos_bots.slack.process
import agentos_governance.plugin
from agentos.cli.entry import main

_PAID = (agentos.http.serve, agentos_bots.slack.process, agentos_governance.plugin)


def _run(request: dict[str, Any]) -> None:
    log = os.open(request["log"], os.O_WRONLY)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor, copy in ((nothing, 0), (nothing, 1), (log, 2)):
        os.dup2(descriptor, copy)
    os.environ.update(request["environment"])
    os._exit(main(request["run"]))


def _serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            print(json.dumps(os.waitstatus_to_exitcode(status)), flush=True)
            continue
        child = os.fork()
        if child == 0:
            _run(request)
        print(json.dumps(child), flush=True)


if __name__ == "__main__":
    _serve()
