"""Which signed heads a revoked key vouches for, and which it does not.

Above: log_verification. Below: the key ring's revocations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from agentos.events.head import Head
from agentos.identity.revocation import Revocation


class RevokedKeys:
    """Judges heads by the time at which they say they were signed."""

    def __init__(self, revocations: Iterable[Revocation]) -> None:
        self._revoked = {revocation.key_id: revocation for revocation in revocations}
        self._before: Counter[str] = Counter()
        self._problems: dict[str, str] = {}

    def add(self, signed: Iterable[tuple[Head, str]]) -> None:
        """Look at heads, each with the id of the key that signed it."""
        for head, key_id in signed:
            revocation = self._revoked.get(key_id)
            if revocation is None:
                continue
            if head.at <= revocation.at:
                self._before[key_id] += 1
            else:
                self._problems[head.digest] = (
                    f"head {head.number} of {head.at} was signed by key {key_id[:16]}, which was "
                    f"revoked at {revocation.at}: {revocation.reason}"
                )

    @property
    def problems(self) -> list[str]:
        """One sentence for each head that was signed after its key was revoked."""
        return list(self._problems.values())

    @property
    def notes(self) -> list[str]:
        """One sentence for each revoked key that signed before."""
        return [
            f"{count} heads are by key {key_id[:16]}, from before it was revoked at "
            f"{self._revoked[key_id].at}: {self._revoked[key_id].reason}"
            for key_id, count in sorted(self._before.items())
        ]
