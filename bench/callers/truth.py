"""Ground truth from a language server: which calls reach the sampled symbols of a repository.

    python -m bench.callers.truth python ~/src/click --out click.json

Every call whose last name equals a sampled symbol's is found in the syntax trees, and the server
is asked for the definition at each. The result has the form that `bench.callers.scoring` reads,
with the definitions table beside it as `<name>.defs.json.gz`.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from agentos import UnavailableError
from agentos_memory.language_servers import LanguageServerClient, Place, find_server, open_client
from agentos_memory.language_servers.call_sites import Mention, find_mentions
from agentos_memory.languages import find_language
from bench.callers.definitions import Definition, read_definitions, source_paths
from bench.callers.sampling import sample

CONCURRENT_REQUESTS = 8
MAX_MENTIONS = 6_000
MODULE = "<module>"
CONSTRUCTORS = frozenset({"__init__", "__new__", "constructor"})

# Answers by place: definitions in the repository, None for something outside of it.
Answers: TypeAlias = dict[Place, list[Place] | None]


class Sources:
    """Definitions and mentions of a repository."""

    def __init__(self, root: Path, language: str) -> None:
        self.root = root
        self.paths = source_paths(root, [language])
        self.definitions: list[Definition] = []
        self.mentions: dict[str, list[Mention]] = {}
        self._by_line: dict[tuple[str, int], list[Definition]] = defaultdict(list)
        for path in self.paths:
            self._read(path)
        self.by_path: dict[str, list[Definition]] = defaultdict(list)
        for each in self.definitions:
            self.by_path[each.path].append(each)
            self._by_line[each.path, each.name_line].append(each)

    def _read(self, path: str) -> None:
        language = find_language(path)
        assert language is not None
        self.definitions.extend(read_definitions(self.root, path))
        self.mentions[path] = list(find_mentions(language, (self.root / path).read_bytes()))

    def around(self, path: str, line: int) -> str:
        """The innermost definition around a line, by its id."""
        best: Definition | None = None
        for each in self.by_path[path]:
            is_inside = each.start_line <= line <= each.end_line
            if is_inside and (best is None or each.start_line >= best.start_line):
                best = each
        return best.id if best is not None else f"{path}::{MODULE}"

    def defined_at(self, place: Place) -> Definition | None:
        """The definition whose name stands at a place; a parameter on its line is none."""
        found = self._by_line.get((place.path, place.line), [])
        return next((each for each in found if each.name_column == place.column), None)

    def owner_of(self, definition: Definition) -> Definition | None:
        """The class of a method."""
        same_file = self.by_path[definition.path]
        owners = [d for d in same_file if d.qualified_name == definition.owner]
        return owners[0] if owners else None

    def table(self) -> dict[str, list[list[Any]]]:
        """The definitions table: path to `[first line, last line, kind, qualified name]`."""
        return {
            path: [[d.start_line, d.end_line, d.kind, d.qualified_name] for d in found]
            for path, found in self.by_path.items()
        }


class TruthBuilder:
    """Asks about one sample and writes down what the server said."""

    def __init__(self, sources: Sources, client: LanguageServerClient) -> None:
        self._sources = sources
        self._client = client
        self._answers: Answers = {}
        self._ancestors: dict[str, set[str]] = {}

    async def build(self, chosen: Sequence[tuple[str, Definition]]) -> list[dict[str, Any]]:
        """One record for each chosen symbol."""
        names = {definition.name for _, definition in chosen}
        calls = self._places(names, {"call"})
        mentions = self._places(names, {"other"})
        n_mentions = sum(len(each) for each in mentions.values())
        await self._ask([p for places in calls.values() for _, p in places])
        if n_mentions <= MAX_MENTIONS:
            await self._ask([p for places in mentions.values() for _, p in places])
        bodies = {d.id: self._body(d) for _, d in chosen if d.kind != "class"}
        await self._ask([p for body in bodies.values() for _, p in body])
        same_name = [d for d in self._sources.definitions if d.name in names and d.owner]
        for each in same_name:
            await self._find_ancestors(each)
        return [
            self._record(stratum, definition, calls, mentions, bodies.get(definition.id, []))
            for stratum, definition in chosen
        ]

    def _places(self, names: set[str], roles: set[str]) -> dict[str, list[tuple[str, Place]]]:
        found: dict[str, list[tuple[str, Place]]] = defaultdict(list)
        for path, mentions in self._sources.mentions.items():
            for each in mentions:
                if each.name in names and each.role in roles:
                    found[each.name].append((path, Place(path, each.line, each.column)))
        return found

    def _body(self, definition: Definition) -> list[tuple[str, Place]]:
        return [
            (each.name, Place(definition.path, each.line, each.column))
            for each in self._sources.mentions[definition.path]
            if each.role == "call" and definition.start_line <= each.line <= definition.end_line
        ]

    async def _ask(self, places: Iterable[Place]) -> None:
        wanted = sorted(place for place in set(places) if place not in self._answers)
        for start in range(0, len(wanted), CONCURRENT_REQUESTS):
            batch = wanted[start : start + CONCURRENT_REQUESTS]
            answers = await asyncio.gather(*map(self._ask_at, batch))
            self._answers.update(zip(batch, answers, strict=True))
            if start % 800 == 0:
                print(f"{start}/{len(wanted)} places", file=sys.stderr, flush=True)

    async def _ask_at(self, place: Place) -> list[Place] | None:
        try:
            return await self._client.definition(place)
        except UnavailableError:
            # It may refuse a file that it does not build, such as one for another system.
            if self._client.has_failed:
                raise
            return []

    async def _find_ancestors(self, method: Definition) -> None:
        """Ids of the classes above the method's class, found by asking at the names of bases."""
        owner = self._sources.owner_of(method)
        if owner is None or owner.id in self._ancestors:
            return
        above: set[str] = set()
        pending, seen = [owner], {owner.id}
        while pending:
            here = pending.pop()
            for base in await self._bases(here):
                if base.id not in seen:
                    seen.add(base.id)
                    above.add(base.id)
                    pending.append(base)
        self._ancestors[owner.id] = above

    async def _bases(self, owner: Definition) -> list[Definition]:
        inner = [d.start_line for d in self._sources.by_path[owner.path]
                 if owner.start_line < d.start_line <= owner.end_line]  # fmt: skip
        last = min([*inner, owner.name_line + 4])
        places = [
            Place(owner.path, m.line, m.column)
            for m in self._sources.mentions[owner.path]
            if owner.name_line <= m.line < max(last, owner.name_line + 1) and m.role == "other"
        ]
        await self._ask(places)
        found = [self._definition(place) for place in places]
        return [d for d in found if d is not None and d.kind == "class" and d.id != owner.id]

    def _definition(self, place: Place) -> Definition | None:
        for each in self._answers.get(place) or []:
            found = self._sources.defined_at(each)
            if found is not None:
                return found
        return None

    def _record(
        self,
        stratum: str,
        symbol: Definition,
        calls: Mapping[str, list[tuple[str, Place]]],
        mentions: Mapping[str, list[tuple[str, Place]]],
        body: list[tuple[str, Place]],
    ) -> dict[str, Any]:
        groups: dict[str, dict[str, list[int]]] = {
            kind: defaultdict(list) for kind in ("callers", "dispatch", "unresolved")
        }
        outside = elsewhere = 0
        for _, place in calls[symbol.name]:
            verdict = self._verdict(symbol, place)
            if verdict in groups:
                groups[verdict][self._sources.around(place.path, place.line)].append(place.line)
            outside += verdict == "outside"
            elsewhere += verdict == "elsewhere"
        record: dict[str, Any] = {
            "id": symbol.id, "name": symbol.name, "kind": symbol.kind, "file": symbol.path,
            "qualname": symbol.qualified_name, "line": symbol.start_line,
            "name_line": symbol.name_line, "name_col": symbol.name_column, "stratum": stratum,
            **groups,
            "refs": self._references(symbol, mentions[symbol.name]),
            "incoming_only": [], "external_sites": outside, "other_sites": elsewhere,
        }  # fmt: skip
        if symbol.kind != "class":
            record |= self._callees(body)
        return record

    def _references(self, symbol: Definition, mentions: list[tuple[str, Place]]) -> list[str]:
        """Where the symbol is mentioned without being called."""
        places = [p for _, p in mentions if self._verdict(symbol, p) == "callers"]
        return sorted({self._sources.around(p.path, p.line) for p in places})

    def _verdict(self, symbol: Definition, place: Place) -> str:
        answer = self._answers.get(place, [])
        if answer is None:
            return "outside"
        found = [d for p in answer if (d := self._sources.defined_at(p)) is not None]
        if not found:
            return "unresolved"
        if any(self._is_symbol(symbol, each) for each in found):
            return "callers"
        return "dispatch" if any(self._overrides(symbol, d) for d in found) else "elsewhere"

    def _is_symbol(self, symbol: Definition, found: Definition) -> bool:
        if found.id == symbol.id:
            return True
        is_constructor = symbol.kind == "class" and found.name in CONSTRUCTORS
        owner = self._sources.owner_of(found) if is_constructor else None
        return owner is not None and owner.id == symbol.id

    def _overrides(self, symbol: Definition, base: Definition) -> bool:
        if symbol.name != base.name or symbol.owner is None or base.owner is None:
            return False
        own, above = self._sources.owner_of(symbol), self._sources.owner_of(base)
        if own is None or above is None:
            return False
        # Go implements interfaces without naming them.
        is_implicit = symbol.path.endswith(".go") and above.path.endswith(".go")
        return above.id in self._ancestors.get(own.id, ()) or is_implicit

    def _callees(self, body: list[tuple[str, Place]]) -> dict[str, Any]:
        found: set[str] = set()
        soft: set[str] = set()
        unresolved: set[str] = set()
        outside = 0
        for name, place in body:
            answer = self._answers.get(place, [])
            target = self._definition(place)
            if answer is None:
                outside += 1
            elif target is None:
                unresolved.add(name)
            elif target.name in CONSTRUCTORS and (owner := self._sources.owner_of(target)):
                found.add(owner.id)
                soft.add(target.id)
            else:
                found.add(target.id)
                soft |= self._also(target)
        return {
            "callees": sorted(found), "callees_dispatch": sorted(soft - found),
            "callees_unresolved": sorted(unresolved), "callees_external": outside,
        }  # fmt: skip

    def _also(self, target: Definition) -> set[str]:
        """A class's constructors, or the methods that override the target."""
        if target.kind == "class":
            same_file = self._sources.by_path[target.path]
            return {
                d.id
                for d in same_file
                if d.name in CONSTRUCTORS and d.owner == target.qualified_name
            }
        named = [d for d in self._sources.definitions if d.name == target.name]
        return {d.id for d in named if self._overrides(d, target)}


async def build_truth(
    root: Path, language: str, *, name: str, programs: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The truth of one repository, and its definitions table."""
    installed = find_server(language, programs=programs)
    if installed is None:
        raise SystemExit(f"no language server for {language} is installed")
    started = time.monotonic()
    sources = Sources(root, language)
    n_calls = Counter(m.name for ms in sources.mentions.values() for m in ms if m.role == "call")
    chosen = sample(sources.definitions, n_calls)
    print(f"{len(sources.paths)} files, {len(chosen)} symbols", file=sys.stderr)
    async with open_client(installed, root, request_timeout_s=300.0) as client:
        symbols = await TruthBuilder(sources, client).build(chosen)
    truth = {
        "repo": name,
        "language": language,
        "commit": _commit(root),
        "oracle": f"{installed.server.name} LSP",
        "method": "definition at every same-name call site (tree-sitter); dispatch = resolves to "
        "an overridden base method; unresolved = no definition, or a variable",
        "stats": {"seconds": round(time.monotonic() - started, 1), "files": len(sources.paths)},
        "symbols": symbols,
    }
    return truth, sources.table()


def _commit(root: Path) -> str:
    shown = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()


def main() -> None:
    """Build one truth file from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("language", choices=("python", "typescript", "go"))
    parser.add_argument("repository", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--server", action="append", default=[], metavar="NAME=PROGRAM")
    arguments = parser.parse_args()
    programs = dict(each.split("=", 1) for each in arguments.server)
    out: Path = arguments.out
    truth, table = asyncio.run(
        build_truth(
            arguments.repository.resolve(), arguments.language, name=out.stem, programs=programs
        )
    )
    out.write_text(json.dumps(truth, indent=1))
    with gzip.open(out.with_suffix(".defs.json.gz"), "wt") as file:
        json.dump(table, file)
    print(f"{out}: {len(truth['symbols'])} symbols in {truth['stats']['seconds']} s")


if __name__ == "__main__":
    main()
