"""Empty handlers in JavaScript, TypeScript, Go, Rust and Java.

Above: no_hidden_failures. Below: syntax_trees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tree_sitter import Node

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.foreign.syntax_trees import (
    line_of,
    one_line,
    parse_tree,
    text,
    walk,
)

CHECK = "no_hidden_failures"
SOURCES = (
    ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".go", ".rs", ".java",
)  # fmt: skip
_BROAD_JAVA = ("Exception", "Throwable", "Error")


def hidden_in_sources(file: ReviewedFile) -> Iterator[Finding]:
    """Findings in handlers that the base has not."""
    known = Counter(key for _, key, _ in _found(file.old_path or file.path, file.old))
    for node, key, what in _found(file.path, file.new):
        if known[key] > 0:
            known[key] -= 1
            continue
        yield Finding(
            CHECK,
            "blocking",
            f"{file.path}: {what}; handle it, or pass it on",
            "a handler hides failures",
            file.path,
            line_of(node),
            node.end_point[0] + 1,
        )


def _found(path: str, content: bytes | None) -> Iterator[tuple[Node, str, str]]:
    if content is None or not path.endswith(SOURCES):
        return
    for node in walk(parse_tree(path, content)):
        what = _swallowed(path, node)
        if what is not None:
            above = node.parent
            yield node, one_line(above if above is not None else node)[:400], what


def _swallowed(path: str, node: Node) -> str | None:
    if node.type == "catch_clause":
        return _catch(path, node)
    if path.endswith(".go"):
        return _go(node)
    if node.type == "call_expression" and path.endswith(SOURCES[:8]):
        return _promise(node)
    return None


def _catch(path: str, node: Node) -> str | None:
    body = node.child_by_field_name("body")
    if body is None or any(
        each.type != "comment" for each in body.named_children if "comment" not in each.type
    ):
        return None
    if path.endswith(".java"):
        parameter = next((c for c in node.named_children if "formal_parameter" in c.type), None)
        caught = one_line(parameter).split(" ")[0] if parameter is not None else ""
        if (
            not caught.split("|")[0].strip().endswith(_BROAD_JAVA)
            or caught.strip() not in _BROAD_JAVA
        ):
            return None
        return f"an empty handler of {caught}"
    if any("comment" in each.type and len(text(each)) > 20 for each in body.named_children):
        return None
    return "an empty `catch`"


def _promise(node: Node) -> str | None:
    """`.catch(() => {})`."""
    callee = node.child_by_field_name("function")
    if callee is None or callee.type != "member_expression":
        return None
    if text(callee.child_by_field_name("property")) != "catch":
        return None
    arguments = one_line(node.child_by_field_name("arguments")).replace(" ", "")
    empty = {"(()=>{})", "(()=>undefined)", "(()=>null)", "(_=>{})", "(noop)", "(function(){})"}
    return "a rejected promise is forgotten" if arguments in empty else None


def _go(node: Node) -> str | None:
    if node.type == "call_expression" and one_line(node) == "recover()":
        statement = node.parent
        if statement is not None and statement.type == "expression_statement":
            return "`recover()` forgets a panic"
    if node.type == "if_statement":
        condition = one_line(node.child_by_field_name("condition"))
        body = node.child_by_field_name("consequence")
        inner = one_line(body).strip("{} ") if body is not None else ""
        if condition.endswith("err != nil") and inner in {"", "_ = err"}:
            return "an error is looked at and forgotten"
    return None
