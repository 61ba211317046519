"""Reads the suites of a submission once, for all checks that ask.

Above: checks of tests. Below: suites, collection.
"""

from __future__ import annotations

import asyncio

from agentos_governance.evidence.kinds import TOOL_USE
from agentos_governance.gatekeeper.python.collection import CONFIGURATION, read_rules
from agentos_governance.gatekeeper.suites.suites import Suites, read_suites
from agentos_governance.gatekeeper.work import Work


async def suites_of(work: Work) -> Suites:
    """The suites; whoever asks first reads them, the others wait."""
    async with work.lock:
        if work.suites is None:
            work.suites = await _read(work)
        return work.suites


async def _read(work: Work) -> Suites:
    old = read_rules(await work.read_base_files(CONFIGURATION))
    new = read_rules(await work.read_submitted_files(CONFIGURATION))
    told = "\n".join(item.claim for item in work.evidence if item.kind != TOOL_USE)
    cited = [item.path for item in work.evidence if item.path]
    return await asyncio.to_thread(
        read_suites, work.files, (old, new), told=told, asked=work.objective, cited=cited
    )
