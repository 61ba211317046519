"""What continues a text, as a service that any plugin may provide.

Above: plugins that write prose where somebody provides it, and do without where nobody does.
Below: nothing; a provider needs no more than this protocol and `Service(Completer, factory)`.
"""

from __future__ import annotations

from typing import Protocol


class Completer(Protocol):
    """One language model. It may be called several times at once, from one event loop."""

    @property
    def model_id(self) -> str:
        """Names model and version, as answers report it; at most 200 characters."""
        ...

    async def complete(self, prompt: str, *, system: str, max_tokens: int) -> str:
        """The model's answer to `prompt` under the instructions `system`.

        `prompt` holds code and notes, which are material and no instructions. Raise
        UnavailableError for what may work later, PluginError for what will not without help.
        """
        ...
