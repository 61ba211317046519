"""Where reviews are shown to persons, and where their decisions come from: the protocol of a channel.

Above: plugins that know a service such as GitHub return channels from the hook
`register_review_channels`. Below: pages that others post to (`agentos.registry`). A channel holds no
truth. Whoever runs channels (the plugin `channels`) claims each post, so that it is made once whoever
comes first and dies, and takes every decision to the one compare-and-set, as the linked person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from agentos.calls import ToolResult
from agentos.registry import InboundRequest

Card: TypeAlias = Mapping[str, Any]
"""What `get_review_card` answers."""


@dataclass(frozen=True, slots=True)
class ReceivedDecision:
    """What a user of the channel says about a review; nothing of it is checked but the signature."""

    key: str
    """The same for the same message, however often and by whatever way it comes; at most 150
    characters, made only of what the signature covers."""
    external_id: str
    """Who it is in the channel; a link says which person that is."""
    review: str
    arguments: Mapping[str, Any]
    """The other arguments of `decide`: `sha256` of the card that was seen, `verdict`, `reason` …"""
    context: Mapping[str, Any] = field(default_factory=dict)
    """What the channel needs to answer."""


@dataclass(frozen=True, slots=True)
class ReceivedLink:
    """A user of the channel sends the one-time code that says who it is."""

    external_id: str
    code: str
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReceivedChange:
    """What is shown is no longer what was: show the review again."""

    review: str


@dataclass(frozen=True, slots=True)
class NothingReceived:
    """A message that says nothing to us; `why` goes back to the sender."""

    why: str


@dataclass(frozen=True, slots=True)
class RefusedDecision:
    """A decision that cannot be about what the person saw; it goes no further. `message` says why."""

    key: str
    review: str
    message: str
    context: Mapping[str, Any] = field(default_factory=dict)


Received: TypeAlias = (
    ReceivedDecision | RefusedDecision | ReceivedLink | ReceivedChange | NothingReceived
)
"""What a channel heard since it was asked last."""


class ReviewChannel(Protocol):
    """One way to show reviews to persons and to hear their decisions.

    Methods run one after the other for one review, and beside each other for several. Raise
    UnavailableError for what may work later: it is tried again.
    """

    @property
    def name(self) -> str:
        """Of identities, claims and the path `/channels/NAME`; lower-case letters and `-`."""
        ...

    async def find_place(self, card: Card) -> str | None:
        """Where the card belongs, such as a pull request; None where it does not belong here."""
        ...

    async def find_posted(self, card: Card, place: str) -> str | None:
        """The reference of the card's message in the channel's own history, or None.

        Asked after another process claimed the post and did not say what came of it.
        """
        ...

    async def post(self, card: Card, place: str) -> str:
        """Show a card; the reference by which `update` finds it, at most 500 characters."""
        ...

    async def update(self, card: Card, message_ref: str) -> bool | None:
        """Show what the card says now, in the same message.

        Whether something else was shown before; None where the channel cannot tell. One that can is
        asked again for a while after an update without an answer, which may be carried out late.
        """
        ...

    async def receive(self, request: InboundRequest) -> Received:
        """What came in at `/channels/NAME`.

        VerificationError for what is not signed, too old, or not from where it says: nothing is
        done about it then.
        """
        ...

    async def answer(
        self, received: ReceivedDecision | RefusedDecision | ReceivedLink, result: ToolResult
    ) -> None:
        """Tell the user what came of it, where the updated card does not: once for each message.

        What is recorded is in `result`, and only that may be told.
        """
        ...

    async def close(self) -> None:
        """The server stops."""
        ...
