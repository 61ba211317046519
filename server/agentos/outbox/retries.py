"""When a failed delivery is tried again: exponential, capped, spread by jitter.

Above: deliveries. Below: nothing.
"""

from __future__ import annotations

import random

FIRST_DELAY_S = 5.0
FACTOR = 4.0
MAX_DELAY_S = 6 * 3600.0
JITTER = 0.2


def retry_delay_s(attempts: int, roll: float | None = None) -> float:
    """Seconds to wait after so many failed attempts: 5, 20, 80 ... at most 6 hours, each +-20 %.

    `roll` from 0 to 1 places the delay within its spread; random by default.
    """
    delay_s = min(FIRST_DELAY_S * FACTOR ** min(attempts - 1, 30), MAX_DELAY_S)
    spread = random.random() if roll is None else roll
    return delay_s * (1 + JITTER * (2 * spread - 1))
