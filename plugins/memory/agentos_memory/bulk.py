"""A setting for work that makes millions of values which stay, such as a whole repository's facts.

Above: workers of the index pipeline and benchmarks.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def bulk_work() -> Iterator[None]:
    """Keep the cycle collector from walking, again and again, values that nothing will free.

    It is off inside and as it was afterwards; what was made inside counts as old. Facts and edges
    hold no cycles, so that nothing leaks. For a thread or process that does nothing else: the
    switch is the whole interpreter's.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
