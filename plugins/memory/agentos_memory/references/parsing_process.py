"""The process in which untrusted files are read: `python -m agentos_memory.references.parsing_process`.

It gets a name by its arguments and the bytes by stdin, and answers one JSON document on stdout. It
opens no connection, writes no file and starts no program; time, memory and output are limited, and
a crash of a parser ends nothing else. Above: `parsing`. Below: the readers of formats.
"""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress
from typing import Any

import orjson

from agentos_memory.references.formats import read_document
from agentos_memory.references.sections import Document, Section, make_sections

_FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn",
              "os.spawn", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link",
              "os.symlink", "shutil.")  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


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
        return {"refused": "it holds no text"}
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


def limit_resources(memory_bytes: int, cpu_s: int) -> None:
    """What this process may use at most from now on; systems without a limit go without it."""
    for what, amount in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(OSError, ValueError):
            resource.setrlimit(what, (amount, amount))


def refuse_effects(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: whatever a file makes a parser do, it reads modules and nothing else."""
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"{event} is not allowed here")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
        raise PermissionError("writing files is not allowed here")


def main() -> None:
    """Answer one request: arguments are name, memory in bytes, CPU seconds."""
    name, memory_bytes, cpu_s = sys.argv[1:]
    # Whatever prints must not print into the answer.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    content = sys.stdin.buffer.read()
    limit_resources(int(memory_bytes), int(cpu_s))
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
