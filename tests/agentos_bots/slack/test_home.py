"""The App Home, the digest and `/agentos`: a person's queue and short answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from agentos import InvalidArgumentError
from agentos.testing.slack.block_kit import check_view
from agentos_bots.slack.actions import HomePage, parse_home_page, parse_value
from agentos_bots.slack.commands import (
    CommandName,
    cost_message,
    help_message,
    order_message,
    parse_command,
    status_message,
)
from agentos_bots.slack.digest import render_digest, render_queue
from agentos_bots.slack.documents import parse_waiting
from agentos_bots.slack.home import PAGE_SIZE, render_home, render_unlinked_home
from agentos_bots.slack.manifest import SCOPES, app_manifest, manifest_text
from tests.agentos_bots.slack.card_documents import waiting, waiting_page
from tests.agentos_bots.slack.reading import assert_valid, shown

NOW = datetime(2026, 11, 21, 21, 0, tzinfo=UTC)


def home(page: HomePage, *reviews: dict[str, Any], **changes: Any) -> dict[str, Any]:
    view: dict[str, Any] = render_home(
        parse_waiting(waiting_page(*reviews, **changes)), "ada", page, NOW
    )
    assert check_view(view, kind="home") == []
    return view


def buttons(view: dict[str, Any]) -> dict[str, str]:
    row = next(block for block in view["blocks"] if block["type"] == "actions")
    return {one["action_id"]: one["value"] for one in row["elements"]}


def test_the_home_lists_what_waits_for_the_person() -> None:
    view = home(
        HomePage(),
        waiting(1, n_blocking=2, assigned_to="bo"),
        waiting(2, kind="approve_plan", due_at="2026-11-21T20:30:00Z"),
        waiting(3, due_at=None, snoozed_until="2026-11-22T08:00:00Z", worker=None),
        n_open={"work": 2, "approve_plan": 1, "something_new": 4},
    )
    text = shown(view)
    assert "ada: 2 reviews of work, 1 plan" in text
    assert (
        "Review: Task number 1\n`RV-00000001` `WO-00000001` · `claude-1` · waits 2 h 5 min" in text
    )
    assert "due 2026-11-21 22:00 UTC · 2 blocking findings · with bo" in text
    assert "Plan: Task number 2" in text
    assert "overdue since 2026-11-21 20:30 UTC" in text
    assert "snoozed until 2026-11-22 08:00 UTC" in text
    shows = [block["accessory"] for block in view["blocks"] if "accessory" in block]
    assert [parse_value(one["value"]).review for one in shows][:2] == ["RV-00000001", "RV-00000002"]


def test_an_empty_queue_says_so() -> None:
    assert "ada: nothing waits for you." in shown(home(HomePage()))


def test_pages_lead_forward_and_back() -> None:
    first = home(HomePage(), waiting(1), truncated=True, next_cursor="c1")
    assert list(buttons(first)) == ["home.refresh", "home.next"]
    second_page = parse_home_page(buttons(first)["home.next"])
    assert second_page.cursor == "c1"
    second = home(second_page, waiting(2), truncated=True, next_cursor="c2")
    third_page = parse_home_page(buttons(second)["home.next"])
    third = home(third_page, waiting(3))
    assert list(buttons(third)) == ["home.previous", "home.refresh"]
    assert parse_home_page(buttons(third)["home.previous"]) == second_page
    assert parse_home_page(buttons(third)["home.refresh"]) == third_page
    assert parse_home_page(buttons(second)["home.previous"]) == HomePage()


def test_a_page_far_away_leads_back_to_the_first() -> None:
    page = HomePage("c" * 900, tuple("c" * 900 for _ in range(5)))
    assert parse_home_page(page.to_value()) == HomePage("c" * 900)
    assert HomePage("c1").previous() == HomePage()


@pytest.mark.parametrize("value", ["", "[]", '{"cursor": 1}', '{"before": "x"}', '{"before": [1]}'])
def test_a_page_that_no_button_of_ours_names_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgumentError):
        parse_home_page(value)


def test_more_than_a_page_is_never_shown() -> None:
    view = home(HomePage(), *(waiting(n) for n in range(200)))
    assert sum("accessory" in block for block in view["blocks"]) == PAGE_SIZE


def test_whom_the_server_does_not_know_is_told_how_to_link() -> None:
    view = render_unlinked_home()
    assert check_view(view, kind="home") == []
    assert "/agentos link CODE" in shown(view)


def test_the_digest_puts_the_late_ones_first() -> None:
    late = waiting(2, due_at="2026-11-21T20:30:00Z")
    digest = render_digest(parse_waiting(waiting_page(waiting(1), late)), NOW)
    assert digest is not None
    assert_valid(digest)
    assert digest.text == "2 decisions wait for you, 1 overdue"
    text = shown(digest.blocks)
    assert text.index("Task number 2") < text.index("Task number 1")


def test_where_nothing_waits_there_is_no_digest() -> None:
    assert render_digest(parse_waiting(waiting_page()), NOW) is None


def test_a_long_digest_counts_what_it_leaves_out() -> None:
    reviews = [waiting(n) for n in range(40)]
    digest = render_digest(parse_waiting(waiting_page(*reviews, n_open={"work": 90})), NOW)
    assert digest is not None
    assert_valid(digest)
    assert "… 78 more in the app's Home tab" in shown(digest.blocks)


def test_the_queue_is_answered_in_the_channel_too() -> None:
    queue = render_queue(parse_waiting(waiting_page(waiting(1))), NOW)
    assert_valid(queue)
    assert queue.text == "Waiting for you: 1 review of work"
    nothing = render_queue(parse_waiting(waiting_page()), NOW)
    assert_valid(nothing)
    assert nothing.text == "Nothing waits for you."


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("", "help", None),
        ("help", "help", None),
        ("  STATUS ", "status", None),
        ("status WO-1", "status", "WO-1"),
        ("review RV-1", "review", "RV-1"),
        ("cost", "cost", None),
        ("queue", "queue", None),
        ("link ABC-123", "link", "ABC-123"),
        ("review &lt;RV-1&gt;", "review", "<RV-1>"),
    ],
)
def test_a_command_is_understood(text: str, name: str, argument: str | None) -> None:
    command = parse_command(text)
    assert (command.name, command.argument, command.problem) == (name, argument, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("approve RV-1", "no command 'approve'"),
        ("review", "needs the id of a review"),
        ("link", "needs a one-time code"),
        ("cost WO-1 WO-2", "one argument at most"),
        ("x" * 9_000, "no command"),
        ("<!channel>", "no command"),
    ],
)
def test_a_command_that_is_not_understood_is_answered_with_help(text: str, problem: str) -> None:
    command = parse_command(text)
    assert command.name is CommandName.HELP
    message = help_message(command.problem)
    assert_valid(message)
    assert problem in message.plain_text
    assert "/agentos queue" in message.text


def test_help_names_every_command() -> None:
    message = help_message()
    assert all(f"/agentos {name}" in message.text for name in CommandName)


def test_status_cost_and_order_are_short_answers() -> None:
    status = status_message(parse_waiting(waiting_page(waiting(1))))
    order = order_message(
        {
            "id": "WO-1",
            "title": "Add <b>",
            "state": "in_review",
            "phase": "build",
            "role": "implementer",
            "packet_sha256": "a" * 64,
            "more": 1,
        }
    )
    rows = [{"usd": f"{n}.50", "role": f"role-{n}", "n_calls": n} for n in range(40)]
    cost = cost_message({"rows": rows, "truncated": True})
    nothing = cost_message({"rows": []})
    for message in (status, order, cost, nothing):
        assert_valid(message)
    assert status.text == "*Waiting for a person:* 1 review of work"
    assert "Add &lt;b&gt;" in order.text and "packet `aaaaaaaaaaaa`" in order.text
    assert cost.text.startswith("*Cost:* 800 USD in the rows shown\n• `role-39`: 39.50 USD")
    assert "… 25 more groups" in cost.text


def test_an_answer_of_another_form_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="rows"):
        cost_message({})
    with pytest.raises(InvalidArgumentError, match="work order: id"):
        order_message({})


def test_the_manifest_asks_for_the_least() -> None:
    manifest = app_manifest()
    assert (
        set(manifest["oauth_config"]["scopes"]["bot"])
        == set(SCOPES)
        == {
            "chat:write",
            "commands",
            "users:read",
            "users:read.email",
            "im:write",
            "channels:history",
            "groups:history",
            "im:history",
        }
    )
    assert manifest["settings"]["socket_mode_enabled"] is True
    assert "request_url" not in json.dumps(manifest)
    assert manifest["settings"]["event_subscriptions"]["bot_events"] == ["app_home_opened"]


def test_over_http_every_request_goes_to_one_address() -> None:
    manifest = app_manifest("http", "https://bot.example/")
    address = "https://bot.example/slack/events"
    assert manifest["settings"]["interactivity"]["request_url"] == address
    assert manifest["settings"]["event_subscriptions"]["request_url"] == address
    assert manifest["features"]["slash_commands"][0]["url"] == address
    assert manifest["settings"]["socket_mode_enabled"] is False


@pytest.mark.parametrize(
    ("mode", "url"),
    [("http", None), ("http", "http://bot.example"), ("socket", "https://bot.example")],
)
def test_mode_and_address_go_together(mode: Any, url: str | None) -> None:
    with pytest.raises(InvalidArgumentError):
        app_manifest(mode, url)


@pytest.mark.parametrize(("mode", "url"), [("socket", None), ("http", "https://bot.example")])
def test_json_and_yaml_say_the_same(mode: Any, url: str | None) -> None:
    manifest = app_manifest(mode, url)
    assert json.loads(manifest_text(manifest)) == manifest
    assert yaml.safe_load(manifest_text(manifest, "yaml")) == manifest
