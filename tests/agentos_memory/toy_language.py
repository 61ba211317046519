"""A plugin that has files of a language of its own read by the grammar of another one."""

from __future__ import annotations

from collections.abc import Sequence

import tree_sitter_json
from tree_sitter import Language as Grammar

from agentos import hookimpl
from agentos_memory.languages import Language, QueriedExtractor, Syntax


def load_grammar() -> Grammar:
    """The grammar that reads notebooks of recipes."""
    return Grammar(tree_sitter_json.language())


RECIPES = Language(
    name="recipes",
    suffixes=(".recipes",),
    load_grammar=load_grammar,
    extract=QueriedExtractor(
        Syntax(
            query="(document (object (pair key: (_) @name value: (_) @body) @definition.function))"
        ),
        load_grammar,
    ),
    module_separator=":",
    dotted_modules=False,
)


class RecipesPlugin:
    """Adds the language."""

    @hookimpl
    def register_languages(self) -> Sequence[Language]:
        return [RECIPES]
