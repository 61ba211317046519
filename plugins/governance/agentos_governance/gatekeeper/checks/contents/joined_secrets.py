"""Secrets that a source writes in pieces: literals side by side, or added to each other.

Above: no_secrets. Below: constant_folding for Python, the text of lines for others. What is put
together in any cleverer way is not looked for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agentos import ReviewedFile
from agentos_governance.gatekeeper.files.added_lines import added_lines, text_lines
from agentos_governance.gatekeeper.files.naming import is_code, is_python
from agentos_governance.gatekeeper.python.assertions import last_name
from agentos_governance.gatekeeper.python.source import parse_python

_SEAM = re.compile(r"([\"'`])\s*(?:\+|\.\.|\.)\s*\1")
MAX_DEPTH = 40
MAX_CHARS = 8_192
"""Longer texts are no secrets, and a few lines that double one another's would fill the memory."""
MAX_LINES = 6
"""Over so many lines a text goes on."""


def joined_texts(file: ReviewedFile) -> Iterator[tuple[int, str]]:
    """A line, and what it reads like with all pieces put together; only what an addition touches."""
    fresh = {number for number, _ in added_lines(file)}
    if is_python(file.path):
        tree = parse_python(file.new or b"") if fresh else None
        yield from _of_python(tree, fresh) if tree is not None else ()
    elif is_code(file.path):
        lines = text_lines(file.new)
        for number in sorted(fresh):
            whole = "\n".join(lines[number - 1 : number - 1 + MAX_LINES])
            joined = _SEAM.sub("", whole)
            if joined != whole:
                yield number, joined.partition("\n")[0]


def _of_python(tree: ast.Module, fresh: set[int]) -> Iterator[tuple[int, str]]:
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            value = _folded(node.value, known, 0) if node.value is not None else None
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if value is not None and isinstance(targets[0], ast.Name):
                known.setdefault(targets[0].id, value)
    names = _named(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.BinOp | ast.Constant | ast.JoinedStr):
            continue
        lines = set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        text = _folded(node, known, 0) if lines & fresh else None
        if text is not None and "\n" not in text:
            name = names.get(id(node), "")
            yield node.lineno, f'{name} = "{text}"' if name else f'"{text}"'


def _named(tree: ast.Module) -> dict[int, str]:
    """The name that each value is given."""
    found: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            found[id(node.value)] = last_name(node.targets[0])
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            found[id(node.value)] = last_name(node.target)
        elif isinstance(node, ast.keyword):
            found[id(node.value)] = node.arg or ""
    return found


def _folded(node: ast.expr, known: dict[str, str], depth: int) -> str | None:
    """The text that an expression is; None where that is not plain to see."""
    if depth > MAX_DEPTH:
        return None
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.FormattedValue):
        return _folded(node.value, known, depth + 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [_folded(each, known, depth + 1) for each in (node.left, node.right)]
    elif isinstance(node, ast.JoinedStr):
        parts = [_folded(each, known, depth + 1) for each in node.values]
    else:
        return None
    plain = [each for each in parts if each is not None]
    if len(plain) < len(parts) or sum(map(len, plain)) > MAX_CHARS:
        return None
    return "".join(plain)
