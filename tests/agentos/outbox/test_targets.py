"""Issue 3: a webhook reaches only what it may; no request is forged into the own network."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any

import pytest

from agentos import InvalidArgumentError, UnavailableError
from agentos.outbox.sending import send_webhook
from agentos.outbox.targets import TargetPolicy, is_public
from tests.agentos.outbox.receiver import Received, Receiver, answer

pytestmark = pytest.mark.anyio

NOBODY = TargetPolicy.of(())
LOOPBACK = TargetPolicy.of(["127.0.0.1"])


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "ftp://example.com/",
        "https://",
        "https:///hook",
        "https://user@example.com/",
        "https://user:pass@example.com/",
        "https://example.com/#part",
        "https://exa mple.com/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com:99999/",
        "https://127.0.0.1/",
        "https://10.0.0.8/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://0.0.0.0/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://224.0.0.1/",
        "https://100.64.0.1/",
        "https://exämple.com/",
        "https://example.com/\r\nx: y",
        "x" * 3000,
    ],
)
def test_an_address_that_is_not_public_https_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgumentError):
        NOBODY.check_url(url)


def test_a_public_https_address_is_taken_and_an_allowed_host_may_be_plain_and_private() -> None:
    assert NOBODY.check_url("https://Example.com:8443/a?b=c").host == "example.com"
    assert LOOPBACK.check_url("http://127.0.0.1:9/x").port == 9
    with_port = TargetPolicy.of(["Hooks.internal:8080"])
    assert with_port.check_url("http://hooks.internal:8080/").is_allowed_host
    with pytest.raises(InvalidArgumentError):
        with_port.check_url("http://hooks.internal:8081/")


@pytest.mark.parametrize("written", ["2130706433", "0x7f.1", "127.1", "0177.0.0.1", "localhost"])
async def test_other_spellings_of_loopback_are_judged_by_where_they_lead(written: str) -> None:
    target = NOBODY.check_url(f"https://{written}/")
    with pytest.raises((InvalidArgumentError, UnavailableError)):
        await NOBODY.resolve(target)


async def test_a_name_with_one_private_address_among_public_ones_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [("93.184.215.14", 443), ("10.0.0.1", 443)]

    async def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", each) for each in answers]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    target = NOBODY.check_url("https://rebind.example/")
    with pytest.raises(InvalidArgumentError, match="public"):
        await NOBODY.resolve(target)
    del answers[1]
    assert await NOBODY.resolve(target) == "93.184.215.14"


def test_every_reserved_range_is_not_public() -> None:
    for text in ("0.1.2.3", "127.9.9.9", "172.16.0.1", "198.18.0.1", "240.0.0.1", "::", "2001::1"):
        assert not is_public(ipaddress.ip_address(text)), text
    for text in ("1.1.1.1", "93.184.215.14", "2606:4700:4700::1111"):
        assert is_public(ipaddress.ip_address(text)), text


async def test_the_connection_goes_to_the_address_that_was_judged(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name answers differently the second time; nobody asks a second time."""
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        address = ("127.0.0.1" if host != "rebind.example" or len(asked) == 1 else "10.9.9.9", port)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    policy = TargetPolicy.of(["rebind.example"])
    url = f"http://rebind.example:{receiver.port}/hook"
    attempt = await send_webhook(policy, url, {}, b"{}", timeout_s=60)
    assert (attempt.status, attempt.error) == (200, None)
    assert asked.count("rebind.example") == 1
    assert receiver.requests[0].headers["host"] == f"rebind.example:{receiver.port}"


async def test_a_redirect_is_not_followed_and_no_answer_is_read_without_end(
    receiver: Receiver,
) -> None:
    async def redirect(request: Received) -> bytes:
        return answer(302, "", f"location: {receiver.url('/elsewhere')}")

    receiver.behave = redirect
    attempt = await send_webhook(LOOPBACK, receiver.url(), {}, b"{}", timeout_s=60)
    assert attempt.status == 302 and attempt.error is not None
    assert [request.path for request in receiver.requests] == ["/hook"]

    async def endless(request: Received) -> bytes:
        return b"HTTP/1.1 500 X\r\n\r\n" + b"secret=hunter22 \x1b[31m " + b"a" * 5_000_000

    receiver.behave = endless
    attempt = await send_webhook(LOOPBACK, receiver.url(), {}, b"{}", timeout_s=60)
    assert attempt.status == 500 and attempt.error is not None
    assert len(attempt.error) <= 300 and attempt.error.isprintable()
    assert "hunter22" not in attempt.error


async def test_a_receiver_that_drips_is_cut_off_after_the_time_in_all(receiver: Receiver) -> None:
    async def silent(request: Received) -> bytes:
        await asyncio.Event().wait()
        return b""

    receiver.behave = silent
    attempt = await send_webhook(LOOPBACK, receiver.url(), {}, b"{}", timeout_s=0.2)
    assert attempt.error == "no answer within 0.2 s"


async def test_a_refused_connection_and_nonsense_are_failed_attempts(receiver: Receiver) -> None:
    async def nonsense(request: Received) -> bytes:
        return b"\x00\x01 not http\r\n\r\n"

    receiver.behave = nonsense
    assert (await send_webhook(LOOPBACK, receiver.url(), {}, b"{}", timeout_s=60)).error
    closed = await send_webhook(LOOPBACK, "http://127.0.0.1:9/", {}, b"{}", timeout_s=60)
    assert closed.status is None and closed.error
    refused = await send_webhook(NOBODY, receiver.url(), {}, b"{}", timeout_s=60)
    assert refused.error is not None and "webhook_allowed_hosts" in refused.error
