"""The chunks of one file as they are stored: names, lines, digests and identifiers, no text.

One blob per file. Texts are cut from the file again where they are needed, since lines and the
file's digest say which. Above: the index run, which encodes, shards and the embedding queue.
Below: chunks. Imports nothing heavy, since processes that only read files encode.
"""

from __future__ import annotations

import re
import struct
import zlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from agentos_memory.chunks import Chunk, chunk_text, source_lines
from agentos_memory.vector_texts import body_text, name_text

FIELDS = ("name", "class", "path", "signature", "body")
"""What is searched of a chunk, in the order of its identifiers."""

_DIGEST_CHARS = 64
_IDENTIFIERS = re.compile(r"\w+").findall
# Bytes of the five parts: JSON, identifiers, digests, sizes, tokens.
_HEAD = struct.Struct("<IIIII")


@dataclass(frozen=True, slots=True)
class Named:
    """What chunks are of; several chunks may be of one definition."""

    qualified_name: str
    name: str
    kind: str
    signature: str


@dataclass(frozen=True, slots=True)
class FileChunks:
    """The stored chunks of the file at `path`, in line order.

    `owners` [n] indexes `symbols`; `lines` [n] are first and last. `gaps` [n] are the lines that a
    chunk leaves to others, first and last of each: methods of a class. `imports` are what the
    file imports, dotted. `tokens` number `identifiers` in order of occurrence; `sizes`
    [n * fields] says how many each field of each chunk has.
    """

    path: str
    symbols: Sequence[Named]
    owners: Sequence[int]
    lines: Sequence[tuple[int, int]]
    gaps: Sequence[Sequence[tuple[int, int]]]
    imports: Sequence[str]
    digests: Sequence[str]
    name_digests: Sequence[str]
    identifiers: Sequence[str]
    sizes: array[int]
    tokens: array[int]


def file_chunks(path: str, chunks: Sequence[Chunk]) -> FileChunks:
    """What is stored of the chunks of one file in line order."""
    symbols, owners = _owners(chunks)
    numbers: dict[str, int] = {}
    sizes, tokens = array("I"), array("I")
    for chunk in chunks:
        for text in _texts(chunk):
            found = _IDENTIFIERS(text)
            sizes.append(len(found))
            tokens.extend([numbers.setdefault(word, len(numbers)) for word in found])
    return FileChunks(
        path,
        symbols,
        owners,
        [(chunk.start_line, chunk.end_line) for chunk in chunks],
        [chunk.gaps for chunk in chunks],
        list(dict.fromkeys(name for chunk in chunks for name in chunk.imports)),
        [chunk.digest for chunk in chunks],
        [chunk.name_digest for chunk in chunks],
        list(numbers),
        sizes,
        tokens,
    )


def encode_chunks(chunks: Sequence[Chunk]) -> bytes:
    """The blob of one file's chunks; equal chunks give equal bytes."""
    stored = file_chunks(chunks[0].path if chunks else "", chunks)
    symbols = [[s.qualified_name, s.name, s.kind, s.signature] for s in stored.symbols]
    parts = (
        orjson.dumps([symbols, stored.owners, stored.lines, stored.gaps, stored.imports]),
        "\n".join(stored.identifiers).encode("utf-8", "replace"),
        bytes.fromhex("".join([*stored.digests, *stored.name_digests])),
        stored.sizes.tobytes(),
        stored.tokens.tobytes(),
    )
    return zlib.compress(_HEAD.pack(*map(len, parts)) + b"".join(parts), 1)


def decode_chunks(path: str, blob: bytes) -> FileChunks:
    """What `encode_chunks` stored of the file at `path`."""
    raw = zlib.decompress(blob)
    parts = []
    start = _HEAD.size
    for size in _HEAD.unpack_from(raw):
        parts.append(raw[start : start + size])
        start += size
    meta, identifiers, digests, sizes, tokens = parts
    symbols, owners, lines, gaps, imports = orjson.loads(meta)
    spelled = digests.hex()
    each = [spelled[at : at + _DIGEST_CHARS] for at in range(0, len(spelled), _DIGEST_CHARS)]
    return FileChunks(
        path,
        [Named(*symbol) for symbol in symbols],
        owners,
        [(start, end) for start, end in lines],
        [tuple((start, end) for start, end in each) for each in gaps],
        imports,
        each[: len(owners)],
        each[len(owners) :],
        identifiers.decode().split("\n") if identifiers else [],
        array("I", sizes),
        array("I", tokens),
    )


def chunk_texts(
    content: bytes, stored: FileChunks, *, prepare: Callable[[str], str] | None = None
) -> dict[str, str]:
    """The texts to embed, by digest, of a file whose bytes are still what was stored.

    `prepare` sees each body before it is split into words.
    """
    lines = source_lines(content)
    texts: dict[str, str] = {}
    for position, owner in enumerate(stored.owners):
        symbol, (start, end) = stored.symbols[owner], stored.lines[position]
        body = chunk_text(lines, start, end, stored.gaps[position]) or symbol.signature
        if prepare is not None:
            body = prepare(body)
        texts[stored.digests[position]] = body_text(stored.path, symbol.qualified_name, body)
        texts[stored.name_digests[position]] = name_text(stored.path, symbol.qualified_name)
    return texts


def _owners(chunks: Sequence[Chunk]) -> tuple[list[Named], list[int]]:
    """What each chunk is of. Overloads share a name without being one definition."""
    symbols: list[Named] = []
    owners: list[int] = []
    module, end = -1, 0
    for chunk in chunks:
        named = Named(chunk.qualified_name, chunk.name, chunk.kind, chunk.signature)
        is_module = chunk.kind == "module"
        if is_module and module >= 0:
            owners.append(module)
        elif owners and symbols[owners[-1]] == named and chunk.start_line == end + 1:
            owners.append(owners[-1])
        else:
            symbols.append(named)
            owners.append(len(symbols) - 1)
            module = owners[-1] if is_module else module
        end = chunk.end_line
    return symbols, owners


def _texts(chunk: Chunk) -> tuple[str, ...]:
    """The chunk's fields in the order of FIELDS."""
    return chunk.name, _class_of(chunk), chunk.path, chunk.signature, chunk.body


def _class_of(chunk: Chunk) -> str:
    """The class that a chunk is about: its own name, or that of its method's class."""
    if chunk.kind in ("class", "interface"):
        return chunk.name
    if chunk.kind != "method":
        return ""
    owner = chunk.qualified_name.rpartition(".")[0]
    return owner.rpartition(":")[2].rpartition(".")[2]
