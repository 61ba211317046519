"""Acting for a person: a bot that knows its users by a channel's names calls as the person behind one.

Above: the kernel, for each call whose `_meta` has ON_BEHALF_OF. Below: the service `Delegates`, which
the plugin that links identities to persons provides. The token says that the caller is a bot; only a
link, made beforehand and looked up anew each time, says whose hand it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from agentos.calls import Credentials, Principal, Role
from agentos.errors import CallRefusedError, InvalidArgumentError
from agentos.identity.oauth.settings import OAUTH_PREFIX
from agentos.profiles import profile_of

if TYPE_CHECKING:
    from agentos.kernel import Kernel

ON_BEHALF_OF = "agentos/on_behalf_of"
"""Key of `_meta`: `{"channel": "slack", "id": "T024BE7LD:U2147483697"}`."""
RULE = "on_behalf_of"
UNLINKED = "identity.unlinked"
MAX_CHANNEL_CHARS = 40
MAX_ID_CHARS = 200


class IdentityNotLinkedError(CallRefusedError):
    """Nobody is linked to the identity for which a bot acts."""

    code = "not_found"


@dataclass(frozen=True, slots=True)
class Delegate:
    """The person behind an identity, and what the person is for."""

    person: str
    role: Role


class Delegates(Protocol):
    """Says who is behind an identity of a channel."""

    async def find(self, channel: str, external_id: str) -> Delegate | None:
        """The person who is linked to it now, or None."""
        ...


async def represented(caller: Principal, credentials: Credentials, kernel: Kernel) -> Principal:
    """Whom `caller` calls for: itself where it names nobody, else the person behind the identity.

    What comes of it is judged by the role of the person and by what bots may pass on. Raises
    CallRefusedError where the caller has no bot's token, and IdentityNotLinkedError where nobody is
    linked to the identity.
    """
    claimed = credentials.on_behalf_of
    if claimed is None:
        return caller
    if caller.role is not Role.BOT or not _is_proven(caller, credentials):
        raise CallRefusedError(
            f"{caller.name} ({caller.role}) may not act for others; only a token of role bot may",
            rule=RULE,
            remedy=f"call without _meta[{ON_BEHALF_OF!r}]",
        )
    channel, external_id = _identity_of(claimed)
    delegates = kernel.find_service(Delegates)  # type: ignore[type-abstract]
    found = None if delegates is None else await delegates.find(channel, external_id)
    if found is None:
        raise IdentityNotLinkedError(
            f"nobody is linked to {external_id!r} of {channel}",
            rule=UNLINKED,
            remedy="link it once: `agentos person link-code NAME` prints a code for the bot's "
            "`link` command, or let the bot link by a verified e-mail address",
        )
    return Principal(
        found.person,
        found.role,
        person=found.person,
        token_id=caller.token_id,
        profile=profile_of(caller),
        client=caller.client,
        via=caller,
    )


def claimed_in(meta: Mapping[str, Any]) -> Any:
    """What `_meta` says of it, still unchecked; None where it says nothing."""
    if ON_BEHALF_OF not in meta:
        return None
    value = meta[ON_BEHALF_OF]
    # A bot that lost the name of its user must not act as itself.
    return {} if value is None else value


def _is_proven(caller: Principal, credentials: Credentials) -> bool:
    """Whoever merely starts a local process is not believed to be a bot; a plugin in this one is."""
    has_token = caller.token_id is not None or caller.name.startswith(OAUTH_PREFIX)
    return has_token or credentials.known is not None


def _identity_of(claimed: Any) -> tuple[str, str]:
    if isinstance(claimed, Mapping) and claimed.keys() == {"channel", "id"}:
        channel, external_id = claimed["channel"], claimed["id"]
        if _is_text(channel, MAX_CHANNEL_CHARS) and _is_text(external_id, MAX_ID_CHARS):
            return channel, external_id
    raise InvalidArgumentError(
        f'_meta[{ON_BEHALF_OF!r}] must be {{"channel": NAME, "id": ID}}: printable text of at most '
        f"{MAX_CHANNEL_CHARS} and {MAX_ID_CHARS} characters"
    )


def _is_text(value: object, max_chars: int) -> bool:
    return isinstance(value, str) and value.isprintable() and 1 <= len(value) <= max_chars
