"""Tables of Django's models, and what its migrations change.

A class is a model where its fields come from `django.db.models`, or its base is `models.Model`.
Abstract and proxy classes have no table. Fields of bases in other files are not followed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tree_sitter import Node

from agentos_memory.knowledge.extractors.sql_files import note_facts
from agentos_memory.knowledge.model import Extraction, Findings, Ref
from agentos_memory.knowledge.python_syntax import (
    argument,
    assignments,
    called,
    classes,
    imported_names,
    keywords,
    line_of,
    positional,
    string_of,
    text_of,
    walk,
)
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile
from agentos_memory.knowledge.sql_statements import sql_facts

_RELATIONS = ("ForeignKey", "OneToOneField")
_MANY = "ManyToManyField"
# Options of a class Meta that only models have; a form's or a serializer's names its `model`.
_MODEL_OPTIONS = frozenset({
    "db_table", "swappable", "managed", "unique_together", "indexes", "constraints", "app_label",
    "default_related_name", "order_with_respect_to", "abstract", "proxy",
})  # fmt: skip
_MIGRATION_PATH = re.compile(r"(?:^|/)migrations/(?!__init__)[^/]+\.py$")


@dataclass
class _Model:
    """A class with its fields by name."""

    name: str
    node: Node
    fields: dict[str, Node]
    meta: dict[str, Node] = field(default_factory=dict)


def app_label(path: str) -> str:
    """The name of the application that a file belongs to: the folder above models or migrations."""
    parts = path.split("/")[:-1]
    for name in ("models", "migrations"):
        if name in parts:
            parts = parts[: len(parts) - 1 - parts[::-1].index(name)]
    return parts[-1] if parts else "app"


def model_ref(name: str, path: str, imports: dict[str, str]) -> Ref:
    """The model that a name or a dotted name in a file stands for."""
    first, _, rest = name.partition(".")
    origin = _absolute(imports.get(first), path)
    if origin is None:
        return Ref("model", name if rest else f"{path}::{name}")
    return Ref("model", f"{origin}.{rest}" if rest else origin)


def _absolute(origin: str | None, path: str) -> str | None:
    """A relative import's origin from the top of the repository; others as they are."""
    if origin is None or not origin.startswith("."):
        return origin
    name = origin.lstrip(".")
    parts = path.split("/")[:-1]
    up = len(origin) - len(name) - 1
    return ".".join([*(parts[: len(parts) - up] if up else parts), name])


def _extract_models(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    imports = imported_names(file.python)
    if not any(origin.startswith("django.") for origin in imports.values()):
        return findings.extraction()
    models = {model.name: model for model in _models(file.python, imports)}
    for model in models.values():
        if not {"abstract", "proxy"} & {k for k, v in model.meta.items() if text_of(v) == "True"}:
            _note_model(findings, file, model, models, imports)
    return findings.extraction()


def _models(root: Node, imports: dict[str, str]) -> list[_Model]:
    found = []
    for name, node, bases in classes(root):
        fields = {}
        has_own = False
        for attribute, inner in assignments(node):
            value = inner.child_by_field_name("right")
            if value is not None and value.type == "call":
                kind = called(value)
                is_known = _is_from_models(kind, imports)
                if kind.endswith(("Field", *_RELATIONS)) and kind.rpartition(".")[0] != "forms":
                    fields[attribute] = value
                    # Expressions declare the type of their result in the same words.
                    has_own = has_own or (is_known and attribute != "output_field")
        is_model = any(_is_model_base(text_of(base), imports) for base in bases)
        meta = _meta(node)
        is_model = is_model or (bool(_MODEL_OPTIONS & meta.keys()) and "model" not in meta)
        if bases and (is_model or has_own):
            found.append(_Model(name, node, fields, meta))
    return found


def _is_from_models(kind: str, imports: dict[str, str]) -> bool:
    first = kind.partition(".")[0]
    origin = imports.get(first, "")
    return origin.startswith("django.") and ".db" in origin and "models" in f"{origin}.{kind}"


def _is_model_base(base: str, imports: dict[str, str]) -> bool:
    return base.rpartition(".")[2] == "Model" and _is_from_models(base, imports)


def _meta(node: Node) -> dict[str, Node]:
    body = node.child_by_field_name("body")
    for child in [] if body is None else body.named_children:
        if (
            child.type == "class_definition"
            and text_of(child.child_by_field_name("name")) == "Meta"
        ):
            values = {name: a.child_by_field_name("right") for name, a in assignments(child)}
            return {name: value for name, value in values.items() if value is not None}
    return {}


def _note_model(
    findings: Findings,
    file: SourceFile,
    model: _Model,
    models: dict[str, _Model],
    imports: dict[str, str],
) -> None:
    label = string_of(model.meta.get("app_label")) or app_label(file.path)
    name = string_of(model.meta.get("db_table")) or f"{label}_{model.name.lower()}"
    line = line_of(model.node)
    rule = "django model"
    table = findings.entity("table", name, line, rule, model=model.name, app=label)
    findings.edge(findings.code(line), "depends_on", table, line, rule)
    fields = dict(model.fields)
    for base in _local_bases(model, models):
        fields = {**base.fields, **fields}
    if not any("primary_key" in keywords(value) for value in fields.values()):
        column = findings.entity("column", f"{name}.id", line, "django implicit key", "inferred")
        findings.edge(table, "contains", column, line, "django implicit key", "inferred")
    for attribute, value in fields.items():
        _note_field(findings, file, table, attribute, value, imports)
    for index in walk(model.meta["indexes"], "call") if "indexes" in model.meta else ():
        named = string_of(keywords(index).get("name"))
        # Names of abstract classes' indexes are templates.
        if named is not None and "%" not in named:
            _note_index(findings, table, named, line_of(index))


def _local_bases(model: _Model, models: dict[str, _Model]) -> list[_Model]:
    """Abstract bases in the same file, the nearest last."""
    given = model.node.child_by_field_name("superclasses")
    names = [] if given is None else [text_of(base) for base in given.named_children]
    bases = [models[name] for name in names if name in models and name != model.name]
    return [base for base in bases if text_of(base.meta.get("abstract")) == "True"]


def _note_index(findings: Findings, table: Ref, name: str, line: int) -> None:
    index = findings.entity("index", name, line, "django index")
    findings.edge(index, "depends_on", table, line, "django index")


def _note_field(
    findings: Findings,
    file: SourceFile,
    table: Ref,
    attribute: str,
    value: Node,
    imports: dict[str, str],
) -> None:
    kind, line = called(value).rpartition(".")[2], line_of(value)
    target = argument(value, 0, "to")
    if kind.endswith((*_RELATIONS, _MANY)) and target is not None:
        spelled = string_of(target)
        if spelled == "self":
            other = table
        elif spelled is not None:
            other = Ref("model", spelled if "." in spelled else f"{file.path}::{spelled}")
        else:
            other = model_ref(text_of(target), file.path, imports)
        findings.edge(table, "depends_on", other, line, "django relation")
    if kind == _MANY:
        if "through" not in keywords(value):
            name = f"{table.name}_{attribute}"
            between = findings.entity("table", name, line, "django many to many", "inferred")
            findings.edge(between, "depends_on", table, line, "django many to many", "inferred")
        return
    own = string_of(keywords(value).get("db_column"))
    suffix = "_id" if kind.endswith(_RELATIONS) else ""
    name = f"{table.name}.{own or attribute + suffix}"
    column = findings.entity("column", name, line, "django field", field=attribute)
    findings.edge(table, "contains", column, line, "django field")


def _extract_migration(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    for name, node, _ in classes(file.python):
        if name == "Migration" and node.parent == file.python:
            values = {n: a.child_by_field_name("right") for n, a in assignments(node)}
            operations = values.get("operations")
            _note_migration(findings, file, node, values.get("dependencies"), operations)
    return findings.extraction()


def _note_migration(
    findings: Findings,
    file: SourceFile,
    node: Node,
    dependencies: Node | None,
    operations: Node | None,
) -> None:
    label = app_label(file.path)
    stem = file.name.removesuffix(".py")
    rule = "django migration"
    migration = findings.entity("migration", f"{label}.{stem}", line_of(node), rule)
    for pair in [] if dependencies is None else walk(dependencies, "tuple"):
        names = [string_of(child) for child in pair.named_children]
        if len(names) == 2 and names[0] and names[1]:
            other = Ref("migration", f"{names[0]}.{names[1]}")
            findings.edge(migration, "depends_on", other, line_of(pair), rule)
    for call in [] if operations is None else walk(operations, "call"):
        _note_operation(findings, migration, label, call)


def _note_operation(findings: Findings, migration: Ref, label: str, call: Node) -> None:
    kind, line = called(call).rpartition(".")[2], line_of(call)
    rule = f"django {kind}"
    if kind in ("CreateModel", "DeleteModel"):
        model = string_of(argument(call, 0, "name"))
        if model is None:
            return
        findings.edge(migration, "writes", Ref("model", f"{label}.{model}"), line, rule)
        fields = argument(call, 1, "fields")
        for pair in [] if fields is None else fields.named_children:
            parts = pair.named_children
            name = string_of(parts[0]) if pair.type == "tuple" and parts else None
            if name:
                column = Ref("model_column", f"{label}.{model}#{name}")
                findings.edge(migration, "writes", column, line_of(pair), rule)
    elif kind in ("AddField", "AlterField", "RemoveField", "AddIndex", "AddConstraint"):
        model = string_of(argument(call, 0, "model_name"))
        if model is None:
            return
        findings.edge(migration, "writes", Ref("model", f"{label}.{model}"), line, rule)
        name = string_of(argument(call, 1, "name"))
        if name and kind.endswith("Field"):
            column = Ref("model_column", f"{label}.{model}#{name}")
            findings.edge(migration, "writes", column, line, rule)
    elif kind == "RunSQL" and positional(call):
        sql = string_of(positional(call)[0])
        if sql:
            first = line_of(positional(call)[0])
            note_facts(findings, migration, sql_facts(sql, first), "declared", "sql statement")


DJANGO_MODELS = KnowledgeExtractor(
    "django models",
    3,
    lambda path: path.endswith(".py") and not _MIGRATION_PATH.search(path),
    _extract_models,
    (b"Field(", b"ForeignKey(", b"models.Model", b"class Meta"),
)
DJANGO_MIGRATIONS = KnowledgeExtractor(
    "django migrations",
    2,
    lambda path: bool(_MIGRATION_PATH.search(path)),
    _extract_migration,
    (b"class Migration",),
)
