"""Profiles: small listings by role, which grant nothing and take nothing away."""

from __future__ import annotations

import pytest

from agentos import InvalidArgumentError, PluginError, Principal, Role
from agentos.declarations import collect_functions
from agentos.mcp.listing_cost import listing_costs
from agentos.plugins import default_plugins, load_plugins
from agentos.profiles import ALL, LISTABLE, is_listed, listed, narrowed, profile_of
from agentos.tools import tool
from tests.agentos.test_tools import Answer

SHIPPED = collect_functions(load_plugins(default_plugins())).tools
MAX_TOOLS = 12
MAX_TOKENS = 4_000


def test_the_default_profile_lists_12_tools_at_most_for_under_4000_tokens() -> None:
    """Required by the issue "Edge": small surface."""
    costs = {cost.profile: cost for cost in listing_costs(SHIPPED.values())}
    assert costs["worker"].tools <= MAX_TOOLS
    assert costs["worker"].tokens < MAX_TOKENS
    assert costs["reviewer"].tools <= MAX_TOOLS and costs["reviewer"].tokens < MAX_TOKENS
    assert costs["planner"].tools <= MAX_TOOLS
    assert costs["admin"].tools <= 16
    assert costs[ALL].tools == len(SHIPPED)


def test_a_worker_is_shown_what_the_way_of_working_needs() -> None:
    shown = {each.name for each in listed(SHIPPED.values(), "worker")}
    assert shown >= {
        "claim_work_order",
        "check_action",
        "record_evidence",
        "submit_work_order",
        "stand_down",
        "get_review",
        "search_code",
        "trace_symbol_dependencies",
        "search_observations",
        "create_observation",
    }


def test_every_shipped_tool_says_where_it_is_listed() -> None:
    assert [each.name for each in SHIPPED.values() if each.profiles is None] == []


def test_a_tool_that_names_no_profiles_is_listed_in_each_of_them() -> None:
    @tool()
    async def foreign(call: object) -> Answer:
        """A tool of somebody else."""
        return Answer(text="")

    @tool(profiles=[])
    async def rare(call: object) -> Answer:
        """For those who search."""
        return Answer(text="")

    assert all(is_listed(foreign, name) for name in LISTABLE)
    assert [is_listed(rare, name) for name in (*LISTABLE, ALL)] == [False] * 5 + [True]


def test_a_profile_that_does_not_exist_stops_the_declaration() -> None:
    with pytest.raises(PluginError, match="no profile is named 'king'"):

        @tool(profiles=["king"])  # type: ignore[list-item]
        async def lost(call: object) -> Answer:
            """Nowhere."""
            return Answer(text="")


@pytest.mark.parametrize(
    ("role", "profile"),
    [
        (Role.WORKER, "worker"),
        (Role.REVIEWER, "reviewer"),
        (Role.PLANNER, "planner"),
        (Role.ADMIN, "admin"),
        (Role.BOT, "bot"),
    ],
)
def test_the_profile_fits_the_role_unless_the_token_names_one(role: Role, profile: str) -> None:
    assert profile_of(Principal("ada", role)) == profile
    assert profile_of(Principal("ada", role, profile="all")) == "all"


def test_what_a_client_asks_for_only_narrows() -> None:
    assert narrowed("admin", "worker") == "worker"
    assert narrowed("all", "admin") == "admin"
    assert narrowed("worker", None) == "worker"
    for profile, wanted in (("worker", "admin"), ("worker", "all"), ("planner", "reviewer")):
        with pytest.raises(InvalidArgumentError, match="may ask for"):
            narrowed(profile, wanted)
    with pytest.raises(InvalidArgumentError):
        narrowed("all", "nonsense")
