"""Shell scripts for Bash: functions, commands, `source`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import tree_sitter_bash
from tree_sitter import Language as Grammar
from tree_sitter import Node

from agentos_memory.languages.declaration import Language
from agentos_memory.languages.nodes import node_text
from agentos_memory.languages.queried import QueriedExtractor
from agentos_memory.languages.syntax import Call, ImportParts, Syntax, packaged_query

# "$(dirname "$0")/x.sh" and "$HERE/x.sh": what comes before the last expansion is some folder.
_PREFIX = re.compile(r"^.*[)}]/|^\$\w+/")


def read_imports(node: Node) -> Iterator[ImportParts]:
    """`source x.sh` as everything of that file; a leading `*/` stands for an unknown folder."""
    argument = node.child_by_field_name("argument")
    if argument is None:
        return
    text = node_text(argument).replace('"', "").replace("'", "")
    path = _PREFIX.sub("*/", text)
    if "$" not in path and path:
        yield path, "*", "*", 0


def load_grammar() -> Grammar:
    """The grammar of the wheel."""
    return Grammar(tree_sitter_bash.language())


SYNTAX = Syntax(
    query=packaged_query("bash"),
    names=frozenset({"word"}),
    calls={"command": Call("name")},
    wrappers=frozenset({"command_name"}),
    read_imports=read_imports,
)

BASH = Language(
    name="bash",
    suffixes=(".sh", ".bash", ".bats", ".bashrc", ".bash_profile"),
    load_grammar=load_grammar,
    extract=QueriedExtractor(SYNTAX, load_grammar),
    module_separator=":",
    dotted_modules=False,
    imports="declared",
)
