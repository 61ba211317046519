"""Has memory index Lua: functions, methods of tables, variables, and who calls whom."""

from __future__ import annotations

from collections.abc import Sequence

from tree_sitter import Language as Grammar
from tree_sitter_lua import language

from agentos import hookimpl
from agentos_memory.languages import Call, Language, QueriedExtractor, Syntax

QUERY = """
(function_declaration name: (identifier) @name body: (block)? @body) @definition.function
(function_declaration
  name: (dot_index_expression table: (identifier) @owner field: (identifier) @name)
  body: (block)? @body) @definition.function
(function_declaration
  name: (method_index_expression table: (identifier) @owner method: (identifier) @name)
  body: (block)? @body) @definition.method
(chunk (variable_declaration
  (assignment_statement
    (variable_list name: (identifier) @name)
    (expression_list value: (function_definition body: (block)? @body))))
  @definition.function)
(chunk (variable_declaration
  (assignment_statement
    (variable_list name: (identifier) @name)
    (expression_list value: (table_constructor) @body)))
  @definition.class)
(function_call) @call
(comment) @comment
"""


def load_grammar() -> Grammar:
    """The grammar of Lua 5.1 to 5.4."""
    return Grammar(language())


SYNTAX = Syntax(
    query=QUERY,
    names=frozenset({"identifier"}),
    members={
        "dot_index_expression": ("table", "field"),
        "method_index_expression": ("table", "method"),
    },
    calls={"function_call": Call(name="name")},
    receivers={"self": "this"},
)

LUA = Language(
    name="lua",
    suffixes=(".lua",),
    load_grammar=load_grammar,
    extract=QueriedExtractor(SYNTAX, load_grammar),
    module_separator=":",
    dotted_modules=False,
    version="1",
)


@hookimpl
def register_languages() -> Sequence[Language]:
    return [LUA]
