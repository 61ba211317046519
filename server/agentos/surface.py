"""The ways in which a client reaches what a plugin declares."""

from __future__ import annotations

from enum import StrEnum


class Surface(StrEnum):
    """How a client reaches a declared function; each way leads through the same pipeline."""

    TOOL = "tool"
    RESOURCE = "resource"
    PROMPT = "prompt"
    COMPLETION = "completion"
    LISTING = "listing"
