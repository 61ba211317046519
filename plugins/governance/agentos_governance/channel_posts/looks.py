"""When a channel looks again at a message that something older may still come over.

Above: posting. Below: nothing. Nobody knows how late a channel may carry out what it did not answer: so
the pauses double, and looking ends with a look that found nothing older, half an hour later or more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

LOOKS = 5
"""With a first pause of 60 s: after 1, 3, 7, 15 and 31 minutes."""
MAX_LOOKS = 10
"""So many where each of the last ones found something older."""
MAX_PAUSE_S = 3_600


@dataclass(frozen=True, slots=True)
class Looks:
    """How far looking at one message has come; `at` None where it is over, or never began."""

    at: datetime | None
    n_done: int
    pause_s: int | None

    def begun(self, now: datetime, pause_s: int) -> Looks:
        """From the first look on, since something was sent that may arrive late."""
        return Looks(now + timedelta(seconds=pause_s), 0, pause_s)

    def done(self, now: datetime, *, found_older: bool) -> Looks:
        """After one more look."""
        n_done = self.n_done + 1
        is_over = n_done >= (MAX_LOOKS if found_older else LOOKS)
        if is_over or self.pause_s is None:
            return Looks(None, n_done, self.pause_s)
        pause_s = min(self.pause_s * 2 ** min(n_done, LOOKS - 1), MAX_PAUSE_S)
        return Looks(now + timedelta(seconds=pause_s), n_done, self.pause_s)


def looks_of(post: Mapping[str, Any]) -> Looks:
    """As they are stored with the post."""
    return Looks(post["settles_at"], post["n_looks"], post["look_pause_s"])
