"""Sources in other languages than Python that answer just what tests ask.

Above: no_hard_coded_results. Below: added lines, expectations. `if (n === 12) return 144;` where a test expects
just that of 12.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.checks.hard_coded.expectations import Expectations, is_trivial
from agentos_governance.gatekeeper.files.added_lines import added_lines

CHECK = "no_hard_coded_results"
_LITERAL = r"(-?\d[\d._]*|\"[^\"]*\"|'[^']*')"
_ASKED = re.compile(rf"(?:==|===|\bcase)\s*{_LITERAL}|{_LITERAL}\s*=>")
_ANSWER = re.compile(rf"(?:\breturn\s+|=>\s*|\?\s*){_LITERAL}")
NEAR = 3
"""How many added lines below a condition its answer may stand."""


def special_sources(file: ReviewedFile, expected: Expectations) -> Iterator[Finding]:
    """Findings in added lines."""
    if not expected.pairs:
        return
    lines = added_lines(file)
    for index, (number, line) in enumerate(lines):
        asked = {_one_form(found[1] or found[2]) for found in _ASKED.finditer(line)}
        if not asked:
            continue
        near = [text for n, text in lines[index : index + NEAR] if n < number + NEAR]
        for text in near:
            found = _ANSWER.search(text)
            result = _one_form(found[1]) if found else None
            if result is None or is_trivial(result):
                continue
            if any(answer == result for value in asked for _, _, answer in expected.inputs(value)):
                yield Finding(
                    CHECK,
                    "blocking",
                    f"{file.path} answers what a test asks with the {result} that it expects: "
                    f"`{line.strip()[:160]}`",
                    "a result is written down, not computed",
                    file.path,
                    number,
                    number,
                )
                break


def _one_form(text: str) -> str:
    return f"'{text[1:-1]}'" if text[:1] in {'"', "'"} else text.replace("_", "")
