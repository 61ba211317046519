"""Tables of Rails: the schema, migrations, the models that stand for tables, and their queries.

A model's table is the plural of its name, unless it says otherwise. Above: linking. Below: the
texts of Ruby files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from agentos_memory.knowledge.extractors.code_files import is_commented
from agentos_memory.knowledge.model import Extraction, Findings, Ref
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile

MAX_FOUND = 2_000
_SCHEMA = re.compile(r"(?:^|/)db/(?:\w+_)?schema\.rb$")
_MIGRATION = re.compile(r"(?:^|/)db/(?:\w+_)?migrate/[^/]+\.rb$")
_TABLE = re.compile(r"^[ \t]*create_table[ (]+[:\"'](?P<name>\w+)", re.MULTILINE)
_END = re.compile(r"^[ \t]*end\b", re.MULTILINE)
_COLUMN = re.compile(
    r"^[ \t]*\w+\.(?P<kind>string|text|integer|bigint|float|decimal|datetime|timestamp|time|date|"
    r"binary|boolean|json|jsonb|uuid|inet|references|belongs_to|citext|virtual|column)[ (]+"
    r"[:\"'](?P<name>\w+)",
    re.MULTILINE,
)
_INDEX = re.compile(r"^[ \t]*\w+\.index\b[^\n]{0,300}?name:\s*[\"'](?P<name>\w+)", re.MULTILINE)
_FOREIGN = re.compile(
    r"^[ \t]*add_foreign_key[ (]+[:\"'](?P<table>\w+)[\"']?\s*,\s*[:\"'](?P<to>\w+)", re.MULTILINE
)
_CHANGE = re.compile(
    r"^[ \t]*(?P<what>(?:add|remove|change|rename)_(?:column|index|reference|timestamps)\w*|"
    r"drop_table|rename_table|change_table|change_column_\w+)[ (]+[:\"'](?P<table>\w+)[\"']?"
    r"(?:\s*,\s*[:\"'](?P<column>\w+))?",
    re.MULTILINE,
)
_MODEL = re.compile(
    r"^[ \t]*class\s+(?P<name>[A-Z]\w*)\s*<\s*(?:::)?(?:ApplicationRecord|ActiveRecord::Base)\b",
    re.MULTILINE,
)
_NAMED = re.compile(r"^[ \t]*self\.table_name\s*=\s*[\"'](?P<name>\w+)", re.MULTILINE)
_QUERY = re.compile(
    r"(?<![\w:.])(?P<model>[A-Z]\w*)\.(?P<verb>where|find|find_by!?|find_or_create_by!?|exists\?|"
    r"joins|includes|order|pluck|count|select|first|last|all|create!?|insert_all!?|upsert_all|"
    r"update_all|delete_all|destroy_all|update!?)(?=[\s(.!?]|$)",
    re.MULTILINE,
)
_WRITES = re.compile(r"create|insert|upsert|update|delete|destroy")
_KEYS = re.compile(r"[\s(](?P<name>[a-z_]\w*):(?!:)")
_IRREGULAR = {"person": "people", "child": "children", "man": "men", "datum": "data"}


def table_name(model: str) -> str:
    """The table of a model's class, as Rails names it."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", model).lower()
    head, _, last = words.rpartition("_")
    if last in _IRREGULAR:
        plural = _IRREGULAR[last]
    elif re.search(r"[^aeiou]y$", last):
        plural = last[:-1] + "ies"
    elif re.search(r"(?:s|x|z|ch|sh)$", last):
        plural = last + "es"
    else:
        plural = last + "s"
    return f"{head}_{plural}" if head else plural


def _extract_schema(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    is_migration = _MIGRATION.search(file.path) is not None
    source = findings.file
    if is_migration:
        source = findings.entity("migration", file.path, 1, "rails migration")
    for match in islice(_TABLE.finditer(file.text), MAX_FOUND):
        _note_table(findings, file, source, match)
    for match in islice(_FOREIGN.finditer(file.text), MAX_FOUND):
        table, to = Ref("table", match["table"]), Ref("table", match["to"])
        line = file.line_at(match.start("table"))
        findings.edge(table, "depends_on", to, line, "foreign key")
    for match in islice(_CHANGE.finditer(file.text), MAX_FOUND) if is_migration else ():
        line = file.line_at(match.start("what"))
        findings.edge(source, "writes", Ref("table", match["table"]), line, match["what"])
        if match["column"]:
            column = Ref("column", f"{match['table']}.{match['column']}")
            findings.edge(source, "writes", column, line, match["what"])
    return findings.extraction()


def _note_table(findings: Findings, file: SourceFile, source: Ref, match: re.Match[str]) -> None:
    text, name = file.text, match["name"]
    line = file.line_at(match.start("name"))
    table = findings.entity("table", name, line, "create_table")
    findings.edge(source, "writes", table, line, "create_table")
    end = _END.search(text, match.end())
    stop = len(text) if end is None else end.start()
    for column in islice(_COLUMN.finditer(text, match.end(), stop), MAX_FOUND):
        suffix = "_id" if column["kind"] in ("references", "belongs_to") else ""
        at = file.line_at(column.start("name"))
        made = findings.entity(
            "column", f"{name}.{column['name']}{suffix}", at, "column definition"
        )
        findings.edge(table, "contains", made, at, "column definition")
        findings.edge(source, "writes", made, at, "column definition")
    for index in islice(_INDEX.finditer(text, match.end(), stop), MAX_FOUND):
        at = file.line_at(index.start("name"))
        made = findings.entity("index", index["name"], at, "create index")
        findings.edge(made, "depends_on", table, at, "create index")


def _extract_code(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    for line, name, table in _models(file):
        # The schema declares the table; the class stands for it.
        findings.entity("table", table, line, "rails model", "inferred", model=name)
    for match in islice(_QUERY.finditer(file.text), MAX_FOUND):
        if is_commented(file.text, match.start()):
            continue
        line = file.line_at(match.start())
        kind = "writes" if _WRITES.match(match["verb"]) else "reads"
        table = table_name(match["model"])
        rest = file.text[match.end() : file.text.find("\n", match.end())][:300]
        targets = [Ref("rails_table", table)]
        targets += [Ref("column", f"{table}.{key['name']}") for key in _KEYS.finditer(rest)]
        for target in targets:
            source = findings.code(line)
            if kind == "writes":
                findings.edge(source, "writes", target, line, "rails query", "inferred")
            else:
                findings.edge(source, "reads", target, line, "rails query", "inferred")
    return findings.extraction()


def _models(file: SourceFile) -> Iterator[tuple[int, str, str]]:
    """Lines, classes and tables of the models of a file."""
    for match in islice(_MODEL.finditer(file.text), MAX_FOUND):
        named = _NAMED.search(file.text, match.end())
        table = named["name"] if named is not None else table_name(match["name"])
        yield file.line_at(match.start("name")), match["name"], table


def _claims_schema(path: str) -> bool:
    return _SCHEMA.search(path) is not None or _MIGRATION.search(path) is not None


def _claims_code(path: str) -> bool:
    return path.endswith(".rb") and not _claims_schema(path)


RAILS_SCHEMA = KnowledgeExtractor("rails schema", 1, _claims_schema, _extract_schema)
RAILS_QUERIES = KnowledgeExtractor(
    "rails queries", 1, _claims_code, _extract_code, (b".where", b".find", b".create", b"Record")
)
