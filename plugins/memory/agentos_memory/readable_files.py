"""Which files of a repository whoever asks may read, found once for each set of rules.

Above: shards. The rules are `ToolCall.forbidden_reads`; most callers have none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

ForbidsRead: TypeAlias = Callable[[str], bool]
ReadableFiles: TypeAlias = Callable[[tuple[ForbidsRead, ...]], NDArray[np.bool_]]

_REMEMBERED_RULES = 64


def readable_files(paths: Sequence[str]) -> ReadableFiles:
    """Which of the files, in their order, no rule of a tuple forbids; answers are not to change."""
    return lru_cache(_REMEMBERED_RULES)(partial(_readable, paths))


def _readable(paths: Sequence[str], rules: tuple[ForbidsRead, ...]) -> NDArray[np.bool_]:
    readable = np.array([not any(forbids(path) for forbids in rules) for path in paths], bool)
    readable.flags.writeable = False
    return readable
