"""Block Kit's validity: the documented limits, and the total length that is not documented."""

from agentos.testing.slack.block_kit.surfaces import (
    MAX_MESSAGE_CHARACTERS,
    check_blocks,
    check_view,
    message_length,
)

__all__ = ["MAX_MESSAGE_CHARACTERS", "check_blocks", "check_view", "message_length"]
