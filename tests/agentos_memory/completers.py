"""A language model for tests, registered as a plugin."""

from __future__ import annotations

from collections.abc import Callable

from agentos import Completer, Service, hookimpl


class Writer:
    """A completer that answers what the test says."""

    model_id = "writer-1"

    def __init__(self, answer: Callable[[str], str]) -> None:
        self.prompts: list[str] = []
        self._answer = answer

    async def complete(self, prompt: str, *, system: str, max_tokens: int) -> str:
        self.prompts.append(prompt)
        return self._answer(prompt)

    @hookimpl
    def register_services(self) -> list[Service]:
        return [Service(Completer, lambda kernel: self)]
