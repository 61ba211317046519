"""Untrusted files are read in a process with limits (issue 4, References)."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agentos import InvalidArgumentError, LimitExceededError
from agentos_memory.references.parsing import Parsing, ParsingLimits
from tests.agentos_memory.references.pdf_bytes import make_pdf

pytestmark = pytest.mark.anyio

SECTIONS = "".join(f"# Section {n}\n\nText of it.\n\n" for n in range(3_000)).encode()


async def test_two_thousand_pages_are_read() -> None:
    parsed = await Parsing().run("long.pdf", make_pdf([[f"Page {n}", "x"] for n in range(2_000)]))
    assert len(parsed.sections) == 2_000 and parsed.notices == []


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (ParsingLimits(memory_bytes=128 * 1024 * 1024), "memory"),
        (ParsingLimits(output_bytes=10_000), "output: 10000 bytes"),
        (ParsingLimits(wall_s=0.01), "time: 0.01 s"),
    ],
)
async def test_a_file_that_takes_too_much_is_refused_by_the_name_of_the_limit(
    limits: ParsingLimits, says: str
) -> None:
    content = SECTIONS * (200 if "memory" in says else 1)
    with pytest.raises(LimitExceededError) as caught:
        await Parsing(limits).run("a.md", content)
    assert says in caught.value.message


async def test_a_corrupt_file_is_refused_with_the_reason() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        await Parsing().run("a.pdf", b"%PDF-1.4 nothing")
    assert "corrupt" in caught.value.message
    with pytest.raises(InvalidArgumentError, match="no text"):
        await Parsing().run("blank.pdf", make_pdf([[]]))


@pytest.mark.parametrize(
    "effect",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "open('/tmp/agentos-written-by-a-parser', 'w')",
        "import os; os.remove('/nothing')",
        "import subprocess; subprocess.run(['true'])",
    ],
)
def test_the_process_has_no_effects(effect: str) -> None:
    program = (
        "import sys\nfrom agentos_memory.references.parsing_process import refuse_effects\n"
        f"sys.addaudithook(refuse_effects)\n{effect}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "PermissionError" in done.stderr


def test_the_process_needs_nothing_of_the_kernel() -> None:
    program = (
        "import sys, agentos_memory.references.parsing_process as p\n"
        "p.answer('a.md', b'# x\\n\\ny')\n"
        "assert not {'agentos', 'numpy', 'pydantic'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
