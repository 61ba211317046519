"""What plugins offer each other, by protocol type.

Above: the kernel. Below: the registry's declarations.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from agentos.errors import ConfigurationError
from agentos.registry import Service

if TYPE_CHECKING:
    from agentos.kernel import Kernel

T = TypeVar("T")


class Services:
    """The services of one kernel."""

    def __init__(self) -> None:
        self._by_kind: dict[type[Any], Any] = {}

    def start(self, declared: Iterable[Service], kernel: Kernel) -> None:
        """Make them, in order; ConfigurationError where two plugins provide the same."""
        for service in declared:
            if service.kind in self._by_kind:
                raise ConfigurationError(
                    f"two plugins provide the service {service.kind.__name__}; disable one"
                )
            provided = service.factory(kernel)
            if provided is not None:
                self._by_kind[service.kind] = provided

    def find(self, kind: type[T]) -> T | None:
        """The service of a protocol type, or None."""
        return self._by_kind.get(kind)
