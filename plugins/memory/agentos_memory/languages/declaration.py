"""What a language declares to be analysed: name, suffixes, grammar, extractor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tree_sitter import Language as Grammar
from tree_sitter import Node

from agentos_memory.languages.collector import FactCollector

# Fills the collector from the root node of a parsed file.
Extractor = Callable[[Node, FactCollector], None]


@dataclass(frozen=True, slots=True)
class Language:
    """One language: which files it claims, how they are parsed, and who extracts their facts.

    `load_grammar` is called once, at the first file. `module_separator` stands between the
    module and a top-level name in qualified names. `dotted_modules` says that modules are named
    by dotted package paths; otherwise a module is named by its path. `imports` names the family
    in `resolution.modules.RESOLVERS` that follows its imports. Files over `max_bytes` are skipped.
    A plugin changes `version` when it extracts otherwise, so that stored facts are made again.
    All of it must be importable by another process: functions at the top level of a module.
    """

    name: str
    suffixes: tuple[str, ...]
    load_grammar: Callable[[], Grammar]
    extract: Extractor
    module_separator: str
    dotted_modules: bool
    imports: str = "none"
    max_bytes: int = 1024 * 1024
    require_parsable: Callable[[bytes], None] | None = None
    """Raises RecursionError for a source that the grammar's own code would not survive."""
    mend: Callable[[bytes], bytes] | None = None
    """Writes otherwise, and as long, what the grammar lacks; asked where it finds errors."""
    load_second_grammar: Callable[[], Grammar] | None = None
    """The grammar to try where the first one finds errors."""
    version: str = ""
