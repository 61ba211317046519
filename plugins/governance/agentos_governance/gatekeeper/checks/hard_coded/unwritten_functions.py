"""Functions of the product that are left to be written, or that were emptied.

Above: no_hard_coded_results. Below: `ast`. Abstract methods, protocols and overloads have no body by design; a
method that does nothing may be meant so. What blocks is a function that says itself that it is not
written, and one that had a body at the base.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.files.added_lines import text_lines
from agentos_governance.gatekeeper.python.assertions import last_name
from agentos_governance.gatekeeper.python.source import functions_of, parse_python

CHECK = "no_hard_coded_results"
Function = ast.FunctionDef | ast.AsyncFunctionDef
_LATER = re.compile(
    r"#\s*(?:TODO|FIXME|XXX)\b|#.{0,200}\b(?:not (?:yet )?implemented|implement (?:this|me|later)|placeholder|stub)\b",
    re.IGNORECASE,
)
_ABSTRACT = frozenset(
    {"abstractmethod", "overload", "abstractproperty", "singledispatch", "override"}
)
_BASES = frozenset({"ABC", "Protocol", "Interface"})
_MEANT = re.compile(
    r"(?i)\bdoes nothing\b|no longer|any ?more\b|deprecated|kept for|no-?op\b|has no effect|obsolete"
)
_FOREIGN = re.compile(
    r"^\s*(?:todo!\(|unimplemented!\(|panic!?\(\"(?:not implemented|todo)|throw new (?:Error|UnsupportedOperationException)\(\s*[\"'](?:not (?:yet )?implemented|todo))",
    re.IGNORECASE,
)


def unwritten_functions(file: ReviewedFile) -> Iterator[Finding]:
    """Findings in functions of Python that are new or were changed."""
    new = parse_python(file.new or b"")
    if new is None:
        return
    old = parse_python(file.old) if file.old is not None else None
    before = functions_of(old) if old is not None else {}
    lines = text_lines(file.new)
    classes = [node for node in ast.walk(new) if isinstance(node, ast.ClassDef)]
    open_classes = {node.name for node in classes if _is_open(node)}
    # A class that others derive from leaves to them what they must do.
    open_classes |= {last_name(base) for node in classes for base in node.bases}
    for name, node in functions_of(new).items():
        why = _why_empty(node)
        if why is None or _is_by_design(node, name, open_classes):
            continue
        known = before.get(name)
        was_written = known is not None and _why_empty(known) is None
        is_emptied = known is not None and was_written and not _is_told(node)
        said = known is None and (why == "raises" or _says_later(lines, node))
        if is_emptied or said or (was_written and why == "raises"):
            what = "had a body and has none now" if known is not None else "is left to be written"
            yield Finding(
                CHECK, "blocking", f"{name} in {file.path} {what}", "a function is not written",
                file.path, node.lineno, node.end_lineno or node.lineno,
            )  # fmt: skip


def unwritten_sources(file: ReviewedFile, lines: list[tuple[int, str]]) -> Iterator[Finding]:
    """Findings in the added lines of other languages: `todo!()`, `throw new Error("not implemented")`."""
    for number, line in lines:
        if _FOREIGN.search(line):
            yield Finding(
                CHECK, "blocking", f"{file.path}: `{line.strip()[:120]}` stands where something is to be "
                "written", "a function is not written", file.path, number, number,
            )  # fmt: skip


def _is_open(node: ast.ClassDef) -> bool:
    """Whether a class is made to be derived from."""
    has_abstract = any(
        last_name(mark) in _ABSTRACT
        for each in node.body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        for mark in each.decorator_list
    )
    bases = {last_name(getattr(base, "value", base)) for base in node.bases}
    return (
        has_abstract
        or bool(bases & _BASES)
        or any(word.arg == "metaclass" for word in node.keywords)
    )


def _is_by_design(node: Function, name: str, open_classes: set[str]) -> bool:
    marks = {last_name(getattr(each, "func", each)) for each in node.decorator_list}
    owner = name.rpartition(".")[0].rpartition(".")[2]
    return bool(marks & _ABSTRACT) or owner in open_classes


def _statements(node: Function) -> list[ast.stmt]:
    body = node.body
    is_documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    return body[1:] if is_documented else body


def _why_empty(node: Function) -> str | None:
    """`raises` where it says that it is not implemented, `nothing` where it does nothing; else None."""
    body = _statements(node)
    if len(body) > 1:
        return None
    if not body or isinstance(body[0], ast.Pass):
        return "nothing"
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return "nothing"
    if isinstance(body[0], ast.Return):
        is_none = body[0].value is None or (
            isinstance(body[0].value, ast.Constant) and body[0].value.value is None
        )
        return "nothing" if is_none else None
    if isinstance(body[0], ast.Raise) and body[0].exc is not None:
        raised = body[0].exc
        name = last_name(raised.func if isinstance(raised, ast.Call) else raised)
        return "raises" if name in {"NotImplementedError", "NotImplemented"} else None
    return None


def _is_told(node: Function) -> bool:
    """Whether its documentation says that it does nothing now."""
    return bool(_MEANT.search(ast.get_docstring(node) or ""))


def _says_later(lines: list[str], node: Function) -> bool:
    return any(_LATER.search(line[:500]) for line in lines[node.lineno - 1 : node.end_lineno])
