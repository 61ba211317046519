"""What an index says of a change to whoever reviews it (issue 6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import BlastRadiusSource, Kernel
from tests.agentos_memory.repositories import call, make_repository

pytestmark = pytest.mark.anyio

FILES = {
    "pkg/__init__.py": "",
    "pkg/deep.py": "def deep() -> int:\n    return 1\n",
    "pkg/used.py": "from pkg.deep import deep\n\n\ndef used() -> int:\n    return deep()\n",
    "pkg/alone.py": "def alone() -> int:\n    return 2\n",
    "tests/test_used.py": (
        "from pkg.used import used\n\n\ndef test_used() -> None:\n    assert used() == 1\n"
    ),
}


async def test_a_change_reaches_what_calls_it_and_names_the_files_that_no_test_reaches(
    kernel: Kernel, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo", FILES)
    source = kernel.service(BlastRadiusSource)  # type: ignore[type-abstract]
    assert await source.reach_of(str(repo), ["pkg/deep.py"]) is None, "nothing is indexed"
    await call(kernel, "index_repository", path=str(repo))

    reach = await source.reach_of(str(repo), ["pkg/alone.py", "pkg/deep.py"])
    assert reach is not None
    assert reach.untested == ("pkg/alone.py",)
    assert (reach.tests, reach.test_files) == (1, ("tests/test_used.py",))
    assert reach.is_current and reach.files >= 2 and reach.symbols >= 2
    assert await source.reach_of(str(repo), ["pkg/new.py"]) is None
    assert await source.reach_of(str(tmp_path / "other"), ["pkg/deep.py"]) is None
