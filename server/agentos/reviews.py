"""What a call waits for that a person must approve first, as the kernel sees it.

Above: a plugin whose authorizer asks (`Verdict.ask` with a `review_id`) may offer `Reviews` as a
service; tasks and edges then wait for the decision without repeating the call. Below: nothing.
"""

from __future__ import annotations

from typing import Literal, Protocol

ReviewState = Literal["pending", "approved", "rejected", "ended"]
"""`ended`: expired, cancelled or used; nothing comes of it any more."""


class Reviews(Protocol):
    """Says what became of a review.

    An event whose data has its id as `review_id` says that something did.
    """

    async def state_of(self, review_id: str) -> ReviewState:
        """What became of it by now; NotFoundError for an unknown id."""
        ...
