"""Tables of SQLAlchemy and SQLModel, and what Alembic's migrations change."""

from __future__ import annotations

from collections.abc import Iterable

from tree_sitter import Node

from agentos_memory.knowledge.extractors.sql_files import note_facts
from agentos_memory.knowledge.model import Extraction, Findings, KnowledgeTier, Ref
from agentos_memory.knowledge.python_syntax import (
    argument,
    assignments,
    called,
    classes,
    keywords,
    line_of,
    positional,
    string_of,
    text_of,
    walk,
)
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile
from agentos_memory.knowledge.sql_statements import sql_facts

_COLUMNS = ("Column", "mapped_column")
# Attributes that are no columns of the table.
_NO_COLUMNS = ("relationship", "Relationship", "association_proxy", "column_property", "synonym",
               "hybrid_property", "declared_attr")  # fmt: skip


def _extract(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    for name, node, _ in classes(file.python):
        table = _table_of(findings, name, node)
        if table is not None:
            line = line_of(node)
            findings.edge(findings.code(line), "depends_on", table, line, "sqlalchemy model")
            for attribute, inner in assignments(node):
                _note_attribute(findings, table, attribute, inner)
            _note_foreign_keys(findings, table, walk(node, "call"))
    for call in walk(file.python, "call"):
        given = positional(call)
        if called(call).rpartition(".")[2] == "Table" and len(given) >= 2:
            table_name = string_of(given[0])
            if table_name:
                _note_table(findings, table_name, call, given[2:], "sqlalchemy table")
    return findings.extraction()


def _table_of(findings: Findings, name: str, node: Node) -> Ref | None:
    own = dict(assignments(node)).get("__tablename__")
    spelled = string_of(own.child_by_field_name("right")) if own is not None else None
    if spelled is None:
        bases = node.child_by_field_name("superclasses")
        given = [] if bases is None else bases.named_children
        marks = [text_of(b).replace(" ", "") for b in given if b.type == "keyword_argument"]
        if "table=True" not in marks:
            return None
    called_table = spelled or name.lower()
    return findings.entity("table", called_table, line_of(node), "sqlalchemy model", model=name)


def _note_attribute(findings: Findings, table: Ref, attribute: str, inner: Node) -> None:
    value, annotation = inner.child_by_field_name("right"), inner.child_by_field_name("type")
    kind = called(value).rpartition(".")[2] if value is not None and value.type == "call" else ""
    is_declared = kind in _COLUMNS
    is_annotated = annotation is not None and kind not in _NO_COLUMNS
    if is_annotated and not is_declared:
        mapped = text_of(annotation)
        is_annotated = "ClassVar" not in mapped and "Relationship" not in mapped
        # SQLAlchemy marks columns by Mapped; SQLModel takes every annotated attribute.
        is_annotated = is_annotated and (
            mapped.startswith("Mapped[") or "Field" in kind or not kind
        )
    if attribute.startswith("__") or not (is_declared or is_annotated):
        return
    given = positional(value) if is_declared and value is not None else []
    name = (string_of(given[0]) if given else None) or attribute
    column = findings.entity("column", f"{table.name}.{name}", line_of(inner), "sqlalchemy column")
    findings.edge(table, "contains", column, line_of(inner), "sqlalchemy column")


def _note_foreign_keys(findings: Findings, table: Ref, calls: Iterable[Node]) -> None:
    for call in calls:
        kind = called(call).rpartition(".")[2]
        target = None
        if kind == "ForeignKey":
            target = string_of(argument(call, 0, "column"))
        elif kind == "Field":
            target = string_of(keywords(call).get("foreign_key"))
        elif kind == "ForeignKeyConstraint" and len(positional(call)) >= 2:
            members = positional(call)[1].named_children
            target = string_of(members[0]) if members else None
        if target and "." in target:
            other = Ref("table", target.rpartition(".")[0])
            findings.edge(table, "depends_on", other, line_of(call), "sqlalchemy foreign key")


def _note_table(
    findings: Findings, name: str, call: Node, members: Iterable[Node], rule: str
) -> Ref:
    tier: KnowledgeTier = "declared" if rule.startswith("sqlalchemy") else "inferred"
    table = findings.entity("table", name, line_of(call), rule, tier)
    for member in members:
        if member.type != "call":
            continue
        if called(member).rpartition(".")[2] == "Column" and positional(member):
            column = string_of(positional(member)[0])
            if column:
                _note_column(findings, table, column, member, rule)
    _note_foreign_keys(findings, table, walk(call, "call"))
    return table


def _note_column(findings: Findings, table: Ref, name: str, node: Node, rule: str) -> Ref:
    tier: KnowledgeTier = "declared" if rule.startswith("sqlalchemy") else "inferred"
    column = findings.entity("column", f"{table.name}.{name}", line_of(node), rule, tier)
    findings.edge(table, "contains", column, line_of(node), rule, tier)
    return column


def _extract_migration(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    values = {n: a.child_by_field_name("right") for n, a in assignments(file.python)}
    revision = string_of(values.get("revision"))
    if revision is None or "down_revision" not in values:
        return findings.extraction()
    migration = findings.entity("migration", file.path, 1, "alembic migration", revision=revision)
    down = values["down_revision"]
    for node in [] if down is None else walk(down, "string"):
        before = string_of(node)
        if before:
            other = Ref("revision", before)
            findings.edge(migration, "depends_on", other, line_of(node), "alembic migration")
    for function in walk(file.python, "function_definition"):
        if text_of(function.child_by_field_name("name")) == "upgrade":
            for call in walk(function, "call"):
                _note_operation(findings, migration, call)
    return findings.extraction()


def _note_operation(findings: Findings, migration: Ref, call: Node) -> None:
    receiver, _, kind = called(call).rpartition(".")
    given, line = positional(call), line_of(call)
    name = string_of(given[0]) if given else None
    if receiver != "op" or not name:
        return
    rule = f"alembic {kind}"
    if kind == "create_table":
        table = _note_table(findings, name, call, given[1:], rule)
        findings.edge(migration, "writes", table, line, rule)
    elif kind in ("add_column", "drop_column", "alter_column") and len(given) >= 2:
        member = given[1]
        is_call = member.type == "call" and bool(positional(member))
        column = string_of(positional(member)[0]) if is_call else string_of(member)
        if column:
            target = Ref("column", f"{name}.{column}")
            if kind == "add_column":
                _note_column(findings, Ref("table", name), column, member, rule)
            findings.edge(migration, "writes", target, line_of(member), rule)
        findings.edge(migration, "writes", Ref("table", name), line, rule)
    elif kind == "drop_table":
        findings.edge(migration, "writes", Ref("table", name), line, rule)
    elif kind == "create_index" and len(given) >= 2 and (table_name := string_of(given[1])):
        index = findings.entity("index", name, line, rule)
        findings.edge(index, "depends_on", Ref("table", table_name), line, rule)
        findings.edge(migration, "writes", index, line, rule)
    elif kind == "execute":
        note_facts(findings, migration, sql_facts(name, line), "declared", "sql statement")


def _is_python(path: str) -> bool:
    return path.endswith(".py")


SQLALCHEMY = KnowledgeExtractor(
    "sqlalchemy", 1, _is_python, _extract, (b"__tablename__", b"table=True", b"Table(")
)
ALEMBIC = KnowledgeExtractor("alembic", 1, _is_python, _extract_migration, (b"down_revision",))
