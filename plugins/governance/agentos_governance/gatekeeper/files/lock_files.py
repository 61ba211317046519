"""What lock files pin: for each package and version its digests, and the hosts it comes from.

Above: dependencies_locked, diff_matches_claims. Below: lines of text. uv, poetry, Cargo, npm, yarn, pnpm, go.sum, and
requirements with `--hash`; a line is read once, whatever its format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agentos import ReviewedFile
from agentos_governance.gatekeeper.files.added_lines import text_lines

LOCK = re.compile(
    r"(^|/)(uv\.lock|poetry\.lock|pdm\.lock|Cargo\.lock|package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml"
    r"|go\.sum|Gemfile\.lock|composer\.lock|Pipfile\.lock|(requirements|constraints)[\w.-]*\.(txt|lock))$"
)
_NAME = re.compile(r"^\s*\"?name\"?\s*[:=]\s*\"([^\"]+)\"")
_VERSION = re.compile(r"^\s*\"?version\"?:?\s*[:= ]\s*\"?([^\"\s,]+)\"?,?$")
_NPM = re.compile(r"^\s*\"(?:node_modules/|)([@\w./-]+)\":\s*\{$")
_HEADER = re.compile(r"^\s{0,2}['\"/]?(@?[\w./-]+)@(?:npm:)?[\^~>=<]*([\w.+-]+)[^:]*:$")
_PINNED = re.compile(r"^([A-Za-z][\w.-]*)(?:\[[\w,-]+\])?==([\w.+!-]+)")
_GO = re.compile(r"^(\S+) (v\S+) (h1:\S+)$")
_DIGEST = re.compile(
    r"\b(sha(?:1|256|384|512)[:-][\w+/=]{20,})|checksum\s*[=:]\s*\"?([0-9a-f]{40,})"
)
_HOST = re.compile(r"https?://([\w.-]{1,200})")


@dataclass
class Pinned:
    """One version of one package."""

    digests: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)
    line: int = 1


def pinned_packages(content: bytes | None) -> dict[tuple[str, str], Pinned]:
    """Each package and version of a lock file, with what is pinned of it."""
    found: dict[tuple[str, str], Pinned] = {}
    name = version = ""
    for number, line in enumerate(text_lines(content), start=1):
        go = _GO.match(line)
        if go is not None:
            found.setdefault((go[1], go[2]), Pinned(line=number)).digests.add(go[3])
            continue
        start = _started(line)
        if start is not None:
            name, version = start
        elif name and not version and (match := _VERSION.match(line)) is not None:
            version = match[1]
        if name and version:
            pinned = found.setdefault((name, version), Pinned(line=number))
            pinned.digests |= set(_digests(line))
            pinned.hosts |= set(_HOST.findall(line))
    return found


def new_packages(file: ReviewedFile) -> list[str]:
    """Names that a lock file pins and the base's did not, in any version; none where it is new."""
    if file.old is None or file.new is None or not LOCK.search(file.path):
        return []
    return sorted(_names(file.path, file.new) - _names(file.path, file.old))


def _names(path: str, content: bytes) -> set[str]:
    # In JSON a package is an object among others; only a package has a digest or an address.
    is_json = path.endswith(".json")
    return {
        name.rpartition("node_modules/")[2]
        for (name, _), pinned in pinned_packages(content).items()
        if not is_json or pinned.digests or pinned.hosts
    }


def _started(line: str) -> tuple[str, str] | None:
    """Name, and version where the line says it, of a package that begins here."""
    for pattern in (_NAME, _NPM):
        match = pattern.match(line)
        if match is not None:
            return match[1], ""
    for pattern in (_HEADER, _PINNED):
        match = pattern.match(line)
        if match is not None:
            return match[1], match[2]
    return None


def _digests(line: str) -> Iterator[str]:
    for match in _DIGEST.finditer(line):
        yield match[1] or match[2]
