"""Which code reads and writes tables through an object mapper: Django's and SQLAlchemy's.

A query names a class; links keep those whose class is a known model, and columns that it has.
"""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from agentos_memory.knowledge.extractors.django import model_ref
from agentos_memory.knowledge.model import Extraction, Findings, KnowledgeEdgeKind, Ref
from agentos_memory.knowledge.python_syntax import (
    MAX_CALLED_BYTES,
    called,
    imported_names,
    keywords,
    line_of,
    positional,
    string_of,
    text_of,
    walk,
)
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile

MAX_CHAIN = 50
_MANAGERS = ("objects", "_default_manager", "_base_manager")
_WRITES = frozenset({
    "create", "bulk_create", "update", "delete", "get_or_create", "update_or_create",
    "bulk_update", "acreate", "abulk_create", "aupdate", "adelete", "aget_or_create",
})  # fmt: skip
# What neither reads nor writes by itself.
_NEUTRAL = frozenset({"using", "db_manager", "none", "select_for_update"})
# Methods whose texts are names of fields.
_NAMING = frozenset({"values", "values_list", "order_by", "only", "defer", "distinct",
                     "select_related", "aggregate", "annotate"})  # fmt: skip
_STATEMENTS: dict[str, KnowledgeEdgeKind] = {
    "select": "reads", "query": "reads", "get": "reads", "exists": "reads", "scalars": "reads",
    "insert": "writes", "update": "writes", "delete": "writes", "add": "writes",
    "add_all": "writes", "merge": "writes",
}  # fmt: skip
_OF_SESSION = frozenset({"query", "get", "add", "add_all", "merge", "delete", "scalars"})


class _Queries:
    """The queries of one file."""

    def __init__(self, file: SourceFile) -> None:
        self.findings = Findings(file.path)
        self._path = file.path
        self._imports = imported_names(file.python)

    def note(self, node: Node) -> None:
        """What one call says, and the calls chained to it."""
        self._django(node)
        self._sqlalchemy(node)

    def model(self, node: Node | None) -> Ref | None:
        """The model that an expression names; None for what starts with a small letter."""
        if node is None or node.type not in ("identifier", "attribute"):
            return None
        if node.end_byte - node.start_byte > MAX_CALLED_BYTES:
            return None
        spelled = text_of(node)
        if not spelled.rpartition(".")[2][:1].isupper():
            return None
        return model_ref(spelled, self._path, self._imports)

    def edge(
        self, kind: KnowledgeEdgeKind, model: Ref, line: int, rule: str, *columns: str
    ) -> None:
        """The table of a model is read or written at `line`, and these fields of it."""
        source = self.findings.code(line)
        self.findings.edge(source, kind, model, line, rule, "inferred")
        for name in columns:
            column = Ref("model_column", f"{model.name}#{name.lstrip('-').partition('__')[0]}")
            self.findings.edge(source, kind, column, line, rule, "inferred")

    def _django(self, call: Node) -> None:
        function = call.child_by_field_name("function")
        if function is None or function.type != "attribute":
            return
        manager, method = function.child_by_field_name("object"), _attribute(function)
        if manager is None or manager.type != "attribute" or _attribute(manager) not in _MANAGERS:
            return
        model = self.model(manager.child_by_field_name("object"))
        if model is None:
            return
        for name, link in _chain(method, call):
            if name in _NEUTRAL:
                continue
            is_write = name in _WRITES or name.startswith(("create_", "acreate_"))
            kind: KnowledgeEdgeKind = "writes" if is_write else "reads"
            given = [key for key in keywords(link) if key != "defaults"]
            named = [string_of(a) for a in positional(link)] if name in _NAMING else []
            line = _method_line(link)
            self.edge(kind, model, line, "django query", *given, *[n for n in named if n])
            if name in ("get_or_create", "update_or_create"):
                self.edge("reads", model, line, "django query", *given)

    def _sqlalchemy(self, call: Node) -> None:
        receiver, _, name = called(call).rpartition(".")
        kind = _STATEMENTS.get(name)
        if kind is None or (name in _OF_SESSION) != ("session" in receiver.lower() or (
            receiver in ("db", "s", "tx", "conn")
        )):  # fmt: skip
            return
        for given in positional(call)[:20]:
            target = given
            if given.type == "call" and kind == "writes":
                inner = given.child_by_field_name("function")
                target = inner if inner is not None else given
            model = self.model(target)
            line, rule = line_of(given), "sqlalchemy query"
            if model is not None:
                columns = list(keywords(given)) if given.type == "call" else []
                self.edge(kind, model, line, rule, *columns)
            elif target.type == "attribute":
                owner = self.model(target.child_by_field_name("object"))
                if owner is not None:
                    self.edge(kind, owner, line, rule, _attribute(target))


def _chain(method: str, call: Node) -> Iterator[tuple[str, Node]]:
    """The method and those called on its result, with their calls."""
    yield method, call
    here = call
    # A node finds its parent from the root down.
    for _ in range(MAX_CHAIN):
        up = here.parent
        outer = up.parent if up is not None and up.type == "attribute" else None
        if up is None or outer is None or outer.type != "call":
            return
        yield _attribute(up), outer
        here = outer


def _attribute(node: Node) -> str:
    return text_of(node.child_by_field_name("attribute"))


def _method_line(call: Node) -> int:
    """Where the method's name stands; a chain may go over several lines."""
    function = call.child_by_field_name("function")
    name = None if function is None else function.child_by_field_name("attribute")
    return line_of(name or call)


def _extract(file: SourceFile) -> Extraction:
    queries = _Queries(file)
    for call in walk(file.python, "call"):
        queries.note(call)
    _note_saved(queries, file.python)
    return queries.findings.extraction()


def _note_saved(queries: _Queries, root: Node) -> None:
    """`x = Model(...)` or a query for one, and later `x.save()`, in one function."""
    for function in walk(root, "function_definition"):
        held: dict[str, Ref] = {}
        for node in walk(function, "assignment", "call"):
            if node.type == "assignment":
                model = _made(queries, node.child_by_field_name("right"))
                name = text_of(node.child_by_field_name("left"))
                if model is not None:
                    held[name] = model
                else:
                    held.pop(name, None)
                continue
            receiver, _, method = called(node).rpartition(".")
            if method in ("save", "asave", "delete", "adelete") and receiver in held:
                queries.edge("writes", held[receiver], line_of(node), "django save")
            elif method in ("add", "merge") and "session" in receiver.lower():
                for given in positional(node)[:1]:
                    if text_of(given) in held:
                        rule = "sqlalchemy query"
                        queries.edge("writes", held[text_of(given)], line_of(node), rule)


def _made(queries: _Queries, value: Node | None) -> Ref | None:
    if value is None or value.type != "call":
        return None
    function = value.child_by_field_name("function")
    model = queries.model(function)
    if model is not None or function is None or function.type != "attribute":
        return model
    manager = function.child_by_field_name("object")
    if _attribute(function) not in ("get", "create", "first", "last") or manager is None:
        return None
    is_manager = manager.type == "attribute" and _attribute(manager) in _MANAGERS
    return queries.model(manager.child_by_field_name("object")) if is_manager else None


ORM_QUERIES = KnowledgeExtractor(
    "orm queries",
    2,
    lambda path: path.endswith(".py"),
    _extract,
    (b".objects.", b"_manager.", b"select(", b"session", b".query(", b".save("),
)
