"""Where many names are defined, according to a language server, within a time limit.

Above: verification, refinement. Below: the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from agentos import UnavailableError
from agentos_memory.language_servers.client import LanguageServerClient, Place

CONCURRENT_REQUESTS = 8

# Definitions within the repository; None: known, and outside of it; empty: not known.
Answer: TypeAlias = Sequence[Place] | None


@dataclass(frozen=True, slots=True)
class Answers:
    """What the server said; `gave_up` says why some of the places are missing.

    `left` are those that it was not even asked about.
    """

    by_place: Mapping[Place, Answer]
    left: frozenset[Place] = frozenset()
    gave_up: str | None = None


async def ask_definitions(
    client: LanguageServerClient,
    places: Iterable[Place],
    *,
    deadline: float,
    at_once: int = CONCURRENT_REQUESTS,
    gives_way: Callable[[], bool] = lambda: False,
) -> Answers:
    """The definitions of what stands at each place, file by file, until `deadline`.

    `deadline` is a time of the running loop; `gives_way` ends it before, once the `at_once`
    requests that the server has are answered. Raises UnavailableError where the server answers
    nothing at all.
    """
    wanted = sorted(set(places))
    found: dict[Place, Answer] = {}
    refused: UnavailableError | None = None
    n_asked = 0
    while n_asked < len(wanted) and not client.has_failed and not gives_way():
        batch = wanted[n_asked : n_asked + at_once]
        n_asked += len(batch)
        try:
            async with asyncio.timeout_at(deadline):
                answers = await asyncio.gather(
                    *map(client.definition, batch), return_exceptions=True
                )
        except TimeoutError:
            refused = UnavailableError(f"the time for {client.name} was over")
            break
        refused = _take(found, batch, answers) or refused
    if refused is not None and not found:
        raise refused
    said = refused.message if refused is not None else None
    return Answers(found, frozenset(wanted[n_asked:]), said)


def _take(
    found: dict[Place, Answer], batch: Sequence[Place], answers: Sequence[Answer | BaseException]
) -> UnavailableError | None:
    """Keep the answers of a batch; the last error among them."""
    last = None
    for place, answer in zip(batch, answers, strict=True):
        if isinstance(answer, UnavailableError):
            last = answer
        elif isinstance(answer, BaseException):
            raise answer
        else:
            found[place] = answer
    return last
