"""The chunks of one file as they are stored: names, lines, digests and identifiers, no text.

One blob per file. Texts are cut from the file again where they are needed, since lines and the
file's digest say which. Above: the index run, which encodes, shards and the embedding queue.
Below: chunks. Imports nothing heavy, since processes that only read files encode.
"""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import orjson

from agentos_memory.chunks import Chunk, chunk_text, source_lines
from agentos_memory.compression import compress, decompress
from agentos_memory.vector_texts import body_text, name_text

FIELDS = ("name", "class", "path", "signature", "body")
"""What is searched of a chunk, in the order of its identifiers."""
NAMING_FIELDS = FIELDS[:3]
"""What says where a chunk is and what it is called."""

_DIGEST_CHARS = 64
_IDENTIFIERS = re.compile(r"\w+").findall
# The same for ASCII alone, a third of the time: all that is no part of an identifier is a space.
_SEPARATED = bytes(n if chr(n).isalnum() or n == ord("_") else ord(" ") for n in range(128)).ljust(
    256
)
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


def encode_chunks(chunks: Sequence[Chunk]) -> bytes:
    """The blob of one file's chunks; equal chunks give equal bytes."""
    symbols, owners = _owners(chunks)
    numbers = _Numbers()
    sizes, tokens = _numbered(chunks, numbers)
    meta = [
        [[s.qualified_name, s.name, s.kind, s.signature] for s in symbols],
        owners,
        [(chunk.start_line, chunk.end_line) for chunk in chunks],
        [chunk.gaps for chunk in chunks],
        _distinct([chunk.imports for chunk in chunks]),
    ]
    digests = [chunk.digest for chunk in chunks] + [chunk.name_digest for chunk in chunks]
    parts = (
        orjson.dumps(meta),
        b"\n".join(numbers),
        bytes.fromhex("".join(digests)),
        sizes.tobytes(),
        tokens.tobytes(),
    )
    return compress(_HEAD.pack(*map(len, parts)) + b"".join(parts))


def decode_chunks(path: str, blob: bytes) -> FileChunks:
    """What `encode_chunks` stored of the file at `path`."""
    raw = decompress(blob)
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


class _Numbers(dict[bytes, int]):
    """A number for each identifier, in order of occurrence."""

    def __missing__(self, identifier: bytes) -> int:
        number = self[identifier] = len(self)
        return number


def _numbered(chunks: Sequence[Chunk], numbers: _Numbers) -> tuple[array[int], array[int]]:
    """How many identifiers each field of each chunk has, and the number of each of them."""
    sizes, tokens = array("I"), array("I")
    number = numbers.__getitem__
    # Most fields but the body stand in several chunks: path, class, a part's name and signature.
    short: dict[str, list[int]] = {}
    for chunk in chunks:
        for text in (chunk.name, _class_of(chunk), chunk.path, chunk.signature):
            found = short.get(text)
            if found is None:
                found = short[text] = list(map(number, _identifiers(text)))
            sizes.append(len(found))
            tokens.extend(found)
        words = _identifiers(chunk.body)
        sizes.append(len(words))
        tokens.extend(map(number, words))
    return sizes, tokens


def _identifiers(text: str) -> list[bytes]:
    if text.isascii():
        return text.encode().translate(_SEPARATED).split()
    return [identifier.encode("utf-8", "replace") for identifier in _IDENTIFIERS(text)]


def _distinct(imports: Iterable[tuple[str, ...]]) -> list[str]:
    """The names in order; chunks of one scope import the same."""
    return list(dict.fromkeys(name for names in dict.fromkeys(imports) for name in names))


def _class_of(chunk: Chunk) -> str:
    """The class that a chunk is about: its own name, or that of its method's class."""
    if chunk.kind in ("class", "interface"):
        return chunk.name
    if chunk.kind != "method":
        return ""
    owner = chunk.qualified_name.rpartition(".")[0]
    return owner.rpartition(":")[2].rpartition(".")[2]
