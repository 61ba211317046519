"""How a file is cut for retrieval."""

from __future__ import annotations

import hashlib
from textwrap import dedent

from agentos_memory.chunks import MAX_CHUNK_LINES, Chunk, chunk_file
from tests.agentos_memory.sources import analyse

SOURCE = '''\
import os

TABLE = {}


class Store:
    """Keeps things."""

    size: int = 0

    def put(self, key):
        """Put one."""
        def check():
            return key
        return check()

    limit = 9


def main():
    return Store()


if os.name:
    main()
'''


def chunks_of(source: str) -> list[Chunk]:
    return chunk_file(analyse("store.py", source), dedent(source).encode())


def test_a_file_is_cut_into_preamble_class_head_methods_functions_and_the_rest() -> None:
    found = [(c.kind, c.qualified_name, c.start_line, c.end_line) for c in chunks_of(SOURCE)]
    assert found == [
        ("module", "store", 1, 5),
        ("class", "store.Store", 6, 17),
        ("method", "store.Store.put", 11, 15),
        ("function", "store.main", 20, 21),
        ("module", "store", 22, 25),
    ]


def test_a_class_chunk_holds_attributes_and_docstring_but_no_method_body() -> None:
    (head,) = [c for c in chunks_of(SOURCE) if c.kind == "class"]
    assert "size: int = 0" in head.body
    assert "limit = 9" in head.body
    assert "def put" not in head.body
    assert head.docstring == "Keeps things."


def test_a_nested_function_stays_inside_its_function() -> None:
    (method,) = [c for c in chunks_of(SOURCE) if c.kind == "method"]
    assert "def check" in method.body
    assert method.signature == "def put(self, key)"


def test_long_functions_are_cut_between_statements() -> None:
    body = "".join(f"    call(\n        {n},\n    )\n" for n in range(100))
    parts = [c for c in chunks_of(f"def long():\n{body}") if c.kind == "function"]
    assert len(parts) == 3
    assert all(part.end_line - part.start_line < MAX_CHUNK_LINES for part in parts)
    assert all(part.body.splitlines()[0] == "    call(" for part in parts[1:])
    assert [p.start_line for p in parts[1:]] == [p.end_line + 1 for p in parts[:-1]]


def test_a_single_huge_statement_is_cut_all_the_same() -> None:
    table = "".join(f"# {n}\n" for n in range(500))
    parts = chunks_of(f'TEXT = """\n{table}"""\n')
    assert all(part.end_line - part.start_line < MAX_CHUNK_LINES for part in parts)
    assert "\n".join(part.body for part in parts) == f'TEXT = """\n{table}"""'


def test_the_digest_is_of_the_text_that_is_embedded() -> None:
    for chunk in chunks_of(SOURCE):
        assert chunk.digest == hashlib.sha256(chunk.embed_text.encode()).hexdigest()
        assert chunk.name_digest == hashlib.sha256(chunk.name_text.encode()).hexdigest()
        assert chunk.embed_text.startswith(chunk.name_text)
        assert chunk.name_text.startswith("store")
