"""Which symbols of a repository are asked about: a fixed sample, in strata.

Names that many definitions share are where tools guess, so methods are split by whether another
definition has the name.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from bench.callers.definitions import Definition

STRATA: Mapping[str, int] = {
    "function": 50,
    "method_unique": 40,
    "method_ambiguous": 60,
    "class": 25,
}
# A name that is called more often costs minutes of a server's time for one symbol.
MAX_SITES_PER_NAME = 600
TEST_PATH = re.compile(
    r"(^|/)(tests?|__tests__|testing|spec)(/|$)|(^|/)test_|_test\.|\.test\.|\.spec\.|conftest"
)


def sample(
    definitions: Sequence[Definition], n_calls: Mapping[str, int], *, seed: int = 7
) -> list[tuple[str, Definition]]:
    """(stratum, definition) of the chosen symbols; every one's name is called somewhere."""
    n_definitions = Counter(each.name for each in definitions)
    n_ids = Counter(each.id for each in definitions)
    functions = {each.id for each in definitions if each.kind != "class"}
    strata: dict[str, list[Definition]] = defaultdict(list)
    for each in definitions:
        is_asked = 0 < n_calls.get(each.name, 0) <= MAX_SITES_PER_NAME and n_ids[each.id] == 1
        # Scores fold what is nested into the function around it.
        is_nested = not functions.isdisjoint(_around(each))
        is_special = is_nested or each.name.startswith("__") or each.name == "constructor"
        if is_asked and not is_special and not TEST_PATH.search(each.path):
            strata[_stratum(each, n_definitions)].append(each)
    order = random.Random(seed)
    chosen = []
    for stratum, size in STRATA.items():
        members = sorted(strata[stratum], key=lambda each: each.id)
        for each in order.sample(members, min(size, len(members))):
            chosen.append((stratum, each))
    return chosen


def _around(definition: Definition) -> list[str]:
    """Ids of the definitions around it."""
    parts = definition.qualified_name.split(".")
    return [f"{definition.path}::{'.'.join(parts[:end])}" for end in range(1, len(parts))]


def _stratum(definition: Definition, n_definitions: Mapping[str, int]) -> str:
    if definition.kind != "method":
        return definition.kind
    return "method_ambiguous" if n_definitions[definition.name] > 1 else "method_unique"
