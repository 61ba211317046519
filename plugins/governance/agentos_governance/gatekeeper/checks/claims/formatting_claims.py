"""Changes that are said to be of the form alone, while the program reads otherwise.

Above: diff_matches_claims. Below: syntax_trees, `ast`. Of Python the trees are compared, without docstrings and
whatever the order of imports; of other languages the words, without what formatters add and take away.
"""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator

from agentos import Finding, LimitExceededError, ReviewedFile
from agentos_governance.gatekeeper.files.naming import is_code, is_python
from agentos_governance.gatekeeper.foreign.cases import FOREIGN
from agentos_governance.gatekeeper.foreign.syntax_trees import parse_tree, text
from agentos_governance.gatekeeper.python.source import parse_python
from agentos_governance.gatekeeper.work import Work

CHECK = "diff_matches_claims"
# What a product does is told as well: "refuses texts of whitespace only", "euro() does the formatting only".
_START = r"(?:^|[:,(]\s*|\s-\s|\.\w{1,4}[:,]?\s+|\b(?:is|are|was|were|has|have|had)\s+)"
_CLAIM = re.compile(
    rf"(?i){_START}(?:purely\s+|a\s+)?(?:re-?)?formatting(?:\s+changes?)?[- ]only\b"
    rf"|{_START}(?:only|just|purely|nothing but)\s+(?:re-?)?formatting\b"
    r"|\b(?:only|just)\s+re-?formatt?(?:ed|s)?\b"
    r"|\b(?:formatting|whitespace|white space|indentation|style)[- ]only\s+(?:change|commit|edit|diff|patch)"
    r"|\bonly\s+(?:the\s+)?(?:formatting|whitespace|white space|indentation|line breaks?)\s+"
    r"(?:(?:is|was|has|have|are|were)\s+)?(?:changed|changes|differs?|touched)\b"
    r"|\bno changes? (?:but|other than|except)(?: for)? (?:formatting|whitespace)\b"
)
_MORE = re.compile(
    r"(?i)\b(?:mend|fix|add|chang|implement|remov|delet|renam|refactor|rewr|replac|extend|introduc|mov|support|correct)(?:e|s|d|ed|es|ing|ote|ites?|)\b"
)
_SENTENCE = re.compile(r"[.;!]\s+|\n+")
_FREE = frozenset({",", ";", "(", ")"})
"""What a formatter adds and takes away at ends and around expressions."""


async def formatting_claims(work: Work) -> list[Finding]:
    """Findings for the summary and every claim."""
    told: list[tuple[str, str, str | None]] = [(work.summary, "the summary", None)]
    told += [(e.claim, e.id, e.path) for e in work.evidence if e.kind != "tool_use"][-300:]
    wanted = [(who, path, words) for each, who, cited in told
              for path, words in _claimed(each, cited, work)]  # fmt: skip
    return await asyncio.to_thread(lambda: list(_findings(work, wanted))) if wanted else []


def _claimed(told: str, cited: str | None, work: Work) -> Iterator[tuple[str, str]]:
    """The files of which a text says that only their form changed, and its words."""
    sentences = _SENTENCE.split(told)
    for sentence in sentences:
        match = _CLAIM.search(sentence)
        if match is None:
            continue
        names = [file.path for file in work.files if file.path.rpartition("/")[2] in sentence]
        others = " ".join(each for each in sentences if each is not sentence)
        if not names and cited is not None:
            names = [cited]
        if not names and not _MORE.search(_NOTHING.sub("", others)):
            names = [file.path for file in work.files]
        yield from ((name, match[0]) for name in names)


_NOTHING = re.compile(r"(?i)\b(?:no|without|nothing|not)\b[^.;,]{0,60}")


def _findings(work: Work, wanted: list[tuple[str, str, str]]) -> Iterator[Finding]:
    for who, path, words in wanted:
        file = work.by_path.get(path)
        if file is not None and is_code(path) and _reads_otherwise(file):
            yield Finding(
                CHECK,
                "blocking",
                f"{who} says `{words[:100]}`, and without spaces and comments {path} still reads "
                "otherwise than before",
                "it is not so that only the form was changed",
                path,
            )


def _reads_otherwise(file: ReviewedFile) -> bool:
    if file.old is None or file.new is None:
        return False
    try:
        if is_python(file.path):
            old, new = _python_form(file.old), _python_form(file.new)
            return old is not None and new is not None and old != new
        if file.path.endswith(FOREIGN):
            return _words(file.path, file.old) != _words(file.path, file.new)
    except (RecursionError, LimitExceededError):
        return False
    return False


def _python_form(content: bytes) -> tuple[list[str], str] | None:
    """The imports in one order, and the rest of the tree without docstrings."""
    tree = parse_python(content)
    if tree is None:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [each for each in node.body if not _is_docstring(each)]
    imports = [each for each in tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
    tree.body = [each for each in tree.body if not isinstance(each, ast.Import | ast.ImportFrom)]
    return sorted(_imported(imports)), ast.dump(tree)


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _imported(nodes: list[ast.Import | ast.ImportFrom]) -> Iterator[str]:
    for node in nodes:
        source = f"{'.' * node.level}{node.module}" if isinstance(node, ast.ImportFrom) else ""
        for each in node.names:
            yield f"{source} {each.name} {each.asname}"


def _words(path: str, content: bytes) -> list[str]:
    """The words of a source in their order, without comments."""
    found = []
    pending = [parse_tree(path, content)]
    while pending:
        node = pending.pop()
        if "comment" in node.type:
            continue
        if node.child_count and "string" not in node.type:
            pending.extend(reversed(node.children))
        elif (word := text(node).strip()) and word not in _FREE:
            found.append(f'"{word[1:-1]}"' if word[0] in "'\"" else word)
    return found
