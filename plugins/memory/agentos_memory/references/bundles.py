"""Source bundles: wheels, source distributions, npm tarballs, source jars.

Code goes through the analysers of the code index, one section per definition; manuals go through
their readers. Anchors hold `package@version`; headings do not, so that what a new version left as
it was keeps its vectors. Above: formats. Below: archives, analysis, chunks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from email.parser import HeaderParser
from itertools import groupby
from pathlib import PurePosixPath

import orjson

from agentos_memory.analysis import MAX_FILE_BYTES, analyse_file
from agentos_memory.chunks import Chunk, chunk_file
from agentos_memory.languages import find_language
from agentos_memory.model import SkippedFile
from agentos_memory.naming_of_tests import is_test_path
from agentos_memory.python_modules import package_directories
from agentos_memory.references.archives import MAX_MEMBER_BYTES, SUFFIXES, read_members
from agentos_memory.references.markdown import read_markdown
from agentos_memory.references.restructured_text import read_restructured_text
from agentos_memory.references.sections import Block, Document, slug_of

_MANUALS = {".md": read_markdown, ".rst": read_restructured_text}
_METADATA = re.compile(r"(?:[^/]+\.dist-info/METADATA|(?:[^/]+/)?PKG-INFO)$")
_POM = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties$")
_FILE_NAME = re.compile(r"(.+?)[-_]v?(\d[\w.+!]*?)(?:-sources)?$")
_TEST_FOLDERS = frozenset({"tests", "__tests__"})
# Languages of configuration: their files in a package are its own, not what it offers.
_NOT_OFFERED = frozenset(
    {"node-config", "go-module", "json", "yaml", "toml", "dockerfile", "hcl", "bash"}
)


@dataclass(frozen=True, slots=True)
class _Package:
    name: str
    version: str
    description: Block | None = None

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"


def read_bundle(name: str, content: bytes) -> Document:
    """The package's code and manuals, tests left out; ValueError where there is neither."""
    too_large: list[str] = []
    members = read_members(content, _wants, too_large)
    package = _package(name, members)
    files = _without_root(members)
    document = Document("bundle", (), package.label, package.name)
    n_tests = sum(_is_test(path) for path in files)
    if n_tests:
        document.notices.append(f"{n_tests} files of tests are left out")
    if too_large:
        document.notices.append(
            f"{len(too_large)} files are larger than {MAX_MEMBER_BYTES} bytes and left out"
        )
    document.blocks = _blocks(package, files, document)
    return document


def _is_test(path: str) -> bool:
    # Folders `test` and `testing` are what some packages offer.
    *folders, name = path.split("/")
    return is_test_path(name) or not _TEST_FOLDERS.isdisjoint(folders)


def _wants(path: str) -> bool:
    if _METADATA.search(path) or _POM.search(path) or path.endswith("/package.json"):
        return True
    if PurePosixPath(path).suffix.lower() in _MANUALS:
        return True
    language = find_language(path)
    return language is not None and language.name not in _NOT_OFFERED


def _package(name: str, members: Mapping[str, bytes]) -> _Package:
    for path in sorted(members, key=lambda path: (path.count("/"), path)):
        if _METADATA.search(path):
            return _python_package(path, members[path])
        if path == "package/package.json":
            try:
                found = orjson.loads(members[path])
                return _Package(str(found["name"]), str(found["version"]))
            except (ValueError, KeyError, TypeError):
                continue
        if _POM.search(path):
            pom = dict(re.findall(r"(?m)^(\w+)=(.*?)\r?$", members[path].decode("latin-1")))
            if {"artifactId", "version"} <= pom.keys():
                return _Package(pom["artifactId"], pom["version"])
    stem = name
    for suffix in SUFFIXES:
        stem = stem.removesuffix(suffix)
    titled = _FILE_NAME.match(stem)
    return _Package(titled.group(1), titled.group(2)) if titled else _Package(stem, "0")


def _python_package(path: str, content: bytes) -> _Package:
    metadata = HeaderParser().parsestr(content.decode("utf-8", "replace"))
    name, version = metadata.get("Name", "package"), metadata.get("Version", "0")
    text = str(metadata.get_payload() or metadata.get("Description", ""))
    lines = text.split("\n")
    block = Block((name, "Description"), lines, path=PurePosixPath(path).name)
    return _Package(name, version, block if text.strip() else None)


def _without_root(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Paths below the one folder that holds everything, as in tarballs."""
    roots = {path.partition("/")[0] for path in members}
    if len(roots) != 1 or any("/" not in path for path in members):
        return dict(members)
    root = roots.pop()
    # The one folder of a package with nothing beside it names its modules.
    if f"{root}/__init__.py" in members:
        return dict(members)
    return {path.partition("/")[2]: content for path, content in members.items()}


def _blocks(package: _Package, files: Mapping[str, bytes], document: Document) -> Iterator[Block]:
    if package.description is not None:
        described = replace(package.description, fragment=f"{package.label}/description")
        yield described
    package_dirs = package_directories(files)
    n_skipped = 0
    for path in sorted(files):
        if _is_test(path) or _METADATA.search(path):
            continue
        reader = _MANUALS.get(PurePosixPath(path).suffix.lower())
        if reader is not None:
            yield from _manual(package, path, reader(files[path].replace(b"\0", b"")))
            continue
        language = find_language(path)
        if language is None or language.name in _NOT_OFFERED:
            continue
        if len(files[path]) > MAX_FILE_BYTES:
            n_skipped += 1
            continue
        analysis = analyse_file(path, files[path], package_dirs=package_dirs)
        if isinstance(analysis, SkippedFile):
            n_skipped += 1
            continue
        yield from _code(package, path, chunk_file(analysis, files[path]))
    if n_skipped:
        document.notices.append(f"{n_skipped} source files are too large, minified or no UTF-8")


def _manual(package: _Package, path: str, manual: Document) -> Iterator[Block]:
    for block in manual.blocks:
        slugs = block.slugs or tuple(slug_of(heading) for heading in block.headings)
        yield replace(
            block,
            headings=(package.name, *(block.headings or (path,))),
            fragment="/".join([package.label, path, *slugs]),
            path=path,
        )


def _code(package: _Package, path: str, chunks: list[Chunk]) -> Iterator[Block]:
    """One block per definition; a long one is cut by its chunks."""
    ordered = sorted(chunks, key=lambda chunk: chunk.start_line)
    for name, parts in groupby(ordered, key=lambda chunk: chunk.qualified_name):
        for chunk in parts:
            summary = " ".join(f"{chunk.signature} {chunk.docstring}".split())
            yield Block(
                (package.name, path, name), chunk.body.split("\n"), chunk.start_line,
                fragment=f"{package.label}/{name}", path=path, last_line=chunk.end_line,
                summary=summary or None,
            )  # fmt: skip
