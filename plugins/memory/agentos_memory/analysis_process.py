"""The process in which large runs analyse and resolve: `python -m agentos_memory.analysis_process`.

It keeps the interpreter of the server free for other calls, gives its memory back when the run
ends, runs without garbage collection (nothing here is cyclic, and half a million live objects make
each collection slow), and takes a crash of a parser with it instead of the server. It reads frames
from stdin, answers on stdout, and ends with its input. Above: `analysts`. Below: a session.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
from pathlib import Path
from typing import IO, Any

from agentos_memory.analysis_session import AnalysisSession, StoredFacts
from agentos_memory.file_contents import FileContent
from agentos_memory.frames import Frame, pack_frame, read_frame
from agentos_memory.languages import IN_USE
from agentos_memory.model import SkippedFile

_RELATIONS_PER_FRAME = 500


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer the requests of one run until they end; the first one opens the session."""
    opening = read_frame(requests)
    if opening is None:
        return
    (root, package_dirs), (languages,) = opening
    IN_USE.unpack(languages)
    session = AnalysisSession(Path(root), frozenset(package_dirs))
    while (frame := read_frame(requests)) is not None:
        for answer in _answers(session, frame):
            answers.write(answer)
            # One file at a time, so that after a crash the first unanswered one is to blame.
            answers.flush()


def _answers(session: AnalysisSession, frame: Frame) -> Any:
    (what, paths), blobs = frame
    if what == "analyse":
        for path in paths:
            yield _analysed(session.analyse(path))
    elif what == "recall":
        for path, facts, symbols in zip(paths, blobs[::2], blobs[1::2], strict=True):
            session.recall(StoredFacts(path, facts, symbols))
    elif what == "resolve":
        relations = session.resolve()
        for start in range(0, len(relations), _RELATIONS_PER_FRAME):
            step = relations[start : start + _RELATIONS_PER_FRAME]
            yield pack_frame(
                ["relations", [[each.path, each.digest, each.edge_count] for each in step]],
                [each.stored for each in step],
            )
        yield pack_frame(["resolved", _usage()])


def _analysed(found: FileContent | SkippedFile) -> bytes:
    if isinstance(found, SkippedFile):
        return pack_frame(["skipped", [found.path, found.reason, found.detail]])
    plain = [
        found.path, found.module, found.sha256, found.line_count, found.symbol_count,
        found.chunk_count,
    ]  # fmt: skip
    optional = [found.facts, found.outline]
    has = [blob is not None for blob in optional]
    blobs = [found.symbols, found.chunks, *[blob for blob in optional if blob is not None]]
    return pack_frame(["content", [plain, has]], blobs)


def _usage() -> list[float]:
    """CPU seconds of this process, and the most memory it held, in bytes."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return [used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]


def main() -> None:
    """Serve the process that started this one."""
    gc.disable()
    # Whatever prints must not print between frames.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
