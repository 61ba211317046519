"""Queries to time a search with: sentences, names and messages that stand in a repository's code.

Above: `bench.search_latency`. They are taken from the code itself, so every repository has some;
whether the answers are good is measured elsewhere (`bench.retrieval`).
"""

from __future__ import annotations

import ast
import random
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

_WORD = re.compile(r"[A-Za-z]\w+")
_LONG_ENOUGH = 4
_MAX_QUERY_CHARS = 200


def make_queries(folder: Path, n: int, *, seed: int) -> list[str]:
    """`n` distinct queries: six of ten are sentences, the others names, messages and places.

    Raises ValueError where the Python files below `folder` do not hold enough.
    """
    sentences: dict[str, None] = {}
    names: dict[str, None] = {}
    messages: dict[str, None] = {}
    places: dict[str, None] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in _nodes(path):
            places[f"{path.relative_to(folder)}:{node.lineno}"] = None
            names[node.name] = None
            sentences.update(dict.fromkeys(_sentences(node)))
            messages.update(dict.fromkeys(_messages(node)))
    chance = random.Random(seed)
    shares = ((sentences, n * 6 // 10), (names, n * 2 // 10), (messages, n // 10))
    chosen = [query for kind, share in shares for query in _some(chance, kind, share)]
    chosen += _some(chance, places, n - len(chosen))
    if len(set(chosen)) < n:
        raise ValueError(f"{folder} gives {len(set(chosen))} queries; {n} are wanted")
    chance.shuffle(chosen)
    return chosen


def _some(chance: random.Random, found: dict[str, None], n: int) -> list[str]:
    return chance.sample(list(found), min(n, len(found)))


def _nodes(path: Path) -> list[ast.FunctionDef | ast.ClassDef]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return []
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def _sentences(node: ast.FunctionDef | ast.ClassDef) -> Iterator[str]:
    docstring = ast.get_docstring(node) or ""
    sentence = " ".join(docstring.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")
    if len(_WORD.findall(sentence)) >= _LONG_ENOUGH and len(sentence) <= _MAX_QUERY_CHARS:
        yield sentence


def _messages(node: ast.FunctionDef | ast.ClassDef) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Raise) and isinstance(each.exc, ast.Call) and each.exc.args:
            text = each.exc.args[0]
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                message = " ".join(text.value.split())
                if len(_WORD.findall(message)) >= _LONG_ENOUGH:
                    yield message[:_MAX_QUERY_CHARS]
