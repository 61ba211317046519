"""The decision: no self-approval, a packet that verifies offline, a vote on its digest, a sign-off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agentos.demo.cast import REVIEWER, SECOND, SECOND_AGAIN, Cast
from agentos.demo.connection import connect
from agentos.demo.stage import Stage
from agentos.demo.steps import Steps


async def review(stage: Stage, cast: Cast, steps: Steps, orders: dict[str, str]) -> dict[str, Any]:
    """The packet is verified, approved by somebody else, and verified again."""
    order = await cast.reviewer.call("get_work_order", work_order=orders["change"])
    vote = {
        "work_order": orders["change"],
        "packet_sha256": order["packet_sha256"],
        "verdict": "approve",
        "reason": "The citations hold and the change stays inside its roots.",
    }
    async with connect(stage.url, cast.tokens[SECOND_AGAIN]) as own:
        refusal = await own.call_refused("review_work_order", **vote)
    steps.hold(
        refusal is not None and refusal.get("rule") == "four_eyes",
        SECOND,
        "tried to approve its own work with another token: refused",
        str(refusal["message"]) if refusal else "",
    )
    folder = stage.home / "evidence" / orders["change"]
    await _verify_offline(stage, steps, folder, "the packet verifies offline before the vote")
    outcome = await cast.reviewer.call("review_work_order", **vote)
    steps.hold(
        outcome["state"] == "completed",
        REVIEWER,
        "approved exactly the packet that was reviewed",
        f"sha256 {order['packet_sha256'][:16]}...",
    )
    await cast.planner.call("get_work_report", work_order=orders["change"])
    verified = await _verify_offline(stage, steps, folder, "the final packet, votes included, too")
    await _sign_off(cast, steps, orders, verified)
    return {"sha256": order["packet_sha256"], "final_sha256": verified["sha256"], "verified": True}


async def _verify_offline(stage: Stage, steps: Steps, folder: Path, what: str) -> dict[str, Any]:
    code, text = await stage.run_cli("evidence", "verify", str(folder), "--json")
    verified: dict[str, Any] = json.loads(text) if code in (0, 4) else {}
    steps.hold(
        code == 0 and verified.get("ok"),
        REVIEWER,
        what,
        f"Ed25519 signature and {verified.get('files', 0)} files checked, no server asked"
        if code == 0
        else text,
    )
    return verified


async def _sign_off(
    cast: Cast, steps: Steps, orders: dict[str, str], verified: dict[str, Any]
) -> None:
    await cast.reviewer.call("claim_work_order", work_order=orders["review"])
    await cast.reviewer.call(
        "record_evidence",
        work_order=orders["review"],
        kind="verification",
        claim="The packet of the change verifies offline",
        content=json.dumps(verified),
    )
    submitted = await cast.reviewer.call(
        "submit_work_order", work_order=orders["review"], summary="Signed off."
    )
    steps.hold(submitted["state"] == "completed", REVIEWER, "signed off: all work is completed")
