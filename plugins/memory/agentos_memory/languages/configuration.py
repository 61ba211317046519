"""Schemas and configuration: SQL, TOML, JSON, Dockerfiles, HCL. They give names to be found by.

What these files hold is data; nothing in them is called.
"""

from __future__ import annotations

import ctypes

import tree_sitter_dockerfile
import tree_sitter_hcl
import tree_sitter_json
import tree_sitter_sql
import tree_sitter_toml
from tree_sitter import Language as Grammar

from agentos_memory.languages.declaration import Language
from agentos_memory.languages.queried import QueriedExtractor
from agentos_memory.languages.syntax import Syntax, packaged_query

# Larger files of data are dumps and locks, whose text would bury the rest of an index.
MAX_DATA_BYTES = 256 * 1024


def load_sql_grammar() -> Grammar:
    """The grammar of SQL's wheel."""
    return Grammar(tree_sitter_sql.language())


def load_toml_grammar() -> Grammar:
    """The grammar of TOML's wheel."""
    return Grammar(tree_sitter_toml.language())


def load_json_grammar() -> Grammar:
    """The grammar of JSON's wheel."""
    return Grammar(tree_sitter_json.language())


def load_hcl_grammar() -> Grammar:
    """The grammar of HCL's wheel."""
    return Grammar(tree_sitter_hcl.language())


def load_dockerfile_grammar() -> Grammar:
    """The grammar of the Dockerfiles' wheel, which gives a bare address instead of a capsule."""
    address = tree_sitter_dockerfile.language()
    if not isinstance(address, int):
        return Grammar(address)
    wrap = ctypes.pythonapi.PyCapsule_New
    wrap.restype = ctypes.py_object
    wrap.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    return Grammar(wrap(address, b"tree_sitter.Language", None))


_HASH_COMMENTS = Syntax(query=packaged_query("toml"))

SQL = Language(
    name="sql",
    suffixes=(".sql",),
    load_grammar=load_sql_grammar,
    extract=QueriedExtractor(
        Syntax(
            query=packaged_query("sql"),
        ),
        load_sql_grammar,
    ),
    module_separator=":",
    dotted_modules=False,
)

TOML = Language(
    name="toml",
    suffixes=(".toml",),
    load_grammar=load_toml_grammar,
    extract=QueriedExtractor(_HASH_COMMENTS, load_toml_grammar),
    module_separator=":",
    dotted_modules=False,
    max_bytes=MAX_DATA_BYTES,
)

JSON = Language(
    name="json",
    suffixes=(".json", ".jsonc"),
    load_grammar=load_json_grammar,
    extract=QueriedExtractor(Syntax(query=packaged_query("json")), load_json_grammar),
    module_separator=":",
    dotted_modules=False,
    max_bytes=MAX_DATA_BYTES,
)

DOCKERFILE = Language(
    name="dockerfile",
    suffixes=("Dockerfile", ".dockerfile", "Containerfile"),
    load_grammar=load_dockerfile_grammar,
    extract=QueriedExtractor(Syntax(query=packaged_query("dockerfile")), load_dockerfile_grammar),
    module_separator=":",
    dotted_modules=False,
)

HCL = Language(
    name="hcl",
    suffixes=(".tf", ".tfvars", ".hcl"),
    load_grammar=load_hcl_grammar,
    extract=QueriedExtractor(Syntax(query=packaged_query("hcl")), load_hcl_grammar),
    module_separator=":",
    dotted_modules=False,
)
