"""A process that has imported all that servers and bots need, and forks one for every request.

    python -m tests.agentos_bots.slack.forking

A request is a line of JSON on standard input, `{"run": [arguments], "environment": {}, "log": FIFO,
"skew_s": 0}` or `{"wait": pid}`; the answer is a line with the process's id, or its exit code. So that a
test which starts many pays for the imports once. `skew_s` is by how much the process's clock is ahead.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import datetime, tzinfo
from typing import Any, Self

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
    if request["skew_s"]:
        _skew(request["skew_s"])
    os._exit(main(request["run"]))


def _skew(seconds: float) -> None:
    """Have everything of ours that reads the time of day read a wrong one."""
    real = time.time
    time.time = lambda: real() + seconds

    class Skewed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(time.time(), tz)

    for name, module in list(sys.modules.items()):
        if name.startswith("agentos") and getattr(module, "datetime", None) is datetime:
            vars(module)["datetime"] = Skewed


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
