"""Source bundles and manual pages as sections; hostile archives (issue 4, References)."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from agentos import InvalidArgumentError, Kernel
from agentos_memory.references import archives
from agentos_memory.references.formats import read_document
from agentos_memory.references.parsing import Parsing
from agentos_memory.references.sections import Section, make_sections
from tests.agentos_memory.references.pdf_bytes import make_pdf
from tests.agentos_memory.repositories import call, write_files

pytestmark = pytest.mark.anyio

POOL = '''"""Connection pools."""


class Pool:
    """Keeps connections open."""

    def acquire(self, timeout: float = 5.0) -> str:
        """Wait for a free connection."""
        return "c"


def connect() -> Pool:
    """Open a pool."""
    return Pool()
'''
METADATA = """Metadata-Version: 2.1
Name: Pooled
Version: {version}
Description-Content-Type: text/markdown

Pooled connections for everybody.
"""
MAN = r""".\" comment
.TH FROB 1 "2024" "frob 1.0"
.SH NAME
frob \- turn knobs
.SH OPTIONS
.TP
.BR \-v ", " \-\-verbose
Say \fImore\fP.
.SS Exit status
0 if a knob turned.
"""


def _zip(members: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _tar(members: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content.encode())
            archive.addfile(info, io.BytesIO(content.encode()))
    return out.getvalue()


def _wheel(version: str, pool: str = POOL) -> bytes:
    return _zip(
        {
            "pooled/__init__.py": "",
            "pooled/pool.py": pool,
            "pooled/tests/test_pool.py": "def test_pool():\n    pass\n",
            f"pooled-{version}.dist-info/METADATA": METADATA.format(version=version),
        }
    )


def _sections(name: str, content: bytes) -> dict[str, Section]:
    return {section.fragment: section for section in make_sections(read_document(name, content))}


def test_a_wheel_gives_a_section_per_definition_with_its_version_in_the_anchor() -> None:
    document = read_document("pooled-1.2-py3-none-any.whl", _wheel("1.2"))
    sections = {section.fragment: section for section in make_sections(document)}
    acquire = sections["Pooled@1.2/pooled.pool.Pool.acquire"]
    assert acquire.path == "pooled/pool.py" and (acquire.start_line, acquire.end_line) == (7, 9)
    assert acquire.headings == ("Pooled", "pooled/pool.py", "pooled.pool.Pool.acquire")
    assert acquire.summary.startswith("def acquire(") and "free connection" in acquire.summary
    assert "everybody" in sections["Pooled@1.2/description"].text
    assert document.name == "Pooled" and document.notices == ["1 files of tests are left out"]
    assert not any("test_pool" in fragment for fragment in sections)


def test_an_npm_tarball_gives_its_code_and_its_manual() -> None:
    sections = _sections(
        "knob-2.0.0.tgz",
        _tar(
            {
                "package/package.json": json.dumps({"name": "@frob/knob", "version": "2.0.0"}),
                "package/index.ts": "export function turn(by: number): void {}\n",
                "package/README.md": "# Knob\n\n## Turning\n\nCall turn.\n",
            }
        ),
    )
    assert sections["@frob/knob@2.0.0/index.ts:turn"].path == "index.ts"
    assert sections["@frob/knob@2.0.0/README.md/knob/turning"].start_line == 3


def test_a_source_distribution_and_a_source_jar_are_known_by_their_metadata() -> None:
    sdist = _tar(
        {"p-3.1/PKG-INFO": METADATA.format(version="3.1"), "p-3.1/src/pooled/pool.py": POOL}
    )
    assert "Pooled@3.1/pooled.pool.connect" in _sections("p-3.1.tar.gz", sdist)
    jar = _zip({"com/a/Knob.java": "package com.a;\npublic class Knob { void turn() {} }\n"})
    sections = _sections("knob-4.2-sources.jar", jar)
    assert any(f.startswith("knob@4.2/") and f.endswith("Knob.turn") for f in sections)


def test_manual_pages_are_read_plain_and_compressed() -> None:
    sections = _sections("frob.1", MAN.encode())
    assert list(sections) == ["name", "options", "options/exit-status"]
    assert sections["options"].headings == ("frob(1)", "OPTIONS")
    assert "-v, --verbose\nSay more." in sections["options"].text
    mdoc = ".Dd today\n.Dt TWIST 1\n.Sh OPTIONS\n.It Fl f Ar file\nRead it.\n.Sh SEE ALSO\n.Xr frob 1\n"
    twist = _sections("twist.1", mdoc.encode())
    assert twist["options"].text == "OPTIONS\n\n-f file\nRead it."
    assert _sections("frob.1.gz", gzip.compress(MAN.encode())) == sections
    with pytest.raises(ValueError, match="another page"):
        read_document("other.1", b".so man1/frob.1\n")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.whl", _zip({"../evil.py": "x = 1\n"}), "outside"),
        ("a.zip", _zip({"/etc/evil.py": "x = 1\n"}), "outside"),
        ("a.tar.gz", _tar({"p/../../evil.py": "x = 1\n"}), "outside"),
        ("a.whl", _wheel("1")[:200], "damaged"),
        ("a.tar.gz", _wheel("1")[2:], "damaged"),
        ("a.1.gz", gzip.compress(b".TH A 1\n" + b"x" * 20_000_000), "unpacks to more than"),
    ],
)
async def test_hostile_archives_are_refused_by_what_is_wrong(
    name: str, content: bytes, says: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=says):
        await Parsing().run(name, content)


def test_large_members_count_by_what_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_UNPACKED_BYTES", 10_000_000)
    members = {f"m{n}.py": "#" * 5_000_000 for n in range(3)}
    for name, bomb in (("bomb.whl", _zip(members)), ("bomb.tar.gz", _tar(members))):
        with pytest.raises(ValueError, match="unpacks to more than"):
            read_document(name, bomb)


async def test_a_new_version_of_a_package_keeps_what_did_not_change(
    kernel: Kernel, tmp_path: Path
) -> None:
    wheels = {
        "a.whl": _wheel("1.0"),
        "b.whl": _wheel("1.1", POOL.replace("Open a pool", "Open one pool")),
    }
    write_files(tmp_path, wheels)
    first = await call(kernel, "add_reference", path=str(tmp_path / "a.whl"))
    assert first["source"]["name"] == "Pooled" and first["source"]["format"] == "bundle"
    second = await call(kernel, "add_reference", path=str(tmp_path / "b.whl"))
    assert second["added"] == 1 and second["removed"] == 1
    assert second["moved"] == first["added"] - 1
    found = await call(kernel, "search_references", query="wait for a free connection")
    assert found["hits"][0]["anchor"] == "Pooled#Pooled@1.1/pooled.pool.Pool.acquire"


async def test_a_pdf_is_added_with_pages(kernel: Kernel, tmp_path: Path) -> None:
    write_files(tmp_path, {"pumps.pdf": make_pdf([["Pumps"], ["Press the green button."]])})
    await call(kernel, "add_reference", path=str(tmp_path / "pumps.pdf"), name="pumps")
    found = await call(kernel, "search_references", query="green button")
    assert found["hits"][0]["anchor"] == "pumps#page=2" and found["hits"][0]["page"] == 2
