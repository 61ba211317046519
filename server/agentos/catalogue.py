"""What clients can reach now, with the pipelines that run it; plugins may replace their part of it.

Above: the kernel dispatches by it, edges list it and tell clients that it changed. Below:
declarations, pipelines. What can be reached is one snapshot that is replaced, never changed: a
call that has begun ends under the declaration that it began with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import pluggy

from agentos.declarations import Declared, arrange, collect_functions
from agentos.errors import PluginError
from agentos.pipeline import Pipeline
from agentos.prompts import Prompt
from agentos.resources import Resource
from agentos.tools import Tool

CatalogueListener = Callable[[Declared, Declared], None]
"""Gets what could be reached before, and what can be from now on. Must not raise."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a plugin publishes while the server runs, besides what its hooks declare."""

    tools: Sequence[Tool] = ()
    resources: Sequence[Resource] = ()
    prompts: Sequence[Prompt] = ()


class Catalogue:
    """The snapshot in force, and what it was put together from."""

    def __init__(self, plugins: pluggy.PluginManager, compose: Callable[[Tool], Pipeline]) -> None:
        """ConfigurationError where what the hooks of plugins declare does not fit together."""
        self._compose = compose
        self.declared = collect_functions(plugins)
        self._own = self.declared
        self._published: dict[str, Published] = {}
        self._listeners: list[CatalogueListener] = []
        self.pipelines = {each.name: compose(each) for each in self.declared.functions.values()}

    @property
    def may_change(self) -> bool:
        """Whether anybody publishes while the server runs."""
        return bool(self._published)

    def publish(self, source: str, published: Published) -> None:
        """Put `published` in place of what `source` published before, as a whole.

        Raises PluginError, and changes nothing, where a name or URI is taken by somebody else.
        """
        sources = self._published | {source: published}
        declared = self._arranged(list(sources.values()), source)
        before, known = self.declared, self.pipelines
        self.pipelines = {
            name: known[name] if before.functions.get(name) is each else self._compose(each)
            for name, each in declared.functions.items()
        }
        self.declared, self._published = declared, sources
        for listener in list(self._listeners):
            listener(before, declared)

    def watch(self, listener: CatalogueListener) -> Callable[[], None]:
        """Have `listener` told of every change; answers what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _arranged(self, published: Sequence[Published], source: str) -> Declared:
        try:
            return arrange(
                [*self._own.tools.values(), *chain(*(each.tools for each in published))],
                [*self._own.resources.values(), *chain(*(each.resources for each in published))],
                [*self._own.prompts.values(), *chain(*(each.prompts for each in published))],
            )
        except ValueError as error:
            raise PluginError(f"{source} publishes what is taken: {error}") from None
