"""Who may decide about submitted work, and whom an entry such as `role:security` stands for.

Above: deciding, handling. Below: persons behind principals, their review roles.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from agentos import CallRefusedError, Principal, Role, ToolCall
from agentos_governance.authority.own_word import is_persons_word
from agentos_governance.authority.persons import keys_behind, keys_of_makers, same_person_key
from agentos_governance.contracts.model import ROLE_PREFIX, ReviewPolicy, is_role_entry
from agentos_governance.orders import Reader
from agentos_governance.persons.roles import roles_of_person


async def require_reviewer(
    reader: Reader, call: ToolCall, order: Any, policy: ReviewPolicy
) -> None:
    """CallRefusedError for whoever made the work, for no person where one is asked for, for who is
    not among the contract's reviewers, and for a bot that speaks for nobody."""
    principal, version = call.principal, order["contract_version"]
    keys = await keys_behind(reader, (principal.answerable, principal.name))
    if not (await keys_of_makers(reader, order["id"])).isdisjoint(keys):
        raise CallRefusedError(
            f"{principal.answerable} planned or worked on {order['id']}, or what it is part of; "
            "nobody approves their own work",
            rule="four_eyes",
            contract_version=version,
            remedy="ask somebody who had no part in it",
        )
    refuse_mere_bot(principal)
    if policy.by == "human" and not is_persons_word(call):
        raise CallRefusedError(
            f"{order['id']} must be reviewed by a person; {principal.name} is bound to none"
            if principal.person is None
            else f"{order['id']} must be reviewed by a person; a model made this call",
            rule="review.by",
            contract_version=version,
            remedy="use a token that was created with --person, by hand or through a bot",
        )
    is_own = is_persons_word(call)
    if not await is_named(
        reader,
        policy.reviewers,
        keys if is_own else {same_person_key(principal.name)},
        principal.person if is_own else None,
    ):
        raise CallRefusedError(
            f"{order['id']} is decided by {', '.join(policy.reviewers or [])}; "
            f"{principal.answerable} is none of them",
            rule="review.reviewers",
            contract_version=version,
            remedy="ask one of them",
        )


def refuse_mere_bot(principal: Principal) -> None:
    """CallRefusedError for a bot by itself: it decides only what it passes on for a person."""
    if principal.role is Role.BOT:
        raise CallRefusedError(
            f"{principal.name} is a bot and decides nothing by itself",
            rule="role:bot",
            remedy="send for which linked person it acts",
        )


async def is_named(
    reader: Reader, entries: Sequence[str] | None, keys: Collection[str], person: str | None
) -> bool:
    """Whether the entries, persons or `role:NAME`, include somebody; None includes everybody.

    `keys` are those of all names of a person, or an agent's own; only a person has roles.
    """
    if entries is None:
        return True
    names = {same_person_key(entry) for entry in entries if not is_role_entry(entry)}
    if not names.isdisjoint(keys):
        return True
    roles = {entry.removeprefix(ROLE_PREFIX) for entry in entries if is_role_entry(entry)}
    if person is None or not roles:
        return False
    return not roles.isdisjoint(await roles_of_person(reader, person))


async def roles_of_vote(reader: Reader, vote: Mapping[str, Any]) -> frozenset[str]:
    """The review roles of the person who voted; an agent has none."""
    if not vote["is_human"] or vote["person"] is None:
        return frozenset()
    return await roles_of_person(reader, vote["person"])
