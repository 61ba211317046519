"""`agentos tools`, profiles of tokens, and the token cost that `agentos doctor` prints."""

from __future__ import annotations

import json

from tests.agentos.cli.conftest import RunAgentos


def test_tools_are_found_by_words_of_their_name_and_description(agentos: RunAgentos) -> None:
    found = json.loads(agentos("tools", "say", "SOMETHING", "--json").out)["tools"]
    assert [each["name"] for each in found] == ["say"]
    assert found[0]["input_schema"]["properties"]["text"] == {"type": "string"}
    assert found[0]["profiles"] == ["worker", "reviewer", "planner", "admin", "bot"]
    assert agentos("tools", "nonsense").out == "no tool has these words\n"
    assert "overspend" in agentos("tools").out


def test_a_profile_that_does_not_exist_is_one_line(agentos: RunAgentos) -> None:
    for arguments in (
        ["tools", "--profile", "king"],
        ["token", "create", "--worker", "ada", "--profile", "king"],
    ):
        answer = agentos(*arguments)
        assert answer.code == 1
        assert "profile must be one of worker, reviewer, planner, admin, bot, all" in answer.err
        assert answer.err.count("\n") == 1


def test_a_token_keeps_its_profile(agentos: RunAgentos) -> None:
    made = json.loads(
        agentos("token", "create", "--worker", "ada", "--profile", "all", "--json").out
    )
    (token,) = json.loads(agentos("token", "list", "--json").out)["tokens"]
    assert (made["profile"], token["profile"]) == ("all", "all")


def test_doctor_tells_what_the_list_of_tools_costs_in_each_profile(agentos: RunAgentos) -> None:
    report = json.loads(agentos("doctor", "--json").out)
    costs = {each["profile"]: each for each in report["tools_list"]}
    assert list(costs) == ["worker", "reviewer", "planner", "admin", "bot", "all"]
    assert costs["worker"]["tools"] >= 4
    assert costs["worker"]["tokens"] * 3.5 >= costs["worker"]["size_bytes"] > 0
    assert "tools/list worker:" in agentos("doctor").out
