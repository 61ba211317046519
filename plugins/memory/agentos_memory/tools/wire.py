"""Wire models that take their fields from a value of the domain by name.

Above: results of tools. Below: pydantic. What has another name or another form on the wire is given
by keyword, so that a reader of a tool sees only what differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel

from agentos import format_time


class WireModel(BaseModel):
    """A result, or a part of one."""

    @classmethod
    def taken_from(cls, value: object, **given: Any) -> Self:
        """The wire form of `value`: `given`, and every other field that it has under the same name.

        Times become text in RFC 3339. A field that neither has keeps its default.
        """
        same = {
            name: _plain(getattr(value, name))
            for name in cls.model_fields
            if name not in given and hasattr(value, name)
        }
        return cls(**same, **given)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    return value
