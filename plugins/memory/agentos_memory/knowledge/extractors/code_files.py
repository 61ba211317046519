"""Which files are program text, and which of their places are comments, whatever the language."""

from __future__ import annotations

CODE_SUFFIXES = (
    ".py", ".pyi", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts", ".go", ".rs",
    ".java", ".kt", ".scala", ".c", ".cc", ".cpp", ".h", ".hpp", ".cs", ".rb", ".php", ".ex",
    ".exs", ".swift",
)  # fmt: skip

_COMMENTS = ("#", "//", "*", "--")
_MAX_LINE_CHARS = 2_000


def is_code(path: str) -> bool:
    """Whether the path's suffix is that of a programming language."""
    return path.endswith(CODE_SUFFIXES) and not path.endswith((".min.js", ".d.ts"))


def is_commented(text: str, offset: int) -> bool:
    """Whether a position stands behind a comment's mark on its line."""
    # A line may hold the whole file; its comment, if any, begins near.
    begin = max(0, offset - _MAX_LINE_CHARS)
    start = max(text.rfind("\n", begin, offset) + 1, begin)
    before = text[start:offset]
    return before.lstrip().startswith(_COMMENTS) or " # " in before or " // " in before
