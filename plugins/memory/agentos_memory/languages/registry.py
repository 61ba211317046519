"""The languages in use: those that ship, and those that plugins register.

One set for the process, since the analysis of a file must not depend on who asks; a process that
analyses for another one is given the same set. Above: everything that reads files. Below: the
declarations.
"""

from __future__ import annotations

import hashlib
import inspect
import pickle
from collections.abc import Iterable, Sequence
from pathlib import Path

from agentos_memory.languages.declaration import Language


class Languages:
    """Languages by the suffix that they claim; the longest suffix that fits decides."""

    def __init__(self, shipped: Sequence[Language]) -> None:
        self.shipped = tuple(shipped)
        self.registered: tuple[Language, ...] = ()
        self._by_suffix: dict[str, Language] = {}
        self.use(())

    @property
    def all(self) -> tuple[Language, ...]:
        """Every language in use."""
        return (*self.shipped, *self.registered)

    def use(self, registered: Iterable[Language]) -> None:
        """Analyse these languages beside the shipped ones, and no others.

        Raises ValueError for a name or a suffix that is claimed twice, and for a declaration
        that another process could not be given.
        """
        added = tuple(registered)
        by_suffix = {suffix: each for each in self.shipped for suffix in each.suffixes}
        names = {each.name for each in self.shipped}
        for language in added:
            if language.name in names:
                raise ValueError(f"two languages are called {language.name!r}")
            names.add(language.name)
            for suffix in language.suffixes:
                if suffix in by_suffix:
                    other = by_suffix[suffix].name
                    raise ValueError(
                        f"the languages {other!r} and {language.name!r} both claim {suffix!r}"
                    )
                by_suffix[suffix] = language
        self.version = _version(added)
        self.registered = added
        self._by_suffix = by_suffix

    def find(self, path: str) -> Language | None:
        """The language that claims the path, or None."""
        name = path.rpartition("/")[2]
        # From the whole name on, so that package.json comes before .json.
        for start in range(len(name)):
            language = self._by_suffix.get(name[start:])
            if language is not None:
                return language
        return None

    def packed(self) -> bytes:
        """The registered languages by reference, for `unpack` in another process."""
        return pickle.dumps(self.registered)

    def unpack(self, packed: bytes) -> None:
        """Use what `packed` gave in the process that started this one."""
        self.use(pickle.loads(packed))


def _version(languages: Sequence[Language]) -> str:
    """Stands for everything that registered languages extract; "" without any."""
    if not languages:
        return ""
    digest = hashlib.sha256()
    for language in languages:
        try:
            digest.update(pickle.dumps(language))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ValueError(
                f"the language {language.name!r} must be made of what a module defines at its"
                f" top level, so that another process can import it: {error}"
            ) from error
        digest.update(language.version.encode())
        for made_by in (language.load_grammar, language.extract):
            digest.update(_source_of(made_by))
    return digest.hexdigest()


def _source_of(value: object) -> bytes:
    """The text of the module that defines a function, or a callable object's class."""
    defined = value if inspect.isfunction(value) else type(value)
    try:
        path = inspect.getsourcefile(defined)
        return Path(path).read_bytes() if path is not None else b""
    except (OSError, TypeError):
        return b""
