"""The parts that need no server: settings, schemas, the circuit breaker."""

from __future__ import annotations

import time
from typing import Any

import pytest

from agentos import ConfigurationError, InvalidArgumentError, UnavailableError
from agentos_gateway.argument_schema import ArgumentSchema
from agentos_gateway.breaker import MAX_WAIT_S, Breaker
from agentos_gateway.configuration import parse_gateway
from agentos_gateway.declaring import declare_tool
from agentos_gateway.definitions import define, template_admits

URL = "https://tools.example/mcp"

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"a__b": {"url": URL}}, "no name of a server"),
    ({"A": {"url": URL}}, "no name of a server"),
    ({"x" * 33: {"url": URL}}, "no name of a server"),
    ({"a": {}}, "either `command` or `url`"),
    ({"a": {"url": URL, "command": "x"}}, "either `command` or `url`"),
    ({"a": {"url": URL, "env": {"A": "b"}}}, "go with `command`"),
    ({"a": {"command": "x", "headers": {"A": "b"}}}, "go with `url`"),
    ({"a": {"url": "file:///etc/passwd"}}, "gateway.servers.a.url"),
    ({"a": {"url": "https://user:word@tools.example"}}, "gateway.servers.a.url"),
    ({"a": {"command": "x", "env": {"T": "${AGENTOS_TOKEN}"}}}, "no other server may have"),
    ({"a": {"command": "x", "env": {"API_KEY": "hunter22hunter22"}}}, "holds a secret"),
    ({"a": {"url": URL, "headers": {"Authorization": "Bearer abcdefghijklm"}}}, "holds a secret"),
    ({"a": {"command": "x", "timeout_s": 0}}, "gateway.servers.a.timeout_s"),
    ({"a": {"command": "x", "colour": "red"}}, "gateway.servers.a.colour"),
    ({"a": {"command": "x", "tools": {"t": {"paths": ["a..b"]}}}}, "gateway.servers.a.tools.t"),
]


@pytest.mark.parametrize(("servers", "said"), WRONG)
def test_a_bad_setting_is_named_in_one_line(servers: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_gateway({"servers": servers})
    assert said in caught.value.message and "\n" not in caught.value.message
    assert "hunter22" not in caught.value.message


def test_a_secret_by_reference_is_no_secret_in_the_file() -> None:
    headers = {"Authorization": "Bearer ${TRACKER_TOKEN}", "X-Team": "blue"}
    (server,) = parse_gateway({"servers": {"a": {"url": URL, "headers": headers}}}).values()
    assert server.headers == headers


def test_a_schema_checks_and_names_the_place() -> None:
    schema = ArgumentSchema(
        {
            "type": "object",
            "properties": {"edits": {"type": "array", "items": {"$ref": "#/$defs/edit"}}},
            "$defs": {"edit": {"type": "object", "required": ["path"]}},
            "additionalProperties": False,
        }
    )
    assert schema.find_problem({"edits": [{"path": "x"}]}) is None
    assert "edits.1" in str(schema.find_problem({"edits": [{"path": "x"}, {}]}))
    assert "other" in str(schema.find_problem({"other": 1}))


def test_a_schema_of_a_stranger_keeps_nobody_busy() -> None:
    began = time.thread_time()
    slow = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    assert ArgumentSchema(slow).find_problem({"a": "a" * 40 + "!"}) is None
    named = {"type": "object", "patternProperties": {"^(a+)+$": {}}, "additionalProperties": False}
    assert ArgumentSchema(named).find_problem({"a" * 40 + "!": 1}) is None
    bomb: dict[str, Any] = {
        f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)
    }
    bomb["d40"] = {"type": "object"}
    found = ArgumentSchema({"$ref": "#/$defs/d0", "$defs": bomb}).find_problem({})
    assert "steps" in str(found)
    endless = {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}
    assert ArgumentSchema(endless).find_problem({}) is not None
    deep: Any = {}
    for _ in range(3_000):
        deep = {"a": deep}
    tree = {"$defs": {"t": {"properties": {"a": {"$ref": "#/$defs/t"}}}}, "$ref": "#/$defs/t"}
    assert "deep" in str(ArgumentSchema(tree).find_problem(deep))
    unlike = {"type": "object", "properties": {"a": {"uniqueItems": True}}}
    assert ArgumentSchema(unlike).find_problem({"a": [{"n": n} for n in range(50_000)]}) is None
    assert time.thread_time() - began < 10


@pytest.mark.parametrize("selector", ["edits[].path", "edits.path", "edits.path[]"])
def test_a_path_is_found_however_deep_in_lists_it_lies(selector: str) -> None:
    definition = define(
        "tool", "edit", {"inputSchema": {"type": "object", "properties": {"edits": {}}}}
    )
    settings = parse_gateway({"servers": {"s": {"url": URL, "paths": [selector]}}})["s"]

    async def run(call: object, definition: object) -> None: ...

    tool = declare_tool("s", settings, definition, run)
    given = b'{"edits": [[{"path": "/a"}], {"path": ["/b", [["/c"], null]]}]}'
    assert tool.validate(given).model_dump() == {"gateway_paths": ("/a", "/b", "/c")}
    with pytest.raises(InvalidArgumentError):
        tool.validate(b'{"edits": [[{"path": "../x"}]]}')


def state_of(breaker: Breaker) -> str:
    return breaker.state


def test_a_breaker_opens_tests_and_waits_longer_each_time() -> None:
    now = 0.0
    breaker = Breaker("other", max_failures=2, wait_s=10, time_s=lambda: now)
    assert not breaker.fail("hung")
    breaker.admit()
    assert breaker.fail("hung")
    with pytest.raises(UnavailableError, match="hung") as refused:
        breaker.admit()
    assert "10 s" in str(refused.value.remedy)
    now = 10
    breaker.admit()
    with pytest.raises(UnavailableError):
        breaker.admit()
    breaker.give_up()
    breaker.admit()
    breaker.fail("hung again")
    now = 29.9
    with pytest.raises(UnavailableError):
        breaker.admit()
    now = 30
    breaker.admit()
    breaker.succeed()
    assert state_of(breaker) == "closed"
    for _ in range(40):
        breaker.fail("down")
        now += MAX_WAIT_S
        breaker.admit()
    breaker.fail("down")
    now += MAX_WAIT_S
    assert state_of(breaker) == "half_open"


@pytest.mark.parametrize(
    ("template", "uri", "admits"),
    [
        ("file:///{path}", "file:///a/b.txt", True),
        ("file:///{path}", "http:///a", False),
        ("db://{table}/rows/{id}.json", "db://t/rows/7.json", True),
        ("db://{table}/rows/{id}.json", "db://t/7.json", False),
        ("db://{table}/rows/{id}.json", "db:///rows/.json.json", True),
        ("a://{x}aa", "a://a", False),
        ("a://fixed", "a://fixed", True),
        ("a://fixed", "a://fixed2", False),
        ("file:///docs/{path}", "file:///docs/a..b/.c", True),
        ("file:///docs/{path}", "file:///docs/../etc/passwd", False),
        ("file:///docs/{path}", "file:///docs/a/%2E%2e/x", False),
        ("file:///docs/{path}", "file:///docs/..%2fx", False),
        ("file:///docs/{path}", "file:///docs/..?x", False),
    ],
)
def test_a_template_admits_only_its_own_uris(template: str, uri: str, admits: bool) -> None:
    assert template_admits(template, uri) is admits
