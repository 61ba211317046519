"""Issue 3: webhooks are signed with HMAC; receivers refuse forgeries and replays."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from agentos import InvalidArgumentError, VerificationError, verify_webhook
from agentos.outbox.signing import new_webhook_secret, sign_webhook

AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
BODY = b'{"type":"work_order.completed"}'


def test_a_signature_is_what_standard_webhooks_says() -> None:
    """The example of the specification's reference libraries."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at = datetime.fromtimestamp(1614265330, UTC)
    body = b'{"test": 2432232314}'
    headers = sign_webhook(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_was_signed_verifies_and_gives_the_event() -> None:
    secret = new_webhook_secret()
    headers = sign_webhook(secret, "id", AT, BODY)
    shouted = {name.upper(): value for name, value in headers.items()}
    assert verify_webhook(secret, shouted, BODY, now=AT) == {"type": "work_order.completed"}


def test_one_fitting_signature_among_several_is_enough_while_secrets_change() -> None:
    old, new = new_webhook_secret(), new_webhook_secret()
    headers = sign_webhook(new, "id", AT, BODY)
    other = sign_webhook(old, "id", AT, BODY)["webhook-signature"]
    headers["webhook-signature"] = f"{other} {headers['webhook-signature']} v2,x"
    assert verify_webhook(new, headers, BODY, now=AT)


@pytest.mark.parametrize("field", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_change_in_any_header_or_in_the_body_is_refused(field: str) -> None:
    secret = new_webhook_secret()
    headers = sign_webhook(secret, "id", AT, BODY)
    with pytest.raises(VerificationError, match="does not fit"):
        verify_webhook(secret, headers, BODY + b" ", now=AT)
    with pytest.raises(VerificationError, match="does not fit"):
        verify_webhook(new_webhook_secret(), headers, BODY, now=AT)
    with pytest.raises(VerificationError, match="does not fit"):
        verify_webhook(secret, {**headers, field: headers[field] + "1"}, BODY, now=AT)
    with pytest.raises(VerificationError, match=field):
        verify_webhook(secret, {k: v for k, v in headers.items() if k != field}, BODY, now=AT)


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_a_request_that_was_recorded_and_sent_again_later_is_refused(seconds: int) -> None:
    secret = new_webhook_secret()
    headers = sign_webhook(secret, "id", AT, BODY)
    with pytest.raises(VerificationError, match="replay"):
        verify_webhook(secret, headers, BODY, now=AT + timedelta(seconds=seconds))
    assert verify_webhook(secret, headers, BODY, now=AT + timedelta(seconds=299))


def test_what_is_no_secret_is_refused() -> None:
    for secret in ("", "whsec_", "whsec_abc", "whsec_" + base64.b64encode(b"short").decode()):
        with pytest.raises(InvalidArgumentError):
            sign_webhook(secret, "id", AT, BODY)
