"""A program whose files are read when something looks into them.

Resolving one file of thousands needs few others. Above: `incremental`. Below: the program.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from agentos_memory.model import FileAnalysis, Symbol
from agentos_memory.resolution.outlines import FileOutline
from agentos_memory.resolution.program import Definition, Entity, Program


class UnreadModule(Entity):
    """A module of which only path and name are known; it turns into a read one by itself."""

    __slots__ = ()

    @property
    def names(self) -> dict[str, list[Definition]]:  # type: ignore[override]
        """The module's names; asking for them reads the file."""
        self.__class__ = Entity  # type: ignore[assignment]
        if self.read is not None:
            self.read(self)
        return self.names


class LazyProgram(Program):
    """All files by their outlines; `load` gives the facts of one by its path."""

    def __init__(
        self, outlines: Iterable[FileOutline], load: Callable[[str], FileAnalysis]
    ) -> None:
        super().__init__(())
        self._load = load
        self._paths_by_method: dict[str, list[str]] = defaultdict(list)
        for outline in sorted(outlines, key=lambda each: each.path):
            self.modules[outline.path] = self._unread(outline)
            for method in outline.methods.split():
                self._paths_by_method[method].append(outline.path)

    def entity(self, path: str, qualified_name: str) -> Entity:
        """The scope of that name, for which its file is read."""
        module = self.modules[path]
        return self.read(module).get(qualified_name) or module

    def read(self, module: Entity) -> dict[str, Entity]:
        """The scopes of a module, by name."""
        if module.symbol.path not in self.scopes:
            _ = module.names
        return self.scopes[module.symbol.path]

    def only_method(self, name: str, language: str) -> Entity | None:
        """The method of that name if all Python files have one between them."""
        paths = self._paths_by_method.get(name, ())
        if len(paths) != 1:
            return None
        scopes = self.read(self.modules[paths[0]]).values()
        return next(e for e in scopes if e.owner and e.is_function and e.symbol.name == name)

    def _unread(self, outline: FileOutline) -> Entity:
        name = outline.module.rpartition(".")[2]
        symbol = Symbol(outline.module, name, "module", outline.path, 1, 1, 1, "", "", None)
        facts = FileAnalysis(
            outline.path, "python", outline.module, "", 0, False, (symbol,),
            (), (), (), (), (), (),
        )  # fmt: skip
        module = Entity(symbol, facts, None, read=self._read_into)
        module.__class__ = UnreadModule
        return module

    def _read_into(self, module: Entity) -> None:
        module.analysis = self._load(module.symbol.path)
        module.symbol = module.analysis.symbols[0]
        self.add(module)
