"""Issue 3: a webhook's certificate must name the host of its URL, though an address is dialled."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agentos.outbox import sending
from agentos.outbox.sending import send_webhook
from agentos.outbox.targets import TargetPolicy
from tests.agentos.outbox.receiver import Receiver

pytestmark = pytest.mark.anyio

POLICY = TargetPolicy.of(["hooks.test", "other.test"])


def make_certificate(folder: Path, host: str) -> Path:
    """A self-signed certificate for a host, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


async def test_a_certificate_for_another_name_or_of_an_unknown_issuer_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = await asyncio.to_thread(make_certificate, tmp_path, "hooks.test")
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(certificate)
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=own)
    port = server.sockets[0].getsockname()[1]

    async def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)

    async def attempt(host: str) -> str | None:
        url = f"https://{host}:{port}/hook"
        return (await send_webhook(POLICY, url, {}, b"{}", timeout_s=60)).error

    assert "certificate" in str(await attempt("hooks.test"))
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(sending, "_trust", lambda: trusting)
    assert await attempt("hooks.test") is None
    assert "certificate" in str(await attempt("other.test"))
    assert len(receiver.requests) == 1
    server.close()
    await server.wait_closed()
