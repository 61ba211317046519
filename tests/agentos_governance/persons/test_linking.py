"""Who a channel's users are: by a one-time code or a verified address, and by nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from agentos import ConfigurationError, Role, Settings
from agentos_governance.approvals.lifetime import parse_email_linking
from tests.agentos_governance.lifecycle import Office, open_office

pytestmark = pytest.mark.anyio

NAMED = {"channel": "slack", "external_id": "T1:U1"}


async def open_desk(office: Office) -> None:
    """Two persons, tokens of theirs, and a bot."""
    await office.join("bot", Role.BOT)
    await office.call("admin", "set_person", name="Ada", email="Ada@Example.org")
    await office.call("admin", "set_person", name="Ben", roles=["reviewer", "security"])
    await office.join("ada", Role.REVIEWER, person="Ada")


async def link(office: Office, **fields: Any) -> dict[str, Any]:
    """What the bot is told that links."""
    return await office.call("bot", "link_identity", **{**NAMED, **fields})


async def test_a_code_links_once_within_ten_minutes(settings: Settings) -> None:
    async with open_office(settings) as office:
        await open_desk(office)
        made = await office.call("ada", "create_link_code")
        assert made["person"] == "Ada"
        linked = await link(office, code=made["code"])
        assert (linked["person"], linked["roles"]) == ("Ada", ["reviewer"])
        # A message that is delivered twice links the same; nobody else can use the code.
        assert await link(office, code=made["code"]) == linked
        other = {**NAMED, "external_id": "T1:U2"}
        assert await office.code("bot", "link_identity", **other, code=made["code"]) == "not_found"
        old = await office.call("ada", "create_link_code")
        office.clock.advance(600)
        assert await office.code("bot", "link_identity", **other, code=old["code"]) == "not_found"
        people = (await office.call("admin", "list_persons"))["persons"]
        assert [each["external_id"] for each in people[0]["identities"]] == ["T1:U1"]
        await office.assert_consistent()


async def test_no_record_holds_a_code_that_could_be_used(settings: Settings) -> None:
    async with open_office(settings) as office:
        await open_desk(office)
        made = await office.call("ada", "create_link_code")
        await office.code("bot", "link_identity", **NAMED, code=made["code"] + "x")
        await link(office, code=made["code"])
        for event in await office.events():
            assert made["code"] not in str(event["data"])
        rows = await office.kernel.database.fetch("select * from governance.link_code")
        assert made["code"] not in str([dict(row) for row in rows])


async def test_a_verified_address_links_however_it_is_written(settings: Settings) -> None:
    async with open_office(settings) as office:
        await open_desk(office)
        assert (await link(office, email="ada@example.ORG"))["person"] == "Ada"
        unknown = await office.refuse(
            "bot", "link_identity", channel="slack", external_id="T1:U9", email="x@example.org"
        )
        assert unknown["code"] == "not_found" and "link-code" in unknown["remedy"]
        assert await office.code("bot", "link_identity", **NAMED) == "invalid_argument"


@pytest.mark.parametrize(
    "address", ["groß@example.org", "\uff47ross@example.org", "gro\u017fs@example.org"]
)
async def test_an_address_that_only_reads_like_a_persons_links_nobody(
    settings: Settings, address: str
) -> None:
    """Whoever may have `groß@` of a domain is not who has `gross@` there."""
    async with open_office(settings) as office:
        await open_desk(office)
        await office.call("admin", "set_person", name="Gro", email="Gross@example.org")
        code = await office.code("bot", "link_identity", **NAMED, email=address)
        assert code == "not_found"
        assert (await link(office, email="gross@EXAMPLE.org"))["person"] == "Gro"


async def test_an_identity_of_somebody_else_stays_theirs(settings: Settings) -> None:
    async with open_office(settings) as office:
        await open_desk(office)
        await link(office, email="ada@example.org")
        bens = await office.call("admin", "create_link_code", person="Ben")
        assert await office.code("bot", "link_identity", **NAMED, code=bens["code"]) == "conflict"
        await office.call("admin", "unlink_identity", **NAMED)
        assert (await link(office, code=bens["code"]))["person"] == "Ben"
        assert await office.code("admin", "unlink_identity", channel="slack",
                                 external_id="T1:U9") == "not_found"  # fmt: skip
        await office.assert_consistent()


async def test_who_was_unlinked_stays_so_until_an_admin_or_a_new_code_says_otherwise(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        await open_desk(office)
        await link(office, email="ada@example.org")
        old = await office.call("admin", "create_link_code", person="Ada")
        office.clock.advance(1)
        await office.call("admin", "unlink_identity", **NAMED)
        # However often the person clicks, and that is no guessing.
        for _ in range(7):
            refused = await office.refuse("bot", "link_identity", **NAMED, email="ada@example.org")
            assert refused["rule"] == "identity.unlinked_by_admin"
        await office.call("admin", "set_person", name="Eve", email="eve@example.org")
        assert await office.code("bot", "link_identity", **NAMED, email="eve@example.org") == (
            "call_refused"
        )
        assert await office.code("bot", "link_identity", **NAMED, code=old["code"]) == "not_found"
        await office.assert_consistent()
        new = await office.call("ada", "create_link_code")
        assert (await link(office, code=new["code"]))["person"] == "Ada"
        await office.call("admin", "unlink_identity", **NAMED)
        by_admin = await office.call("admin", "link_identity", **NAMED, person="ada")
        assert by_admin["person"] == "Ada"
        # It is like any other link from then on.
        assert (await link(office, email="ada@example.org"))["person"] == "Ada"
        await office.assert_consistent()


async def test_only_an_admin_links_without_an_address_or_a_code(settings: Settings) -> None:
    async with open_office(settings) as office:
        await open_desk(office)
        for who in ("bot", "planner", "ada"):
            code = await office.code(who, "link_identity", **NAMED, person="Ada")
            assert code == "call_refused", who
        both = {"person": "Ada", "email": "ada@example.org"}
        assert await office.code("admin", "link_identity", **NAMED, **both) == "invalid_argument"
        assert await office.code("admin", "link_identity", **NAMED, person="Nobody") == "not_found"
        await link(office, email="ada@example.org")
        assert await office.code("admin", "link_identity", **NAMED, person="Ben") == "conflict"


@pytest.mark.parametrize(
    ("trust", "channel", "email", "is_linked"),
    [
        ({}, "slack", "ada@example.org", True),
        ({}, "github", "ada@example.org", False),
        ({"slack": False}, "slack", "ada@example.org", False),
        ({"slack": ["example.org"]}, "slack", "Ada@EXAMPLE.org", True),
        ({"slack": ["example.com"]}, "slack", "ada@example.org", False),
        ({"slack": []}, "slack", "ada@example.org", False),
        ({"github": True}, "github", "ada@example.org", True),
    ],
)
def test_an_address_counts_only_from_channels_and_of_domains_that_are_trusted(
    trust: dict[str, Any], channel: str, email: str, is_linked: bool
) -> None:
    linking = parse_email_linking({"link_by_email": trust})
    assert linking.admits(channel, email) is is_linked


async def test_a_channel_that_links_nobody_by_an_address_links_by_codes(settings: Settings) -> None:
    async with open_office(settings, governance={"link_by_email": {"slack": False}}) as office:
        await open_desk(office)
        refused = await office.refuse("bot", "link_identity", **NAMED, email="ada@example.org")
        assert refused["rule"] == "identity.link_by_email" and "link-code" in refused["remedy"]
        made = await office.call("ada", "create_link_code")
        assert (await link(office, code=made["code"]))["person"] == "Ada"


@pytest.mark.parametrize(
    "trust", [{"slack": "yes"}, {"slack": ["@example.org"]}, {"Slack": True}, {"slack": [""]}]
)
def test_a_bad_setting_about_addresses_stops_the_start(trust: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"governance\.link_by_email"):
        parse_email_linking({"link_by_email": trust})


async def test_who_guesses_is_not_heard_for_a_while(settings: Settings) -> None:
    async with open_office(settings) as office:
        await open_desk(office)
        for number in range(5):
            code = await office.code("bot", "link_identity", **NAMED, code=f"guess-number-{number}")
            assert code == "not_found"
        good = await office.call("ada", "create_link_code")
        refused = await office.code("bot", "link_identity", **NAMED, code=good["code"])
        assert refused == "limit_exceeded"
        # Others are heard; the guesser too, later.
        other = {**NAMED, "external_id": "T1:U2"}
        assert (await office.call("bot", "link_identity", **other, code=good["code"]))["person"]
        office.clock.advance(601)
        fresh = await office.call("ada", "create_link_code")
        assert (await link(office, code=fresh["code"]))["person"] == "Ada"
        await office.assert_consistent()


async def test_codes_are_made_for_oneself_or_by_admins_and_not_without_end(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        await open_desk(office)
        await office.join("worker of ada", Role.WORKER, person="Ada")
        await office.join("planner of ada", Role.PLANNER, person="Ada")
        assert await office.code("ada", "create_link_code", person="Ben") == "call_refused"
        assert await office.code("reviewer", "create_link_code") == "call_refused"
        assert await office.code("admin", "create_link_code", person="Nobody") == "not_found"
        # Otherwise an agent could make itself its sponsor in a channel.
        for who in ("worker of ada", "planner of ada", "bot"):
            assert await office.code(who, "create_link_code", person="Ada") == "call_refused"
        for _ in range(5):
            await office.call("admin", "create_link_code", person="Ada")
        assert await office.code("ada", "create_link_code") == "limit_exceeded"


async def test_persons_are_told_apart_by_how_their_names_and_addresses_read(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        await open_desk(office)
        taken = [
            {"name": "ADA"},
            {"name": "Аda"},  # noqa: RUF001 - a Cyrillic letter that looks the same
            {"name": "Cy", "email": "ADA@example.org"},
        ]
        for fields in taken:
            assert await office.code("admin", "set_person", **fields) == "conflict", fields
        for name in ("system", "oauth:x", " Ada", "A\nda"):
            assert await office.code("admin", "set_person", name=name) == "invalid_argument"
        assert await office.code("admin", "set_person", name="Cy", email="no address") == (
            "invalid_argument"
        )
        changed = await office.call("admin", "set_person", name="Ada", escalation=2)
        assert (changed["email"], changed["roles"], changed["escalation"]) == (
            "Ada@Example.org", ["reviewer"], 2,
        )  # fmt: skip
        cleared = await office.call("admin", "set_person", name="Ada", email="", escalation=0)
        assert (cleared["email"], cleared["escalation"]) == (None, None)
        await office.assert_consistent()


async def test_who_is_who_is_shown_to_admins_and_addresses_to_the_channels_bot(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        await open_desk(office)
        await link(office, email="ada@example.org")
        asked = {"channel": "slack", "persons": ["ada", "Ben", "Nobody"]}
        found = await office.call("bot", "find_identities", **asked)
        assert found["identities"] == [{"person": "Ada", "external_id": "T1:U1"}]
        for who in ("w1", "reviewer", "planner"):
            assert await office.code(who, "find_identities", **asked) == "call_refused"
            assert await office.code(who, "list_persons") == "call_refused"
        for who in ("w1", "reviewer", "planner", "bot"):
            assert await office.code(who, "set_person", name="Eve") == "call_refused"
            assert await office.code(who, "unlink_identity", **NAMED) == "call_refused"
        for who in ("w1", "reviewer", "planner"):
            assert await office.code(who, "link_identity", **NAMED, code="aos_12345678") == (
                "call_refused"
            )
        page = await office.call("admin", "list_persons", limit=1)
        assert (page["truncated"], page["next_cursor"]) == (True, "Ada")
        rest = await office.call("admin", "list_persons", cursor="Ada")
        assert [each["name"] for each in rest["persons"]] == ["Ben"]
