"""Which files are program text, and which of their places are comments, whatever the language."""

from __future__ import annotations

CODE_SUFFIXES = (
    ".py", ".pyi", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts", ".go", ".rs",
    ".java", ".kt", ".scala", ".c", ".cc", ".cpp", ".h", ".hpp", ".cs", ".rb", ".php", ".ex",
    ".exs", ".swift",
)  # fmt: skip

_COMMENTS = ("#", "//", "*", "--")


def is_code(path: str) -> bool:
    """Whether the path's suffix is that of a programming language."""
    return path.endswith(CODE_SUFFIXES) and not path.endswith((".min.js", ".d.ts"))


def is_commented(text: str, offset: int) -> bool:
    """Whether a position stands behind a comment's mark on its line."""
    start = text.rfind("\n", 0, offset) + 1
    before = text[start:offset]
    return before.lstrip().startswith(_COMMENTS) or " # " in before or " // " in before
