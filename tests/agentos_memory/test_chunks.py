"""How a file is cut for retrieval."""

from __future__ import annotations

import re
import time
from itertools import islice
from textwrap import dedent

from agentos_memory.chunk_records import chunk_texts, decode_chunks, encode_chunks
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


def test_equal_digests_mean_equal_texts_to_embed() -> None:
    moved = "# one line more\n" + SOURCE
    before, after = chunks_of(SOURCE), chunks_of(moved)
    assert before[2].start_line + 1 == after[2].start_line
    assert (before[2].digest, before[2].embed_text) == (after[2].digest, after[2].embed_text)
    changed = chunks_of(SOURCE.replace("return key", "return None"))
    assert changed[2].digest != before[2].digest
    assert changed[2].name_digest == before[2].name_digest
    for chunk in before:
        assert chunk.embed_text.startswith(chunk.name_text)
        assert chunk.name_text.startswith("store")


def test_a_chunk_says_what_its_file_imports() -> None:
    for chunk in chunks_of(SOURCE):
        assert chunk.imports == ("os",)


def test_stored_chunks_are_what_was_stored_and_give_the_same_texts() -> None:
    chunks = chunks_of(SOURCE)
    stored = decode_chunks("store.py", encode_chunks(chunks))
    assert stored.digests == [chunk.digest for chunk in chunks]
    assert stored.gaps == [chunk.gaps for chunk in chunks]
    assert stored.imports == ["os"]
    assert [stored.symbols[owner].qualified_name for owner in stored.owners] == [
        chunk.qualified_name for chunk in chunks
    ]
    assert stored.lines == [(chunk.start_line, chunk.end_line) for chunk in chunks]
    texts = chunk_texts(SOURCE.encode(), stored)
    for chunk in chunks:
        assert texts[chunk.digest] == chunk.embed_text
        assert texts[chunk.name_digest] == chunk.name_text


def test_every_identifier_of_name_class_path_signature_and_body_is_stored_in_order() -> None:
    chunks = chunks_of(SOURCE.replace("Keeps things.", "Keeps größe_1, naïvely: \u4e2d\u6587 x.y."))
    stored = decode_chunks("store.py", encode_chunks(chunks))
    words = iter([stored.identifiers[token] for token in stored.tokens])
    fields = [list(islice(words, size)) for size in stored.sizes]
    owners = ["", "Store", "Store", "", ""]
    assert fields == [
        re.findall(r"\w+", text)
        for chunk, owner in zip(chunks, owners, strict=True)
        for text in (chunk.name, owner, chunk.path, chunk.signature, chunk.body)
    ]
    assert "größe_1" in stored.identifiers


def test_a_file_without_chunks_can_be_stored() -> None:
    assert decode_chunks("a.py", encode_chunks([])).owners == []


def test_parts_of_a_long_function_have_one_owner_and_overloads_have_not() -> None:
    body = "".join(f"    call({n})\n" for n in range(200))
    overload = "def over(key):\n    return 1\n"
    chunks = chunks_of(f"def long():\n{body}{overload}\n{overload}")
    stored = decode_chunks("store.py", encode_chunks(chunks))
    names = [(stored.symbols[owner].name, owner) for owner in stored.owners]
    assert names == [("long", 0), ("long", 0), ("over", 1), ("over", 2)]


def test_a_file_of_ten_thousand_methods_is_cut_in_no_time() -> None:
    """Looking at every line of a class for each of its methods would take minutes."""
    methods = "".join(f"    def m{n}(self):\n        return {n}\n" for n in range(10_000))
    started = time.thread_time()
    found = chunks_of(f"class Big:\n{methods}")
    assert len(found) == 10_001
    # Analysing alone takes about a second; the quadratic way took a hundred.
    assert time.thread_time() - started < 20
