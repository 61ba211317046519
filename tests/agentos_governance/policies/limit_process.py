"""A second server process for tests of limits: makes calls at once and prints what came of each.

python -m tests.agentos_governance.policies.limit_process < job.json
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from agentos import CallRequest, Credentials, Kernel, Settings
from tests.agentos_governance.lifecycle import open_office
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin


async def _one(kernel: Kernel, job: dict[str, Any]) -> None:
    credentials = Credentials(bearer_token=job["token"])
    request = CallRequest("read_note", {}, credentials, "test", work_order=job["order"])
    result = await kernel.dispatch(request)
    print("refused" if result.is_error else "allowed", flush=True)


async def _main(job: dict[str, Any]) -> None:
    settings = Settings.model_validate(job["settings"])
    async with (
        open_office(settings, plugin=LifecyclePlugin(), tokens={}) as office,
        asyncio.TaskGroup() as tasks,
    ):
        for _ in range(job["n_calls"]):
            tasks.create_task(_one(office.kernel, job))


if __name__ == "__main__":
    asyncio.run(_main(json.loads(sys.stdin.readline())))
