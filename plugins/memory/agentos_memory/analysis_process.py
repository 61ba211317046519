"""The process in which files of repositories are read: `python -m agentos_memory.analysis_process`.

It keeps the interpreter of the server free for other calls, gives its memory back when it ends,
runs without garbage collection (nothing here is cyclic, and half a million live objects make each
collection slow), and takes a crash of a parser with it instead of the server. Each file has a
budget; at one that exceeds it this process ends. It opens no connection, writes no file and starts
no program. It reads frames from stdin, answers on stdout, and ends with its input. Above:
`workers`. Below: a session, extractors of knowledge.
"""

from __future__ import annotations

import gc
import os
import pickle
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeAlias

from agentos_memory.analysis_session import AnalysisSession, StoredFacts
from agentos_memory.file_contents import FileContent
from agentos_memory.frames import pack_frame, read_frame
from agentos_memory.languages import IN_USE
from agentos_memory.model import SkippedFile
from agentos_memory.process_limits import Budget, limit_resources, peak_bytes, refuse_effects

_RELATIONS_PER_FRAME = 500
# What belongs to no single file: decoding and resolving those of a whole repository.
WHOLE_CPU_S = 1_800.0
WHOLE_MEMORY_BYTES = 6 * 1024 * 1024 * 1024

_Answers: TypeAlias = Iterator[bytes]


class _Requests:
    """What this process can be asked, in the order of one session."""

    def __init__(self) -> None:
        self._session = AnalysisSession(Path(), frozenset())
        self._file = Budget(cpu_s=WHOLE_CPU_S, memory_bytes=WHOLE_MEMORY_BYTES)
        self._whole = Budget(cpu_s=WHOLE_CPU_S, memory_bytes=WHOLE_MEMORY_BYTES)
        self._extractors: Sequence[Callable[..., Any]] = ()
        self._cpu_s_before = 0.0

    def usage(self) -> list[float]:
        """CPU seconds since the session began, and the most memory ever held, in bytes."""
        return [_cpu_s() - self._cpu_s_before, peak_bytes()]

    def open(self, about: Any, blobs: Sequence[bytes]) -> _Answers:
        """A new session for a root, with package folders and the budget of a file."""
        root, package_dirs, cpu_s, memory_bytes = about
        self._cpu_s_before = _cpu_s()
        self._session = AnalysisSession(Path(root), frozenset(package_dirs))
        gc.collect()
        IN_USE.unpack(blobs[0])
        self._file.close()
        self._file = Budget(cpu_s=cpu_s, memory_bytes=memory_bytes)
        yield from ()

    def analyse(self, paths: Sequence[str], blobs: Sequence[bytes]) -> _Answers:
        """Files of the root, kept for `resolve`."""
        for path in paths:
            yield self._analysed(path, partial(self._session.analyse, path))

    def read(self, paths: Sequence[str], blobs: Sequence[bytes]) -> _Answers:
        """Files with the contents that are given."""
        for path, source in zip(paths, blobs, strict=True):
            yield self._analysed(path, partial(self._session.read, path, source))

    def recall(self, paths: Sequence[str], blobs: Sequence[bytes]) -> _Answers:
        """Facts of files as they are stored."""
        with self._whole:
            for path, facts, symbols in zip(paths, blobs[::2], blobs[1::2], strict=True):
                self._session.recall(StoredFacts(path, facts, symbols))
        yield from ()

    def resolve(self, about: Any, blobs: Sequence[bytes]) -> _Answers:
        """The relations of all files that were analysed or recalled."""
        with self._whole:
            relations = self._session.resolve()
            for start in range(0, len(relations), _RELATIONS_PER_FRAME):
                step = relations[start : start + _RELATIONS_PER_FRAME]
                yield pack_frame(
                    ["relations", [[each.path, each.digest, each.edge_count] for each in step]],
                    [each.stored for each in step],
                )

    def extractors(self, about: Any, blobs: Sequence[bytes]) -> _Answers:
        """The extractors of knowledge that `extract` runs, by their numbers."""
        self._extractors = pickle.loads(blobs[0])
        yield from ()

    def extract(self, files: Sequence[Any], blobs: Sequence[bytes]) -> _Answers:
        """Knowledge of files with the contents that are given; each names its extractors."""
        # Most sessions never come here.
        from agentos_memory.knowledge.file_extraction import extract_file

        for (path, numbers), content in zip(files, blobs, strict=True):
            with self._file:
                chosen = [self._extractors[number] for number in numbers]
                counts, stored = extract_file(path, content, chosen)
                yield pack_frame(["extracted", counts], [] if stored is None else [stored])

    def _analysed(self, path: str, work: Callable[[], FileContent | SkippedFile]) -> bytes:
        try:
            with self._file:
                return _packed(work())
        except MemoryError:
            return _packed(SkippedFile(path, "too_costly", "it took too much memory"))


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until they end."""
    served = _Requests()
    known = {
        "open": served.open, "analyse": served.analyse, "read": served.read,
        "recall": served.recall, "resolve": served.resolve, "extractors": served.extractors,
        "extract": served.extract,
    }  # fmt: skip
    while (frame := read_frame(requests)) is not None:
        (what, about), blobs = frame
        for answer in known[what](about, blobs):
            answers.write(answer)
            # One file at a time, so that after a crash the first unanswered one is to blame.
            answers.flush()
        answers.write(pack_frame(["done", served.usage()]))
        answers.flush()


def _packed(found: FileContent | SkippedFile) -> bytes:
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


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Serve the process that started this one; by how much it gives way is the argument."""
    gc.disable()
    os.nice(int(sys.argv[1]))
    # Whatever prints must not print between frames.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    limit_resources()
    sys.addaudithook(refuse_effects)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
