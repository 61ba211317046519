"""Blobs are what their digest says, on disk and in an S3-compatible store."""

from __future__ import annotations

import gc
import hashlib
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from agentos import (
    ConfigurationError,
    InvalidArgumentError,
    LimitExceededError,
    NotFoundError,
    Settings,
    UnavailableError,
    VerificationError,
)
from agentos_governance.evidence.blobs import (
    MAX_BLOB_BYTES,
    BlobStore,
    DirectoryBlobs,
    iter_blob,
    open_blob_store,
)
from agentos_governance.evidence.s3_blobs import S3Blobs, open_s3_blobs, parse_location

BUCKET = "evidence"


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    """A real HTTP server on loopback that speaks S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
    with warnings.catch_warnings():
        # Its web framework leaves bodies of requests to the collector, in whichever test that runs.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def s3_url(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    yield f"s3://{BUCKET}/team/a?endpoint={s3_endpoint}&region=us-east-1"
    for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=item["Key"])
    client.delete_bucket(Bucket=BUCKET)
    client.close()
    open_s3_blobs.cache_clear()


@pytest.fixture(params=["directory", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "directory":
        return open_blob_store(Settings(home=tmp_path))
    url: str = request.getfixturevalue("s3_url")
    return open_blob_store(Settings(home=tmp_path, blobs=url))


def _damage(blobs: BlobStore, sha256: str, tmp_path: Path) -> None:
    if isinstance(blobs, DirectoryBlobs):
        (tmp_path / "blobs" / sha256[:2] / sha256).write_bytes(b"other bytes")
    else:
        assert isinstance(blobs, S3Blobs)
        blobs._client.put_object(Bucket=BUCKET, Key=blobs._key(sha256), Body=b"other bytes")


def test_what_is_put_is_there_under_its_digest_and_once(blobs: BlobStore) -> None:
    for content in (b"", b"some bytes", b"\x00\xff" * 100_000):
        sha256 = blobs.put(content)
        assert sha256 == hashlib.sha256(content).hexdigest() == blobs.put(content)
        assert blobs.has(sha256) and blobs.get(sha256) == content
        with blobs.open(sha256) as file:
            assert file.read() == content
        assert b"".join(iter_blob(blobs, sha256)) == content


def test_bytes_that_were_changed_are_not_given(blobs: BlobStore, tmp_path: Path) -> None:
    sha256 = blobs.put(b"some bytes")
    _damage(blobs, sha256, tmp_path)
    with pytest.raises(VerificationError, match="was changed"):
        blobs.get(sha256)
    with pytest.raises(VerificationError, match="was changed"):
        list(iter_blob(blobs, sha256))


def test_what_is_missing_too_large_or_no_digest_is_refused(blobs: BlobStore) -> None:
    missing = "a" * 64
    assert not blobs.has(missing)
    with pytest.raises(NotFoundError, match=missing):
        blobs.get(missing)
    with pytest.raises(NotFoundError, match=missing):
        blobs.open(missing)
    with pytest.raises(LimitExceededError, match="16777216"):
        blobs.put(b"x" * (MAX_BLOB_BYTES + 1))
    for wrong in ("../../etc/passwd", "A" * 64, ""):
        for use in (blobs.has, blobs.get, blobs.open):
            with pytest.raises(InvalidArgumentError):
                use(wrong)


def test_threads_that_put_the_same_at_once_agree(blobs: BlobStore) -> None:
    together = threading.Barrier(4)

    def put(number: int) -> str:
        if number < 4:
            together.wait(60)
        return blobs.put(b"same %d" % (number % 3))

    with ThreadPoolExecutor(4) as pool:
        digests = list(pool.map(put, range(24)))
    assert len(set(digests)) == 3
    assert all(blobs.get(digest).startswith(b"same") for digest in digests)


def test_a_folder_of_blobs_is_private_and_holds_no_parts(tmp_path: Path) -> None:
    blobs = DirectoryBlobs(tmp_path / "blobs")
    sha256 = blobs.put(b"x")
    files = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert [path.name for path in files] == [sha256]
    assert files[0].stat().st_mode & 0o077 == 0
    assert (tmp_path / "blobs").stat().st_mode & 0o077 == 0


def test_blobs_lie_below_the_prefix_of_the_bucket(s3_url: str, s3_endpoint: str) -> None:
    sha256 = open_s3_blobs(s3_url).put(b"x")
    client = boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")
    [item] = client.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert item["Key"] == f"team/a/{sha256[:2]}/{sha256}"
    client.close()


def test_a_store_that_does_not_answer_is_unavailable_and_no_secret_is_said(
    s3_url: str, s3_endpoint: str
) -> None:
    gone = open_s3_blobs(f"s3://no-such-bucket?endpoint={s3_endpoint}&region=us-east-1")
    with pytest.raises(UnavailableError, match="no-such-bucket") as refused:
        gone.put(b"x")
    assert "test" not in refused.value.message


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3:///prefix",
        "s3://b?secret=x",
        "s3://key:secret@b/p",
        "s3://b?endpoint",
        "ftp://b",
    ],
)
def test_a_setting_that_names_no_store_stops_the_start(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'blobs'") as refused:
        open_blob_store(Settings(home=tmp_path, blobs=url))
    assert "key:secret" not in refused.value.message


def test_the_parts_of_a_location_are_read() -> None:
    location = parse_location("s3://b/p/q/?endpoint=https://s3.example.org")
    assert (location.bucket, location.prefix) == ("b", "p/q/")
    assert (location.endpoint, location.region) == ("https://s3.example.org", None)
