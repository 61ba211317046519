"""Which endpoint of a repository answers a call, by method, path and host.

A host decides between services that answer alike; one that names something outside of the
repository is answered by nobody. Above: names. Below: `model`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentos_memory.knowledge.model import Entity

_NAME = re.compile(r"(?P<method>[A-Z]+) (?P<path>/\S*) \(")
_SUFFIX = re.compile(r"[-_]?(?:service|svc|api|server|app|backend)s?$")
_CLUSTER = (".svc", ".local", ".internal", ".cluster")
ANY = "ANY"


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    parts: tuple[str, ...]
    entity: Entity

    def answers(self, method: str, parts: Sequence[str]) -> bool:
        """Whether a call fits: a parameter takes any part, a hole of the call only a parameter."""
        return (ANY in (method, self.method) or method == self.method) and all(
            own in ("{}", part) for own, part in zip(self.parts, parts, strict=True)
        )


class Endpoints:
    """The endpoints of one repository; `folder_of` gives the folder of a service, if it is known."""

    def __init__(self, folder_of: Callable[[str], str | None]) -> None:
        self._folder_of = folder_of
        self._routes: defaultdict[int, list[_Route]] = defaultdict(list)

    def add(self, entity: Entity) -> None:
        """Make an endpoint known, named `METHOD /path (file)`."""
        named = _NAME.match(entity.name)
        if named is not None:
            parts = tuple(part for part in named["path"].split("/") if part)
            self._routes[len(parts)].append(_Route(named["method"], parts, entity))

    def answering(self, call: str) -> Entity | None:
        """The endpoint of `METHOD host /path`; None where none, or more than one, may be meant.

        A route may be mounted below a prefix elsewhere: then its path is the end of the call's,
        which counts only where the host says which service it is.
        """
        method, host, path = call.split(" ", 2)
        parts = [part for part in path.split("/") if part]
        for start in range(max(1, len(parts))):
            fitting = [
                r for r in self._routes[len(parts) - start] if r.answers(method, parts[start:])
            ]
            chosen = self._of_host(fitting, host, is_whole=start == 0)
            if chosen:
                return _one(chosen)
        return None

    def _of_host(self, routes: Sequence[_Route], host: str, *, is_whole: bool) -> list[_Route]:
        name = host.lstrip("?")
        is_outside = "." in name and not any(part in name for part in _CLUSTER)
        if is_outside or not routes:
            return []
        name = name.partition(".")[0]
        own = [route for route in routes if self._is_of(route.entity.path, name)]
        if own or not is_whole:
            return own
        # A host that is written out and is nobody's folder says nothing of where its code lies.
        return list(routes)

    def _is_of(self, path: str, service: str) -> bool:
        if service == "-":
            return False
        folder = self._folder_of(service)
        if folder is not None and path.startswith(folder + "/"):
            return True
        wanted = _plain(service)
        return any(_plain(part) == wanted for part in path.split("/")[:-1])


def _plain(name: str) -> str:
    return _SUFFIX.sub("", name.lower()).replace("-", "").replace("_", "") or name.lower()


def _one(routes: Sequence[_Route]) -> Entity | None:
    """The most particular of the routes: a written part goes before a parameter."""
    best = min(sum(part == "{}" for part in route.parts) for route in routes)
    found = [r for r in routes if sum(part == "{}" for part in r.parts) == best]
    exact = [r for r in found if r.method != ANY] or found
    return exact[0].entity if len({r.entity.path for r in exact}) == 1 else None
