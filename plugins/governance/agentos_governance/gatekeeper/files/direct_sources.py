"""Dependencies that come from a repository or an address of their own, and from no registry.

Above: unpinned_sources. Below: manifests as text. pip, Poetry, uv, Pipenv, Cargo, npm, Bundler, and commands
of pip, uv and cargo in scripts. A version in a registry stays what it is; a branch, a tag and an address
do not.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_COMMIT = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{40})(?![0-9a-f])")
_DIGEST = re.compile(r"#(?:.*&)?sha(?:256|384|512)=[0-9a-fA-F]{64,128}")
# By hosts that keep what they once served under a name.
_REGISTRIES = re.compile(
    r"^https://(?:files\.pythonhosted\.org|registry\.npmjs\.org|registry\.yarnpkg\.com|static\.crates\.io"
    r"|rubygems\.org)/"
)
_DIRECT = re.compile(
    r"\b(?:git|hg|svn|bzr)\+(?:https?|ssh|git)://[^\s\"',;\])]{1,500}"
    r"|@\s{1,4}https?://[^\s\"',;\])]{1,500}"
)
_ARCHIVE_LINE = re.compile(r"^\s{0,20}https?://[^\s\"',;]{1,500}")
_INSTALLED = re.compile(
    r"\b(?:pip3?|uv|pipx|poetry|npm|pnpm|yarn)\s+(?:\S{1,40}\s+){0,6}?(?:install|add|i)\b[^#|&;]{0,200}?"
    r"(https?://[^\s\"'#]{1,400}\.(?:whl|tar\.gz|tgz|zip)\S{0,200})"
)
_CARGO_GIT = re.compile(r"\bcargo\s+install\b[^#|&;]{0,200}?--git[ =](\S{1,300})([^#|&;]{0,200})")
_GEM = re.compile(
    r"^\s{0,20}gem\b[^#]{0,200}?\b(?:git|github)(?::|\s*=>)\s{0,4}[\"']([^\"']{1,300})[\"'](.{0,200})"
)
_NPM_GIT = re.compile(
    r"^(?:git\+|git@|git:|ssh:|(?:github|gitlab|bitbucket|gist):|https?://[^#]{1,300}\.git(?:#|$)|[\w.-]{1,100}/[\w.-]{1,100}(?:#|$))"
)
_TABLES = frozenset({"dependencies", "sources", "packages", "dev-packages", "patch", "replace"})
_NPM_TABLES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "overrides", "resolutions")  # fmt: skip
_SCRIPTS = re.compile(
    r"(^|/)(\.github/|\.gitlab-ci|\.circleci/|Jenkinsfile|azure-pipelines|Makefile|GNUmakefile|justfile|Dockerfile[\w.-]*"
    r"|Containerfile|noxfile\.py|tox\.ini|setup\.(py|cfg)|environment\.ya?ml|[\w.-]+\.(sh|bash|mk|ps1))"
)
_REQUIREMENTS = re.compile(
    r"(^|/)(requirements|constraints)[\w.-]*\.(txt|in)$|(^|/)requirements/[\w.-]+\.(txt|in)$"
)
MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class DirectSource:
    """One dependency: where it comes from, and whether that is one state for ever."""

    address: str
    is_pinned: bool


def is_manifest(path: str) -> bool:
    """Whether a file may name such dependencies."""
    return path.endswith((".toml", "package.json", "Pipfile", "Gemfile")) or bool(
        _SCRIPTS.search(path) or _REQUIREMENTS.search(path)
    )


def direct_sources(path: str, content: bytes | None) -> Iterator[DirectSource]:
    """The dependencies of a manifest or a script that come from no registry."""
    text = (content or b"").decode("utf-8", "replace")
    if path.endswith((".toml", "Pipfile")):
        yield from _of_toml(text)
    elif path.endswith("package.json"):
        yield from _of_npm(text)
    elif path.endswith("Gemfile"):
        for found in filter(None, map(_GEM.search, text.splitlines())):
            yield DirectSource(found[1], _COMMIT.search(found[2]) is not None)
    else:
        for line in text.splitlines():
            if not line.lstrip().startswith(("#", "//")):
                yield from _of_line(line, is_list=bool(_REQUIREMENTS.search(path)))


def _of_line(line: str, *, is_list: bool) -> Iterator[DirectSource]:
    yield from _in_text(line)
    cargo = _CARGO_GIT.search(line)
    if cargo is not None:
        yield DirectSource(cargo[1], _COMMIT.search(cargo[2]) is not None)
    archive = _ARCHIVE_LINE.search(line) if is_list else None
    installed = _INSTALLED.search(line)
    if archive is not None:
        yield _at(line.strip())
    elif installed is not None:
        yield _at(installed[1])


def _in_text(text: str) -> Iterator[DirectSource]:
    """`name @ git+https://host/name@ref`, wherever it stands."""
    for match in _DIRECT.finditer(text):
        yield _at(match[0].lstrip("@ "), rest=text[match.end() : match.end() + 200])


def _at(address: str, rest: str = "") -> DirectSource:
    is_pinned = bool(
        _COMMIT.search(address)
        or _DIGEST.search(address)
        or _REGISTRIES.search(address)
        or "--hash=sha" in rest
    )
    return DirectSource(address, is_pinned)


def _of_toml(text: str) -> Iterator[DirectSource]:
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    yield from _in_table(document, (), 0)


def _in_table(value: Any, place: tuple[str, ...], depth: int) -> Iterator[DirectSource]:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, str):
        if any("dependencies" in each or "requires" in each for each in place):
            yield from _in_text(value)
    elif isinstance(value, list):
        for each in value:
            yield from _in_table(each, place, depth + 1)
    elif isinstance(value, dict):
        yield from _of_entry(value, place)
        for name, each in value.items():
            yield from _in_table(each, (*place, name), depth + 1)


def _of_entry(entry: Mapping[str, Any], place: tuple[str, ...]) -> Iterator[DirectSource]:
    """`{ git = "https://...", rev = "..." }` and `{ url = "https://..." }` among dependencies."""
    if not any(each in _TABLES or each.endswith("dependencies") for each in place[:-1]):
        return
    git, url = entry.get("git"), entry.get("url")
    if isinstance(git, str) and not git.startswith("file:"):
        states = [str(entry[name]) for name in ("rev", "ref", "commit") if name in entry]
        yield DirectSource(git, any(_COMMIT.fullmatch(each) for each in states))
    elif isinstance(url, str):
        is_pinned = any(name in entry for name in ("sha256", "hash", "hashes"))
        yield DirectSource(url, is_pinned or _at(url).is_pinned)


def _of_npm(text: str) -> Iterator[DirectSource]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    for name in _NPM_TABLES if isinstance(document, dict) else ():
        table = document.get(name)
        for spec in table.values() if isinstance(table, dict) else ():
            if isinstance(spec, str) and (
                _NPM_GIT.search(spec) or spec.startswith(("http://", "https://"))
            ):
                yield _at(spec)
