"""Who calls one symbol, according to a language server.

The server is asked for the definition behind every call of the symbol's name; that needs no more
of its time than the files in which the name stands, where a search for references reads all.
Above: `trace_symbol_dependencies`. Below: call sites and the client.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from agentos import LimitExceededError, UnavailableError
from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.language_servers.call_sites import find_mentions
from agentos_memory.language_servers.client import Place, open_client
from agentos_memory.language_servers.declarations import InstalledServer
from agentos_memory.languages import find_language
from agentos_memory.work_files import read_file

MAX_SITES = 2_000
CONCURRENT_REQUESTS = 8
# How long one answer may take in all, start of the server included.
TOTAL_TIMEOUT_S = 180.0
# Every server may take gigabytes.
MAX_SERVERS = 1

CONSTRUCTORS = ("__init__", "__new__", "constructor")

_running = asyncio.Semaphore(MAX_SERVERS)


@dataclass(frozen=True, slots=True)
class SymbolDefinition:
    """One definition of the symbol: where it stands, by 1-based inclusive lines."""

    path: str
    start_line: int
    end_line: int
    is_class: bool = False


@dataclass(frozen=True, slots=True, order=True)
class CallPlace:
    """A call, by its file and 1-based line."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Verification:
    """What the server said about the calls of a name.

    `callers` are calls of the symbol, `elsewhere` of something else of that name, `unresolved`
    those for which the server knows no definition.
    """

    server: str
    callers: tuple[CallPlace, ...]
    elsewhere: tuple[CallPlace, ...]
    unresolved: tuple[CallPlace, ...]


async def verify_callers(
    installed: InstalledServer,
    root: Path,
    paths: Sequence[str],
    name: str,
    definitions: Sequence[SymbolDefinition],
    *,
    timeout_s: float = TOTAL_TIMEOUT_S,
) -> Verification:
    """Ask the server which calls of `name` in the files at `paths` reach one of `definitions`.

    A class is also reached through its constructor. Raises UnavailableError when the server
    fails or needs longer than `timeout_s`, LimitExceededError for a name that is called at more
    than MAX_SITES places.
    """
    mentions = await asyncio.to_thread(_read_mentions, root, paths, name)
    n_sites = sum(map(len, mentions.calls.values()))
    if n_sites > MAX_SITES:
        raise LimitExceededError(
            f"{name!r} is called at {n_sites} places; `verify` asks about {MAX_SITES} at most",
            remedy="repeat the call without `verify`",
        )
    targets = _targets(mentions.definitions, name, definitions)
    try:
        async with asyncio.timeout(timeout_s), _running:
            return await _ask(installed, root, mentions.calls, targets)
    except TimeoutError:
        raise UnavailableError(
            f"{installed.server.name} took longer than {timeout_s:g} s",
            remedy="repeat the call without `verify`",
        ) from None


@dataclass(frozen=True, slots=True)
class _Mentions:
    calls: dict[str, list[Place]]
    definitions: list[tuple[str, Place]]


def _read_mentions(root: Path, paths: Sequence[str], name: str) -> _Mentions:
    calls: defaultdict[str, list[Place]] = defaultdict(list)
    defined: list[tuple[str, Place]] = []
    wanted = {name, *CONSTRUCTORS}
    for path in paths:
        language = find_language(path)
        content = read_file(root, path, max_bytes=MAX_FILE_BYTES) if language else None
        # A constructor without the class's name in its file belongs to another class.
        if language is None or not isinstance(content, bytes) or name.encode() not in content:
            continue
        for mention in find_mentions(language, content, wanted):
            place = Place(path, mention.line, mention.column)
            if mention.role == "definition":
                defined.append((mention.name, place))
            elif mention.role == "call" and mention.name == name:
                calls[path].append(place)
    return _Mentions(dict(calls), defined)


def _targets(
    named: Sequence[tuple[str, Place]], name: str, definitions: Sequence[SymbolDefinition]
) -> AbstractSet[tuple[str, int]]:
    """Lines on which the name of one of the definitions stands, or of its constructor."""
    return {
        (place.path, place.line)
        for each in definitions
        for found, place in named
        if place.path == each.path
        and each.start_line <= place.line <= each.end_line
        and (found == name or each.is_class)
    }


async def _ask(
    installed: InstalledServer,
    root: Path,
    calls: dict[str, list[Place]],
    targets: AbstractSet[tuple[str, int]],
) -> Verification:
    found: dict[str, set[CallPlace]] = {"callers": set(), "elsewhere": set(), "unresolved": set()}
    async with open_client(installed, root) as client:
        for path, places in calls.items():
            queue = iter(places)
            while batch := list(islice(queue, CONCURRENT_REQUESTS)):
                answers = await asyncio.gather(*map(client.definition, batch))
                for place, answer in zip(batch, answers, strict=True):
                    found[_verdict(answer, targets)].add(CallPlace(path, place.line))
    return Verification(
        installed.server.name, **{kind: tuple(sorted(sites)) for kind, sites in found.items()}
    )


def _verdict(answer: Sequence[Place] | None, targets: AbstractSet[tuple[str, int]]) -> str:
    if answer is None:
        return "elsewhere"
    if not answer:
        return "unresolved"
    return "callers" if any((p.path, p.line) in targets for p in answer) else "elsewhere"
