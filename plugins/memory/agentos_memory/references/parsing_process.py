"""The process in which untrusted files are read: `python -m agentos_memory.references.parsing_process`.

It gets a name by its arguments and the bytes by stdin, and answers one JSON document on stdout. It
opens no connection, writes no file and starts no program; time, memory and output are limited, and
a crash of a parser ends nothing else. Above: `parsing`. Below: the readers of formats.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import orjson

from agentos_memory.process_limits import limit_resources, refuse_effects
from agentos_memory.references.formats import read_document
from agentos_memory.references.sections import Document, Section, make_sections


def answer(name: str, content: bytes) -> dict[str, Any]:
    """The sections, or under `refused` why there are none."""
    try:
        document = read_document(name, content)
        sections = make_sections(document)
    except (ValueError, RecursionError) as error:
        deep = "it is nested deeper than can be read"
        return {"refused": deep if isinstance(error, RecursionError) else str(error)}
    except MemoryError:
        return {"exceeded": "memory"}
    if not sections:
        return {"refused": "; ".join(["it holds no text", *document.notices[:2]])}
    return _answered(document, sections)


def _answered(document: Document, sections: list[Section]) -> dict[str, Any]:
    return {
        "format": document.format,
        "title": document.title,
        "name": document.name,
        "notices": document.notices,
        "sections": [
            [s.fragment, s.title, s.headings, s.text, s.summary, s.start_line, s.end_line, s.page,
             s.path]
            for s in sections
        ],
    }  # fmt: skip


def main() -> None:
    """Answer one request: arguments are name, memory in bytes, CPU seconds."""
    name, memory_bytes, cpu_s = sys.argv[1:]
    # Whatever prints must not print into the answer.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    content = sys.stdin.buffer.read()
    limit_resources(memory_bytes=int(memory_bytes), cpu_s=int(cpu_s))
    sys.addaudithook(refuse_effects)
    try:
        found = orjson.dumps(answer(name, content))
    except MemoryError:
        found = b'{"exceeded":"memory"}'
    except (TypeError, UnicodeError):
        found = b'{"refused":"its text is not valid Unicode"}'
    out.write(found)
    out.flush()


if __name__ == "__main__":
    main()
