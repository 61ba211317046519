"""Ruby: classes and modules that are reopened, mixins, `require_relative`."""

from __future__ import annotations

from collections.abc import Iterator

import tree_sitter_ruby
from tree_sitter import Language as Grammar
from tree_sitter import Node

from agentos_memory.expressions import Attribute, Expression, Name
from agentos_memory.languages.declaration import Language
from agentos_memory.languages.nodes import node_text
from agentos_memory.languages.queried import QueriedExtractor
from agentos_memory.languages.syntax import Call, ImportParts, Syntax, packaged_query
from agentos_memory.languages.written_types import dotted

MAX_PATH_CHARS = 200


def read_imports(node: Node) -> Iterator[ImportParts]:
    """`require_relative "x"` as everything of that file."""
    arguments = node.child_by_field_name("arguments")
    first = arguments.named_children[0] if arguments and arguments.named_children else None
    if first is not None and first.type == "string" and first.named_child_count == 1:
        yield node_text(first.named_children[0]), "*", "*", 0


def read_special(node: Node) -> Expression | None:
    """Instance variables as attributes of the receiver, and paths of constants."""
    if node.type == "instance_variable":
        return Attribute(Name("this"), node_text(node))
    if node.type == "scope_resolution":
        text = node_text(node)
        return dotted(text.removeprefix("::")) if len(text) < MAX_PATH_CHARS else None
    return None


def load_grammar() -> Grammar:
    """The grammar of the wheel."""
    return Grammar(tree_sitter_ruby.language())


SYNTAX = Syntax(
    query=packaged_query("ruby"),
    names=frozenset({"identifier", "constant"}),
    calls={
        "call": Call("method", "receiver"),
        "identifier": Call(""),
        "super": Call(""),
    },
    receivers={"self": "this", "super": "super"},
    created_by="new",
    field_sigil=":",
    repeats_super=True,
    has_bare_calls=True,
    marks_calls=True,
    read_imports=read_imports,
    read_special=read_special,
)

RUBY = Language(
    name="ruby",
    suffixes=(".rb", ".rake", ".gemspec", "Rakefile", "Gemfile"),
    load_grammar=load_grammar,
    extract=QueriedExtractor(SYNTAX, load_grammar),
    module_separator=":",
    dotted_modules=False,
    imports="declared",
)
