"""A process in which a call waits for an approval as a task; its test kills it.

Usage: python -m tests.agentos_governance.waiting_process SETTINGS_JSON TOKENS_JSON. Prints the id
of the task, and waits.
"""

from __future__ import annotations

import asyncio
import json
import sys

from agentos import Settings
from tests.agentos_governance.lifecycle import open_office
from tests.agentos_governance.test_approval_tasks import wait_for_approval
from tests.agentos_governance.test_lifecycle_approvals import AskingPlugin


async def main(settings: str, tokens: str) -> None:
    chosen = Settings.model_validate_json(settings)
    async with open_office(chosen, plugin=AskingPlugin(), tokens=json.loads(tokens)) as office:
        task = await wait_for_approval(office)
        print(task.id, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
