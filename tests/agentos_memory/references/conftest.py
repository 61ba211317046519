"""The kernel of the memory tests, for documents."""

from tests.agentos_memory.conftest import kernel

__all__ = ["kernel"]
