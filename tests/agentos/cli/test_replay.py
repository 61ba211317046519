"""`agentos replay` and `agentos audit export` as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.agentos.cli.conftest import RunAgentos

WORK_ORDER = json.dumps(
    {
        "title": "Say hello",
        "objective": "Greet whoever runs it",
        "contract": {"allowed_roots": ["src"], "allowed_tools": ["*"], "cost_budget_usd": "1"},
    }
)


def test_a_work_order_is_replayed_stepped_through_and_compared(
    agentos: RunAgentos, tmp_path: Path
) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        answer = agentos(*arguments, AGENTOS_PLUGINS="governance")
        return answer.code, answer.out

    orders = [
        json.loads(run("call", "create_work_order", "--args", WORK_ORDER, "--json")[1])["id"]
        for _ in range(2)
    ]
    for order in orders:
        assert run("call", "claim_work_order", f"work_order={order}")[0] == 0

    code, text = run("replay", orders[0])
    as_json = json.loads(run("replay", orders[0], "--until", "1", "--step", "--json")[1])
    stepped = run("replay", orders[0], "--step", "--no-rerun")
    compared = json.loads(run("replay", orders[0], "--diff", orders[1], "--json")[1])

    assert code == 0
    assert "the tables hold the same state" in text
    assert as_json["kernel"]["live_sha256"] is None
    assert as_json["steps"][0]["type"] == "work_order.created"
    assert stepped[0] == 0
    assert "claimed by" in stepped[1]
    assert compared["is_same"], compared["differing"]
    assert run("replay", "WO-ABSENT")[0] == 1

    assert run("audit", "export", "out.csv", "--format", "csv", "--work-order", orders[0])[0] == 0
    assert len((tmp_path / "out.csv").read_text().splitlines()) > 2
    code, lines = run("audit", "export", "--format", "ocsf", "--stream", f"work_order/{orders[0]}")
    assert {json.loads(line)["class_uid"] for line in lines.splitlines()} == {6003}
    assert run("audit", "export", "--since", "tomorrow")[0] == 2
