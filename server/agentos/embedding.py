"""What turns texts into vectors, as a service that any plugin may provide.

Above: the memory plugin, which asks for it where its settings say `kind = "service"`. Below:
nothing; a provider needs no more than this protocol and `Service(Embedder, factory)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EmbeddingPurpose: TypeAlias = Literal["document", "query"]
"""Whether a text is searched for or searched in: some models embed the two differently."""
EmbeddingRows: TypeAlias = "NDArray[np.float32] | Sequence[Sequence[float]]"
"""A vector for each text, in the order of the texts."""


class Embedder(Protocol):
    """One embedding model. It may be called several times at once, from one event loop."""

    @property
    def model_id(self) -> str:
        """Names model, version and settings; vectors of different ids are never compared.

        At most 200 characters. A changed id has everything embedded anew.
        """
        ...

    @property
    def dimension(self) -> int:
        """Numbers per vector, 1 to 16,000."""
        ...

    async def embed(self, texts: Sequence[str], *, purpose: EmbeddingPurpose) -> EmbeddingRows:
        """One row of `dimension` finite numbers per text, in the order of the texts.

        Rows need not have unit length. Raise UnavailableError for what may work later (it is
        tried again), PluginError for what will not work without somebody's help.
        """
        ...
