"""Blobs in an S3-compatible object store, for several servers that share evidence.

Above: `open_blob_store`. Below: boto3, from the extra `s3`, which finds credentials its usual way
(environment, profile, instance). An object is durable once the store has confirmed it; the store
checks the digest that comes with it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import parse_qs, urlsplit

from agentos import ConfigurationError, UnavailableError
from agentos_governance.evidence.blobs import (
    check_digest,
    checked,
    digest_within_limit,
    in_memory,
    not_stored,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 30
MAX_CONNECTIONS = 16
ATTEMPTS = 3
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


@dataclass(frozen=True, slots=True)
class S3Location:
    """Where blobs lie: `s3://bucket/prefix?endpoint=URL&region=NAME`."""

    bucket: str
    prefix: str
    endpoint: str | None
    region: str | None


def parse_location(url: str) -> S3Location:
    """The parts of an `s3://` URL; ConfigurationError for another form or an unknown option."""
    parts = urlsplit(url)
    try:
        options = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    except ValueError:
        options = {"": []}
    unknown = options.keys() - {"endpoint", "region"}
    if parts.scheme != "s3" or not parts.netloc or "@" in parts.netloc or unknown:
        raise ConfigurationError(
            "setting 'blobs': it must be s3://bucket/prefix?endpoint=URL&region=NAME; "
            "credentials come from the environment"
        )
    prefix = parts.path.strip("/")
    return S3Location(
        bucket=parts.netloc,
        prefix=f"{prefix}/" if prefix else "",
        endpoint=options.get("endpoint", [None])[-1],
        region=options.get("region", [None])[-1],
    )


@lru_cache(maxsize=8)
def open_s3_blobs(url: str) -> S3Blobs:
    """The store behind a URL, one for the process; ConfigurationError where boto3 is missing."""
    location = parse_location(url)
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise ConfigurationError(
            "setting 'blobs' names S3, which needs boto3; install agentos[s3]"
        ) from None
    client = boto3.client(
        "s3",
        endpoint_url=location.endpoint,
        region_name=location.region,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            max_pool_connections=MAX_CONNECTIONS,
            retries={"max_attempts": ATTEMPTS, "mode": "standard"},
        ),
    )
    return S3Blobs(client, location)


class S3Blobs:
    """Blobs in one bucket below one prefix. UnavailableError where the store does not answer."""

    def __init__(self, client: S3Client, location: S3Location) -> None:
        self._client = client
        self._location = location

    def put(self, content: bytes) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        sha256 = digest_within_limit(content)
        if self.has(sha256):
            return sha256
        try:
            self._client.put_object(
                Bucket=self._location.bucket,
                Key=self._key(sha256),
                Body=content,
                ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode("ascii"),
            )
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable("stored", error) from error
        return sha256

    def has(self, sha256: str) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.head_object(Bucket=self._location.bucket, Key=self._key(sha256))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _MISSING:
                return False
            raise self._unavailable("looked up", error) from error
        except BotoCoreError as error:
            raise self._unavailable("looked up", error) from error
        return True

    def get(self, sha256: str) -> bytes:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            found = self._client.get_object(Bucket=self._location.bucket, Key=self._key(sha256))
            with found["Body"] as body:
                return checked(body.read(), sha256)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _MISSING:
                raise not_stored(sha256) from None
            raise self._unavailable("read", error) from error
        except BotoCoreError as error:
            raise self._unavailable("read", error) from error

    def open(self, sha256: str) -> BinaryIO:
        # A blob has at most 16 MiB; a connection that stays open while somebody reads costs more.
        return in_memory(self.get(sha256))

    def _key(self, sha256: str) -> str:
        check_digest(sha256)
        return f"{self._location.prefix}{sha256[:2]}/{sha256}"

    def _unavailable(self, what: str, error: Exception) -> UnavailableError:
        return UnavailableError(
            f"evidence cannot be {what} in the bucket {self._location.bucket}: "
            f"{type(error).__name__}",
            remedy="retry in a few seconds; the server's log has the store's answer",
        )
