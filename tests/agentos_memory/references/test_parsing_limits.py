"""Untrusted files are read in a process with limits (issue 4, References)."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
import zlib

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
        "import sys\nfrom agentos_memory.process_limits import refuse_effects\n"
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


def _wheel(*files: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return packed.getvalue()


async def test_a_zip_bomb_is_bounded_and_says_what_was_left_out() -> None:
    bomb = _wheel(("pkg/m.py", b"x = 1\n" * 20_000_000))
    assert len(bomb) < 1_000_000
    with pytest.raises(InvalidArgumentError, match="1 files are larger than 4194304 bytes"):
        await Parsing().run("pkg-1.0-py3-none-any.whl", bomb)
    many = _wheel(*[(f"pkg/m{n}.py", b"x = 1\n" * 600_000) for n in range(60)])
    with pytest.raises(InvalidArgumentError, match="unpack to more than 201326592 bytes"):
        await Parsing().run("pkg-1.0-py3-none-any.whl", many)


async def test_a_page_that_unpacks_to_gigabytes_is_refused_by_a_limit() -> None:
    stream = zlib.compress(b"BT (x) Tj ET\n" * 20_000_000, 9)
    pdf = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 9 9]>>endobj\n"
        b"4 0 obj<</Length "
    )
    pdf += (
        b"%d/Filter/FlateDecode>>stream\n" % len(stream)
        + stream
        + b"\nendstream endobj\ntrailer<</Root 1 0 R>>"
    )
    with pytest.raises(LimitExceededError, match=r"CPU time or memory|time"):
        await Parsing(ParsingLimits(memory_bytes=512 * 1024 * 1024)).run("a.pdf", pdf)
