"""Evidence from before facts and order were kept is still in order, and gets into packets."""

from __future__ import annotations

from importlib.resources import files

import pytest

from agentos import Settings
from agentos_governance.evidence.packet_verification import verify_packet
from agentos_governance.evidence.packets import packet_folder
from tests.agentos_governance.lifecycle import open_office

pytestmark = pytest.mark.anyio

AS_BEFORE = """
drop index governance.evidence_work_order;
alter table governance.evidence
 drop column seq, drop column facts, drop column batch, drop column observation_sha256;
create index evidence_work_order on governance.evidence (work_order, created_at, id);
"""


async def test_evidence_from_before_the_upgrade_keeps_its_order_and_its_packet(
    settings: Settings,
) -> None:
    migrations = files("agentos_governance").joinpath("migrations")
    upgrade = migrations.joinpath("0007_add_facts_to_evidence.sql").read_text("utf-8")
    async with open_office(settings) as office:
        order = await office.create()
        await office.claim("w1", order)
        fields = {"work_order": order, "kind": "note"}
        for number in range(5):
            await office.call(
                "w1", "record_evidence", **fields, claim=f"claim {number}", content="x"
            )
        async with office.kernel.database.connection() as connection:
            await connection.execute(AS_BEFORE)
            await connection.execute(upgrade)
    async with open_office(settings, clock=office.clock, tokens=office.tokens) as office:
        shown = await office.call("w1", "get_work_order", work_order=order)
        assert [item["claim"] for item in shown["evidence"]] == [f"claim {n}" for n in range(5)]
        assert (await office.submit("w1", order))["state"] == "in_review"
        assert verify_packet(packet_folder(settings, order)).claims == 5
        await office.assert_consistent()
