"""The whole life of evidence with its bytes in an S3-compatible store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from agentos import ConfigurationError, Settings
from agentos_governance.evidence.packet_verification import verify_packet
from agentos_governance.evidence.packets import packet_folder
from agentos_governance.evidence.s3_blobs import open_s3_blobs
from tests.agentos_governance.lifecycle import open_office, sample_repository

pytestmark = pytest.mark.anyio


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="life")
    client.close()
    yield f"s3://life?endpoint={endpoint}&region=us-east-1"
    open_s3_blobs.cache_clear()
    server.stop()


async def test_a_store_that_cannot_be_named_stops_the_start(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="'blobs'"):
        async with open_office(settings, blobs="s3://user:secret@bucket"):
            pass


async def test_evidence_in_a_bucket_gets_into_a_packet_that_verifies_offline(
    settings: Settings, tmp_path: Path, bucket: str
) -> None:
    async with open_office(settings, blobs=bucket) as office:
        order = await office.create(repo=sample_repository(tmp_path))
        workspace = Path((await office.claim("w1", order))["workspace"]["path"])
        for number in range(20):
            (workspace / "src" / f"r{number}.log").write_text(f"run {number}\n", "utf-8")
        fields = {"work_order": order, "kind": "log", "claim": "It ran"}
        await office.call("w1", "record_evidence_files", **fields, folder="src", pattern="r*.log")
        await office.call("w1", "record_evidence", **fields, content="by hand")
        packet = (await office.submit("w1", order))["packet_sha256"]
        assert await office.vote("reviewer", order, packet) == "completed"
        await office.call("planner", "get_work_report", work_order=order)
        assert not (settings.home / "blobs").exists()
        outcome = verify_packet(packet_folder(settings, order))
        assert outcome.ok and outcome.claims == 21 and outcome.files == 25, outcome.problems
        await office.assert_consistent()
