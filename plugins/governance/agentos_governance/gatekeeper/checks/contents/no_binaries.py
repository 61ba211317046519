"""`no_binaries`: no program, archive or copied dependency comes in with the work.

Above: the registry. Below: nothing. Nobody can review bytes; images, fonts and small data of tests
are usual and only told where they are large.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.files.naming import is_code, is_test_path
from agentos_governance.gatekeeper.work import MAX_FILE_BYTES, Work

CHECK = "no_binaries"
LARGE_BYTES = 512 * 1024
MINIFIED_CHARS = 2_000
LONGEST_LINE_CHARS = 10_000
_PROGRAMS = {
    b"\x7fELF": "a program (ELF)",
    b"MZ": "a program (Windows)",
    b"\xca\xfe\xba\xbe": "compiled code",
    b"\xfe\xed\xfa": "a program (macOS)",
    b"\xcf\xfa\xed\xfe": "a program (macOS)",
    b"!<arch>": "a library",
    b"\0asm": "compiled code (WebAssembly)",
    b"PK\x03\x04": "an archive (zip, jar, wheel)",
    b"\x1f\x8b": "an archive (gzip)",
    b"BZh": "an archive (bzip2)",
    b"\xfd7zXZ": "an archive (xz)",
    b"7z\xbc\xaf": "an archive (7z)",
    b"(\xb5/\xfd": "an archive (zstd)",
}
_ARCHIVE_SUFFIXES = (
    ".zip",
    ".jar",
    ".whl",
    ".gz",
    ".tgz",
    ".bz2",
    ".xz",
    ".7z",
    ".zst",
    ".war",
    ".egg",
)
_PROGRAM_SUFFIXES = (
    ".exe", ".dll", ".so", ".dylib", ".a", ".o", ".pyc", ".pyd", ".class", ".wasm", ".bin", ".node",
    ".apk", ".dmg", ".deb", ".rpm", ".msi",
)  # fmt: skip
_MEDIA = (
    ".png", ".jpg", ".jpeg", ".gif", ".webp", ".ico", ".bmp", ".pdf", ".ttf", ".otf", ".woff",
    ".woff2", ".mp3", ".wav", ".mp4", ".svgz", ".avif", ".icns", ".webm", ".ogg",
)  # fmt: skip
_DOCUMENTS = (
    ".xlsx",
    ".docx",
    ".pptx",
    ".odt",
    ".ods",
    ".epub",
    ".parquet",
    ".npy",
    ".npz",
    ".sqlite",
    ".db",
)
_VENDORED = re.compile(
    r"(^|/)(node_modules|site-packages|bower_components|\.venv|venv|__pycache__|vendor/bundle)/"
)


async def no_binaries(work: Work) -> list[Finding]:
    """See the module."""
    return await asyncio.to_thread(lambda: list(_findings(work.files)))


def _findings(files: Sequence[ReviewedFile]) -> Iterator[Finding]:
    vendored: dict[str, list[str]] = defaultdict(list)
    for file in files:
        if file.new_mode not in {"100644", "100755"}:
            continue
        folder = _VENDORED.search(file.path)
        if folder and file.old is None:
            vendored[file.path[: folder.end()]].append(file.path)
            continue
        yield from _in_file(file)
    for folder_path, paths in vendored.items():
        yield Finding(
            CHECK,
            "blocking",
            f"{len(paths)} files below {folder_path} are somebody else's, installed or built: leave "
            "them out and declare the dependency",
            "dependencies were copied in",
            paths[0],
        )


def _in_file(file: ReviewedFile) -> Iterator[Finding]:
    name = file.path.lower()
    if file.new is None:
        if file.is_left_out:
            is_program = name.endswith(_PROGRAM_SUFFIXES + _ARCHIVE_SUFFIXES)
            yield _found(
                file,
                "blocking" if is_program else "warning",
                f"it has {file.new_size or 'too many'} bytes and was not looked into; the limit is "
                f"{MAX_FILE_BYTES}",
            )
        return
    kind = next((what for sign, what in _PROGRAMS.items() if file.new.startswith(sign)), None)
    is_binary = b"\0" in file.new[:8_000]
    if kind is None and name.endswith(_PROGRAM_SUFFIXES) and is_binary:
        kind = "compiled code"
    if kind is not None and not (kind.startswith("a program (Windows)") and not is_binary):
        yield _of_kind(file, kind)
    elif is_binary and not name.endswith((*_MEDIA, *_DOCUMENTS)):
        yield _found(file, "warning", "it is binary, so that nobody can review it")
    elif _is_minified(file):
        is_told_only = file.old is not None or is_test_path(file.path)
        what = "it is minified or generated in lines that nobody can review: declare the dependency"
        yield _found(file, "warning" if is_told_only else "blocking", what)
    elif len(file.new) > LARGE_BYTES and (file.old is None or len(file.old) * 2 < len(file.new)):
        yield _found(file, "warning", f"it is large: {len(file.new)} bytes")


def _is_minified(file: ReviewedFile) -> bool:
    """Whether source comes in lines that no person wrote."""
    if file.new is None or not is_code(file.path) or file.path.endswith(".sql"):
        return False
    longest = max((len(line) for line in file.new.split(b"\n")), default=0)
    is_script = file.path.endswith((".js", ".mjs", ".cjs"))
    return longest > (MINIFIED_CHARS if is_script else LONGEST_LINE_CHARS)


def _of_kind(file: ReviewedFile, kind: str) -> Finding:
    if file.path.lower().endswith(_DOCUMENTS):
        return _found(file, "warning", "it is binary, so that nobody can review it")
    is_data = is_test_path(file.path) and "archive" in kind
    return _found(file, "warning" if is_data else "blocking", f"it is {kind}")


def _found(file: ReviewedFile, severity: str, what: str) -> Finding:
    return Finding(
        CHECK,
        "blocking" if severity == "blocking" else "warning",
        f"{file.path}: {what}",
        "a file that nobody can review",
        file.path,
    )
