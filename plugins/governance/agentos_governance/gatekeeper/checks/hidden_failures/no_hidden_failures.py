"""`no_hidden_failures`: nothing is added that makes a failure look like success.

Above: the registry. Below: in_python, in_scripts, masked_status, in_sources.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.checks.hidden_failures.in_python import (
    hidden_in_python,
    known_handlers,
)
from agentos_governance.gatekeeper.checks.hidden_failures.in_scripts import (
    hidden_in_evidence,
    hidden_in_scripts,
)
from agentos_governance.gatekeeper.checks.hidden_failures.in_sources import (
    SOURCES,
    hidden_in_sources,
)
from agentos_governance.gatekeeper.checks.hidden_failures.masked_status import masked_status
from agentos_governance.gatekeeper.files.commands import is_shell
from agentos_governance.gatekeeper.files.naming import is_python, is_test_path
from agentos_governance.gatekeeper.work import Work


async def no_hidden_failures(work: Work) -> list[Finding]:
    """See the module."""
    found = await asyncio.to_thread(lambda: list(_findings(work.files)))
    return found + [each async for each in hidden_in_evidence(work)]


def _findings(files: Sequence[ReviewedFile]) -> Iterator[Finding]:
    # What moved from one file to another is not new.
    known = Counter(key for file in files for key in known_handlers(file))
    for file in files:
        if file.new is None:
            continue
        if is_python(file.path):
            yield from hidden_in_python(file, known)
        elif file.path.endswith(SOURCES) and not is_test_path(file.path):
            yield from hidden_in_sources(file)
        else:
            yield from hidden_in_scripts(file)
            yield from masked_status(file, is_shell=is_shell(file))
