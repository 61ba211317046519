"""A file that is made to be slow costs the knowledge base that file, and nobody's time (issue 4)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agentos import ConfigurationError, Kernel
from agentos_memory.bulk import bulk_work
from agentos_memory.knowledge.builder import KnowledgeBase
from agentos_memory.knowledge.extractors import EXTRACTORS
from agentos_memory.knowledge.model import Extraction
from agentos_memory.knowledge.remote_extraction import pack_extractors
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile
from agentos_memory.memory import Memory
from agentos_memory.model import SkippedFile
from agentos_memory.workers import FileLimits
from tests.agentos_memory.repositories import call, make_repository

pytestmark = pytest.mark.anyio

ZONE = 'resource "aws_route53_zone" "main" {\n  name = "example"\n}\n'
FILES = {
    "a.tf": ZONE,
    "endless.tf": 'a = "' + "\n" * 200_000,
    "z.tf": ZONE.replace("main", "last"),
}


async def _without_knowledge(memory: Memory) -> list[SkippedFile]:
    (repository,) = await memory.catalog.repositories()
    listed = await memory.catalog.skipped_files(repository)
    return [each for each in listed if each.detail.startswith("knowledge: ")]


async def test_a_file_that_takes_too_long_is_listed_and_the_others_are_known(
    kernel: Kernel, tmp_path: Path
) -> None:
    root = make_repository(tmp_path / "zones", FILES)
    memory, base = kernel.service(Memory), kernel.service(KnowledgeBase)
    memory.workers.limits = FileLimits(cpu_s=1.0)
    await call(kernel, "index_repository", path=str(root))
    (repository,) = await memory.catalog.repositories()
    graph = await base.graph(repository)
    names = {graph.node(position).name for position in graph.by_kind["resource"]}
    assert names == {"aws_route53_zone.main", "aws_route53_zone.last"}
    (skipped,) = await _without_knowledge(memory)
    assert (skipped.path, skipped.reason) == ("endless.tf", "too_costly")
    # It is not read again while it stays as it is, and still listed.
    (root / "a.tf").write_text(ZONE.replace("main", "first"))
    await call(kernel, "index_repository", path=str(root))
    memory.workers.limits = FileLimits()
    (repository,) = await memory.catalog.repositories()
    await base.graph(repository)
    assert [each.path for each in await _without_knowledge(memory)] == ["endless.tf"]
    (root / "endless.tf").write_text(ZONE)
    await call(kernel, "index_repository", path=str(root))
    (repository,) = await memory.catalog.repositories()
    await base.graph(repository)
    assert await _without_knowledge(memory) == []


def test_an_extractor_that_no_other_process_can_import_stops_the_start() -> None:
    def inner(file: SourceFile) -> Extraction:
        return Extraction()

    with pytest.raises(ConfigurationError, match="'homemade' must be a function"):
        pack_extractors([KnowledgeExtractor("homemade", 1, lambda path: True, inner)])


def _chained(n: int) -> bytes:
    return b"x = (A.objects" + b".filter(a=1)\n" * n + b")\n"


def _managers(n: int) -> bytes:
    return b"x = (A" + b".objects.all()\n" * n + b")\n"


def _session(n: int) -> bytes:
    return b"x = (session.query(A)" + b".filter(A.b)\n" * n + b".delete())\n"


def _signs(n: int) -> bytes:
    return b"A.objects.all()\n" + b"---\n" * n


def _reads(n: int) -> bytes:
    return b"import os\nx = [" + b"os.getenv('AB'), " * n + b"]\n"


def _objects(n: int) -> bytes:
    inner = b"{ b = aws_x.y\n c = " * n + b"1" + b"}" * n
    return b'resource "aws_a" "b" {\n a = ' + inner + b"\n}\n"


def _environments(n: int) -> bytes:
    inner = b'env {\n name = "A"\n' * n + b"}" * n
    return b'resource "kubernetes_deployment" "b" {\n' + inner + b"\n}\n"


def _listed(n: int) -> bytes:
    return b'resource "aws_a" "b" {\n a = [' + b"aws_x.y,\n" * n + b"]\n}\n"


@pytest.mark.parametrize(
    ("name", "path", "make"),
    [
        ("orm queries", "a.py", _chained),
        ("orm queries", "a.py", _managers),
        ("orm queries", "a.py", _session),
        ("orm queries", "a.py", _signs),
        ("environment", "a.py", _reads),
        ("terraform", "a.tf", _objects),
        ("terraform", "a.tf", _environments),
        ("terraform", "a.tf", _listed),
    ],
)
def test_the_time_of_an_extractor_grows_as_the_text_does(
    name: str, path: str, make: Callable[[int], bytes]
) -> None:
    (extractor,) = [each for each in EXTRACTORS if each.name == name]

    def cpu_s(n: int) -> float:
        times = []
        for _ in range(3):
            file = SourceFile(path, make(n))
            assert extractor.concerns(file)
            # What the parser takes is limited elsewhere.
            _ = file.hcl if path.endswith(".tf") else file.python
            # As in the process that extracts; here the collector would walk the heap of all tests.
            with bulk_work():
                start = time.thread_time()
                extractor.extract(file)
                times.append(time.thread_time() - start)
        return min(times)

    small = cpu_s(2_000)
    # Eight times the text; quadratic would be 64 times.
    assert cpu_s(16_000) < 24 * small + 0.05
