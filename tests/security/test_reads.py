"""What a contract keeps from being read is not shown by tools that find files by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentos import Settings
from agentos.database.migrations import MigrationSet
from tests.agentos_governance.lifecycle import Office, open_office
from tests.agentos_memory.repositories import make_repository
from tests.security.arenas import GOVERNANCE
from tests.security.catalogue import attempt

pytestmark = pytest.mark.anyio

SECRET = "the rebate of wholesale customers is seven percent"
FILES = {
    "shop/rebates.py": (
        "from shop.till import ring\n\n\n"
        f'def rebate() -> int:\n    """How much {SECRET[4:]}."""\n'
        f'    ring("{SECRET}")\n    return 7\n'
    ),
    "shop/till.py": (
        "from shop import rebates\n\n\n"
        'def ring(text: str) -> None:\n    """Ring up a sum."""\n    print(text)\n\n\n'
        'def pay() -> int:\n    """Take the money of a customer."""\n    return rebates.rebate()\n'
    ),
}
ASKED: Sequence[dict[str, Any]] = (
    {"query": "how much is the rebate of wholesale customers"},
    {"query": "rebate wholesale customers", "mode": "keyword"},
    {"query": SECRET},
    {"query": f'"{SECRET}"'},
    {"query": "/seven percent/"},
    {"query": "shop/rebates.py:6"},
    {"query": "rebates.py"},
    {"query": "rebate"},
    {"query": "shop.rebates.rebate"},
    {"query": "seven percent", "path": "shop/rebates.py"},
    {"query": "seven percent", "kind": "function", "language": "python"},
)


@pytest.fixture(scope="session")
def migrations() -> Sequence[MigrationSet]:
    """The databases of these tests have the tables of both plugins."""
    return (*GOVERNANCE, MigrationSet("memory", "agentos_memory"))


@pytest.fixture
async def office(settings: Settings, tmp_path: Path) -> AsyncIterator[Office]:
    """An office that knows the code of a shop."""
    root = make_repository(tmp_path / "shop-repo", FILES)
    async with open_office(settings, plugins=("governance", "memory")) as opened:
        await opened.call("admin", "index_repository", path=str(root))
        yield opened


async def _held(office: Office, *forbidden: str, who: str = "w1", **arguments: Any) -> str:
    order = await office.create(contract={"forbidden_actions": list(forbidden)}, **arguments)
    await office.claim(who, order)
    return order


async def _shown(office: Office, who: str = "w1") -> list[tuple[str, str]]:
    """Queries whose answers show something of the file, with what they show."""
    found = []
    for asked in ASKED:
        answer = await office.call(who, "search_code", **asked)
        found += [
            (asked["query"], hit["snippet"])
            for hit in answer["hits"]
            if hit["path"] == "shop/rebates.py" or "percent" in hit["snippet"]
        ]
    return found


@attempt("reads")
@pytest.mark.parametrize(
    "forbidden", ["read:shop/rebates.py", "read:**/rebates*", "Read(shop/reb*)", "*rebates.py"]
)
async def test_no_search_shows_a_file_that_the_contract_keeps_from_being_read(
    office: Office, forbidden: str
) -> None:
    # Whoever is bound by no contract sees it, so that the queries below are known to find it.
    assert {query for query, _ in await _shown(office)} == {each["query"] for each in ASKED}
    await _held(office, forbidden)
    assert await _shown(office) == []
    other = await office.call("w1", "search_code", query="ring up a sum", mode="keyword")
    assert other["hits"][0]["path"] == "shop/till.py"


@attempt("reads")
async def test_a_file_that_an_ancestors_contract_keeps_from_being_read_is_not_searched(
    office: Office,
) -> None:
    parent = await office.create(contract={"forbidden_actions": ["read:shop/rebates.py"]})
    await _held(office, "git push*", parent=parent)
    assert await _shown(office) == []


@attempt("reads")
async def test_a_file_changed_since_it_was_indexed_is_not_shown_either(
    office: Office, tmp_path: Path
) -> None:
    await _held(office, "read:shop/rebates.py")
    path = tmp_path / "shop-repo" / "shop" / "rebates.py"
    path.write_text("# moved\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert await _shown(office) == []


@attempt("reads")
async def test_the_code_of_a_path_leaves_out_what_the_contract_keeps_from_being_read(
    office: Office,
) -> None:
    asked = {"from_symbol": "shop.till.pay", "to_symbol": "shop.till.ring"}
    free = await office.call("w1", "explain_code_path", **asked)
    assert SECRET in free["explanation"] and free["steps"][2]["code"] is not None
    await _held(office, "read:shop/rebates.py")
    bound = await office.call("w1", "explain_code_path", **asked)
    assert [step["symbol"] for step in bound["steps"]] == [step["symbol"] for step in free["steps"]]
    assert bound["steps"][2]["code"] is None
    assert "percent" not in str(bound)


@attempt("reads")
async def test_a_question_is_not_answered_from_what_the_contract_keeps_from_being_read(
    office: Office,
) -> None:
    asked = {"from_symbol": "shop.till.pay", "question": SECRET}
    free = await office.call("w1", "explain_code_path", **asked)
    assert free["steps"][-1]["symbol"] == "shop.rebates.rebate"
    await _held(office, "read:shop/rebates.py")
    bound = await office.call("w1", "explain_code_path", **asked)
    assert all(step["path"] != "shop/rebates.py" for step in bound["steps"][-1:])
    assert "percent" not in str(bound).replace(SECRET, "")


@attempt("reads")
async def test_what_one_worker_may_not_read_another_still_finds(office: Office) -> None:
    await _held(office, "read:shop/rebates.py")
    await _held(office, "read:shop/till.py", who="w2")
    assert await _shown(office) == []
    assert len(await _shown(office, "w2")) >= len(ASKED) - 1
    answer = await office.call("w2", "search_code", query="ring up a sum", mode="keyword")
    assert all(hit["path"] != "shop/till.py" for hit in answer["hits"])
