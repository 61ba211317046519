"""Where the calls of some names stand in the files of a language.

The server is asked for the definition behind every call of a symbol's name; that needs no more of
its time than the files in which the name stands, where a search for references reads all. Above:
verified callers. Below: call sites.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.language_servers.call_sites import find_mentions
from agentos_memory.language_servers.client import Place
from agentos_memory.languages import find_language
from agentos_memory.work_files import read_file


def find_calls(
    root: Path, paths: Sequence[str], names: Collection[str], *, beside: str = ""
) -> list[Place]:
    """Every call of something that has one of `names`, in the files at `paths` as they are now.

    Only files in which `beside` stands too are looked at.
    """
    found = []
    for path in paths:
        language = find_language(path)
        content = read_file(root, path, max_bytes=MAX_FILE_BYTES) if language else None
        if language is None or not isinstance(content, bytes) or beside.encode() not in content:
            continue
        for mention in find_mentions(language, content, names):
            if mention.role == "call":
                found.append(Place(path, mention.line, mention.column))
    return found
