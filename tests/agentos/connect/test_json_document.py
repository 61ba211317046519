"""Single values in and out of JSON texts, every other byte as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos.connect.json_document import JsonDocument
from agentos.connect.json_syntax import parse
from agentos.errors import ConfigurationError

NAME = "mcp.json"
COMMENTED = """\
// Servers of the team
{
\t"servers": {
\t\t"db": { "command": "x" }, // ours
\t\t/* more to come */
\t},
\t"inputs": [],
}
"""


def test_a_value_goes_in_beside_comments_and_trailing_commas_and_comes_out_again() -> None:
    document = JsonDocument(COMMENTED, NAME)
    document.set(("servers", "agentos"), {"url": "u"})

    assert parse(document.text, NAME).value["servers"] == {
        "db": {"command": "x"},
        "agentos": {"url": "u"},
    }
    assert all(comment in document.text for comment in ("// Servers", "// ours", "/* more"))

    document.remove(("servers", "agentos"))
    assert document.text == COMMENTED


def test_a_comment_behind_the_last_member_stays_with_it() -> None:
    text = '{\n  "a": 1 // one\n}\n'
    document = JsonDocument(text, NAME)
    document.set(("b",), 2)

    assert document.text == '{\n  "a": 1, // one\n  "b": 2\n}\n'
    document.remove(("b",))
    assert document.text == text


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{ }\n",
        '{"a": 1}',
        '{\r\n  "a": 1\r\n}\r\n',
        '{\n    "a": {\n        "b": 1\n    }\n}',
    ],
)
def test_indentation_and_line_ends_are_those_of_the_file(text: str) -> None:
    document = JsonDocument(text, NAME)
    document.set(("mcpServers", "agentos"), {"command": "agentos"})

    value = parse(document.text, NAME).value
    assert value["mcpServers"] == {"agentos": {"command": "agentos"}}
    assert ("\r\n" in document.text) == ("\r\n" in text)
    assert "\n" not in document.text.replace("\r\n", "") or "\r\n" not in text


def test_elements_are_added_to_and_taken_from_arrays() -> None:
    document = JsonDocument('{"hooks": {"Stop": [{"id": 1}]}}', NAME)
    document.append(("hooks", "Stop"), {"id": 2})
    document.append(("hooks", "Start"), {"id": 3})
    assert document.get(("hooks",)) == {"Stop": [{"id": 1}, {"id": 2}], "Start": [{"id": 3}]}

    document.remove(("hooks", "Stop", 0))
    document.remove(("hooks", "Start"))
    assert document.get(("hooks",)) == {"Stop": [{"id": 2}]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1, column 2"),
        ('{"a": 1 "b": 2}', "',' or '}' is missing"),
        ('{"a": 1}\n}', "line 2, column 1"),
        ('{"a": 1, "a": 2}', "stands twice"),
        ("{a: 1}", "double quotes"),
        ('{"a": "x\ny"}', "line 1, column 7"),
        ('{"a": nope}', "a value is missing"),
        ("[1]", "no JSON object"),
        ("[" * 200, "nested deeper"),
        ('{"a": [,]}', "a value is missing"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match="nothing was written") as refused:
        JsonDocument(text, NAME)
    assert said in refused.value.message


def test_a_member_of_another_kind_is_not_replaced_by_a_container() -> None:
    document = JsonDocument('{"mcpServers": []}', NAME)
    with pytest.raises(ConfigurationError, match="mcpServers is not an object"):
        document.set(("mcpServers", "agentos"), {})


_texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=8,
)


# How fast examples are made says more of the machine than of them.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(_texts, _values, max_size=4),
    st.sampled_from([None, 2, 4, "\t"]),
    st.dictionaries(_texts, _values, max_size=2),
)
def test_any_object_gains_the_value_and_nothing_else(
    before: dict[str, Any], indent: int | str | None, value: dict[str, Any]
) -> None:
    before = {**before, "mcpServers": {"other": 1}}
    text = json.dumps(before, ensure_ascii=False, indent=indent)
    document = JsonDocument(text, NAME)

    document.set(("mcpServers", "agentos"), value)
    assert json.loads(document.text) == {**before, "mcpServers": {"other": 1, "agentos": value}}

    document.remove(("mcpServers", "agentos"))
    assert document.text == text
