"""`agentos webhooks` and `agentos events`."""

from __future__ import annotations

import json

from agentos import verify_webhook
from agentos.clock import SystemClock
from agentos.outbox.signing import sign_webhook
from tests.agentos.cli.conftest import RunAgentos

URL = "https://hooks.example.invalid/agentos"


def test_a_webhook_is_added_listed_and_removed_and_its_secret_shown_once(
    agentos: RunAgentos,
) -> None:
    added = agentos("webhooks", "add", URL, "--events", "work_order.*", "--events", "vote.*")
    assert added.code == 0 and added.out.startswith("whsec_")
    secret, body = added.out.strip(), b"{}"
    assert verify_webhook(secret, sign_webhook(secret, "1", SystemClock().now(), body), body) == {}
    listed = agentos("webhooks", "list", "--json")
    [webhook] = json.loads(listed.out)["webhooks"]
    assert webhook["event_types"] == ["work_order.*", "vote.*"]
    assert (webhook["url"], webhook["concurrency"], webhook["pending"]) == (URL, 1, 0)
    assert secret not in listed.out + added.err
    assert agentos("webhooks", "remove", webhook["id"]).code == 0
    again = agentos("webhooks", "remove", webhook["id"])
    assert again.code == 1 and webhook["id"] in again.err
    assert agentos("webhooks", "list").out == "no webhooks\n"


def test_an_address_of_the_own_network_needs_the_operator_s_word(agentos: RunAgentos) -> None:
    refused = agentos("webhooks", "add", "http://127.0.0.1:9/x", "--events", "*")
    assert refused.code != 0 and "webhook_allowed_hosts" in refused.err
    allowed = {"AGENTOS_WEBHOOK_ALLOWED_HOSTS": "127.0.0.1:9"}
    added = agentos("webhooks", "add", "http://127.0.0.1:9/x", "--events", "*", "--json", **allowed)
    assert added.code == 0
    id = json.loads(added.out)["id"]
    tested = agentos("webhooks", "test", id, "--json", **allowed)
    assert tested.code == 1 and json.loads(tested.out)["error"]
    # Taken back, the permission holds for what is sent from then on.
    later = agentos("webhooks", "test", id)
    assert later.code == 1 and "webhook_allowed_hosts" in later.err


def test_deliveries_and_sinks_are_shown_and_what_is_not_dead_is_not_retried(
    agentos: RunAgentos,
) -> None:
    assert agentos("events", "sinks").out == "no sinks\n"
    assert json.loads(agentos("webhooks", "deliveries", "--dead", "--json").out) == {
        "deliveries": []
    }
    assert agentos("webhooks", "deliveries", "--dead", "--pending").code != 0
    assert agentos("webhooks", "retry").code != 0
    assert agentos("webhooks", "retry", "1").code == 1
    assert json.loads(agentos("webhooks", "retry", "--all", "--json").out) == {"retried": []}
    assert agentos("webhooks", "add", URL, "--events", "*").code == 0
    [sink] = json.loads(agentos("events", "sinks", "--json").out)["sinks"]
    assert sink["sink"] == "webhooks"
    assert agentos("events", "rewind", "webhooks").code != 0
    unknown = agentos("events", "rewind", "nats/nowhere/S")
    assert unknown.code == 1 and "events sinks" in unknown.err
