"""Small parts of the bot whose rules are easier to see alone."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import structlog

from agentos import ConfigurationError
from agentos.testing.slack import SlackEmulator
from agentos_bots.slack.identity import email_of_member
from agentos_bots.slack.interaction import interaction_of
from agentos_bots.slack.logs import configure_logs
from agentos_bots.slack.settings import Secrets, SlackSettings
from agentos_bots.slack.watermark import Watermark
from tests.agentos_bots.slack.gatehouse import Gatehouse
from tests.loggers import logging_restored

MEMBER: dict[str, Any] = {
    "team_id": "T1",
    "is_email_confirmed": True,
    "profile": {"email": "ada@example.com"},
}
CLICK: dict[str, Any] = {
    "type": "block_actions",
    "team": {"id": "T1"},
    "user": {"id": "UADA", "team_id": "T1"},
    "trigger_id": "1.2.abc",
    "actions": [{"action_id": "approve", "action_ts": "1.0", "value": "{}"}],
}


@pytest.mark.parametrize(
    "change",
    [
        {"deleted": True},
        {"is_bot": True},
        {"is_restricted": True},
        {"is_ultra_restricted": True},
        {"is_stranger": True},
        {"is_invited_user": True},
        {"team_id": "T2"},
        {"team_id": None},
        {"is_email_confirmed": False},
        {"is_email_confirmed": None},
        {"profile": {}},
        {"profile": {"email": "nobody"}},
    ],
    ids=str,
)
def test_an_address_counts_only_of_a_full_member_with_a_confirmed_one(
    change: dict[str, Any],
) -> None:
    assert email_of_member(MEMBER, "T1") == "ada@example.com"
    assert email_of_member({**MEMBER, **change}, "T1") is None


def test_the_position_moves_only_past_what_is_done() -> None:
    mark = Watermark(10)
    for position in (11, 13, 14):
        mark.begin(position)
    mark.skip(15)
    assert mark.position == 10
    mark.end(13)
    assert mark.position == 10
    mark.end(11)
    assert mark.position == 13
    mark.end(14)
    assert mark.position == 15


def test_a_delivery_keeps_its_key_and_another_click_has_another() -> None:
    key = interaction_of(CLICK).key
    assert interaction_of({**CLICK, "retry_attempt": 1}).key == key
    others = [
        {**CLICK, "trigger_id": "1.2.abd"},
        {**CLICK, "user": {"id": "UBEN", "team_id": "T1"}},
        {**CLICK, "user": {"id": "UADA", "team_id": "T2"}},
        {**CLICK, "actions": [{**CLICK["actions"][0], "value": '{"review": "RV-2"}'}]},
    ]
    assert len({key, *(interaction_of(each).key for each in others)}) == 5


def test_a_repository_s_channel_wins_over_the_kind_s_and_that_over_the_default() -> None:
    settings = SlackSettings.model_validate(
        {"channel": "C1", "channels": {"work": "C2"}, "repositories": {"shop": "C3"}}
    )
    assert settings.channel_of({"kind": "choose_option"}) == "C1"
    assert settings.channel_of({"kind": "work", "repo": "other"}) == "C2"
    assert settings.channel_of({"kind": "work", "repo": "/srv/git/shop"}) == "C3"
    assert SlackSettings().channel_of({"kind": "work"}) is None


@pytest.mark.parametrize("as_json", [True, False])
def test_no_secret_of_the_bot_is_logged_in_any_form(
    capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    with logging_restored():
        configure_logs("info", as_json=as_json, secrets=("s3cret-signing-key",))
        log = structlog.get_logger("agentos_bots.test")
        log.info("posted", where="s3cret-signing-key here", token="xoxb-1-abc")
        logging.getLogger("elsewhere").error("failed with %s", ["xoxb-" + "1" * 20])
        try:
            raise ValueError("s3cret-signing-key")
        except ValueError as error:
            log.error("defect", exc_info=error)
    said = capsys.readouterr().err
    assert said.count("[redacted]") >= 4
    assert "s3cret" not in said
    assert "xoxb-1" not in said
    assert "posted" in said


@pytest.mark.anyio
async def test_a_bot_whose_token_nobody_takes_does_not_start(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    good = gatehouse.secrets(slack)
    wrong = {
        "AGENTOS_TOKEN": Secrets("aos_" + "x" * 30, good.bot_token, app_token=good.app_token),
        "role bot": Secrets(
            gatehouse.office.tokens["w1"], good.bot_token, app_token=good.app_token
        ),
        "SLACK_BOT_TOKEN": Secrets(good.server_token, "xoxb-wrong", app_token=good.app_token),
        "SLACK_APP_TOKEN": Secrets(good.server_token, good.bot_token, app_token="xapp-wrong"),
    }
    for named, secrets in wrong.items():
        with pytest.raises(ConfigurationError, match=named) as refusal:
            async with gatehouse.bot_with(slack, secrets):
                pass
        assert not any(secret in refusal.value.message for secret in secrets.all())
