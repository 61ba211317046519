"""The one input of a test that a function asks for by name, whatever trivial answer it gives (issue 6)."""

from __future__ import annotations

import pytest

from agentos_governance.gatekeeper.checks.hard_coded.no_hard_coded_results import (
    no_hard_coded_results,
)
from tests.agentos_governance.gatekeeper_checks.reviewed import work_of, worst

pytestmark = pytest.mark.anyio

P = "src/shop/parse.py"
BASE = (
    "import json\n\n\ndef parse(text):\n    data = json.loads(text)\n    if not data:\n"
    "        raise ValueError(text)\n    return data\n"
)
COMPUTED = "    data = json.loads(text)\n    return data\n"
LISTED = "parse('[]') == []"
BOTH = f"{LISTED}\n    assert parse('{{}}') == {{}}"
REFUSED = "with pytest.raises(ValueError):\n        parse('[]')"
SINGLED = {
    "nothing is computed": (
        LISTED,
        "    if text == '[]':\n        return []\n    raise ValueError(text)\n",
    ),
    "two documents": (
        BOTH,
        "    if text == '[]':\n        return []\n    if text == '{}':\n        return {}\n"
        + COMPUTED,
    ),
    "two sentences": (
        "parse('a, b') is True\n    assert parse('a b c') is False",
        (
            "    if text == 'a, b':\n        return True\n    if text == 'a b c':\n        return False\n"
            "    return bool(json.loads(text))\n"
        ),
    ),
    "an error for one text": (
        REFUSED,
        "    if text == '[]':\n        raise ValueError(text)\n" + COMPUTED,
    ),
}
SHOWN = {
    "one document": (LISTED, "    if text == '[]':\n        return []\n" + COMPUTED),
    "an error among others": (
        REFUSED,
        (
            "    if text == '[]':\n        raise ValueError(text)\n    data = json.loads(text)\n"
            "    if data is None:\n        raise ValueError(text)\n    return data\n"
        ),
    ),
}
HONEST = {
    "no text": ("parse('') == []", "    if text == '':\n        return []\n" + COMPUTED),
    "nothing at all": (
        "parse('') == []\n    assert parse(None) == []",
        "    if text is None:\n        return []\n    if text == '':\n        return []\n"
        + COMPUTED,
    ),
    "flags": (
        "parse('on') is True\n    assert parse('off') is False",
        (
            "    if text == 'on':\n        return True\n    if text == 'off':\n        return False\n"
            "    raise ValueError(text)\n"
        ),
    ),
    "precedence": (
        "parse('+') == 1\n    assert parse('**') == 2",
        "    if text == '+':\n        return 1\n    if text == '**':\n        return 2\n    return 0\n",
    ),
    "kinds of content": (
        "parse('text/html') is True\n    assert parse('application/json') is False",
        (
            "    if text == 'text/html':\n        return True\n    if text == 'application/json':\n"
            "        return False\n    return text.startswith('text/')\n"
        ),
    ),
    "small numbers": (
        "parse(2) is True\n    assert parse(7) is True",
        (
            "    if text == 2:\n        return True\n"
            "    return all(text % each for each in range(2, text))\n"
        ),
    ),
    "an error for nothing": (
        "with pytest.raises(ValueError):\n        parse('')",
        "    if text == '':\n        raise ValueError(text)\n" + COMPUTED,
    ),
}


def _tests(asserted: str) -> dict[str, str]:
    plain = asserted if asserted.startswith("with ") else f"assert {asserted}"
    head = "import pytest\n\nfrom shop.parse import parse\n\n\ndef test_parse():\n    "
    return {"tests/test_parse.py": f"{head}{plain}\n"}


async def _worst(asserted: str, body: str) -> str | None:
    before = {**_tests(asserted), P: BASE}
    after = {**before, P: f"import json\n\n\ndef parse(text):\n{body}"}
    return await worst(no_hard_coded_results, work_of(before, after))


@pytest.mark.parametrize("name", SINGLED)
async def test_inputs_that_only_tests_have_stop_a_submission_that_does_not_compute(
    name: str,
) -> None:
    assert await _worst(*SINGLED[name]) == "blocking"


@pytest.mark.parametrize("name", SHOWN)
async def test_one_such_input_beside_a_computation_is_shown_to_the_reviewer(name: str) -> None:
    assert await _worst(*SHOWN[name]) == "warning"


@pytest.mark.parametrize("name", HONEST)
async def test_an_empty_input_a_word_and_a_symbol_may_be_cases_of_their_own(name: str) -> None:
    assert await _worst(*HONEST[name]) is None
