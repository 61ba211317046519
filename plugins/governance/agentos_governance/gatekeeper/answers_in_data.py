"""Files of data beside the product that answer just what tests ask, with just what they expect.

Above: hard_coded. Below: expectations, module_tables. Warnings only: a table of prices is such a file as
well, and only a person sees whether somebody else would have written it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.expectations import Expectations, is_trivial
from agentos_governance.gatekeeper.module_tables import said_in_text
from agentos_governance.gatekeeper.naming_of_tests import is_test_path

CHECK = "no_hard_coded_results"
MAX_BYTES = 256 * 1024


def answers_in_data(file: ReviewedFile, expected: Expectations) -> Iterator[Finding]:
    """One finding where an entry that came is a pair of a test; JSON with an object at its top."""
    if not file.path.endswith(".json") or is_test_path(file.path):
        return
    old = _entries(file.old)
    for key, value in _entries(file.new).items():
        if old.get(key) != value and _is_expected(key, repr(value), expected):
            yield Finding(
                CHECK,
                "warning",
                f"{file.path} answers {key[:80]!r} with the {repr(value)[:80]} that a test expects",
                "a result is written down, not computed",
                file.path,
            )
            return


def _entries(content: bytes | None) -> dict[str, str | int | float]:
    if content is None or len(content) > MAX_BYTES:
        return {}
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    pairs = found.items() if isinstance(found, dict) else ()
    return {key: value for key, value in pairs if isinstance(value, str | int | float)}


def _is_expected(key: str, value: str, expected: Expectations) -> bool:
    asked = {repr(key), said_in_text(repr(key))} - {None}
    return not is_trivial(value) and any(
        answer == value for each in asked if each for _, _, answer in expected.inputs(each)
    )
