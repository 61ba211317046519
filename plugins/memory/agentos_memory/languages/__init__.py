"""The languages that are analysed; adding one means adding a declaration to `LANGUAGES`."""

from agentos_memory.languages.declaration import Extractor, Language
from agentos_memory.languages.python import PYTHON
from agentos_memory.languages.typescript import TYPESCRIPT

LANGUAGES: tuple[Language, ...] = (PYTHON, TYPESCRIPT)

__all__ = ["LANGUAGES", "Extractor", "Language", "find_language"]


def find_language(path: str, languages: tuple[Language, ...] = LANGUAGES) -> Language | None:
    """The language that claims the path's suffix, or None."""
    return next((each for each in languages if path.endswith(each.suffixes)), None)
