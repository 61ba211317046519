"""Tables, columns, indexes and migrations from SQL files; reads and writes from SQL in code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from agentos_memory.knowledge.extractors.code_files import is_code, is_commented
from agentos_memory.knowledge.model import Extraction, Findings, KnowledgeTier, Ref
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile
from agentos_memory.knowledge.sql_statements import SqlFact, sql_facts

# Flyway (V1__x.sql), goose, golang-migrate, dbmate, Rails and hand-made folders of migrations.
_MIGRATION = re.compile(
    r"(?:^|/)(?:migrations?|migrate|db/versions|flyway|changelogs?)/(?:.*/)?[^/]*\.sql$"
    r"|(?:^|/)[VUR]\d[\d._]*__[^/]+\.sql$"
)
_DOWN = re.compile(r"\.down\.sql$|/down\.sql$")
_STRING = re.compile(
    r'''(?P<quote>"""|\'\'\'|"|'|`)\s*
        (?=(?:SELECT|INSERT\s+INTO|UPDATE|DELETE\s+FROM|WITH|CREATE\s+TABLE|MERGE\s+INTO)\s
          |(?:select|insert\s+into|update|delete\s+from|with|create\s+table|merge\s+into)\s)
        (?P<sql>(?:\\.|(?!(?P=quote))[^\\]){8,20000}?)(?P=quote)''',
    re.VERBOSE | re.DOTALL,
)
# A name that is given a statement, whatever the language's words for it.
_HOLDER = re.compile(r"(?P<name>[A-Za-z_]\w{2,})\s*(?::\s*[\w.&'<> ]+)?\s*:?=\s*\(?\s*[rbfRBF]?$")
_MAX_USES = 50
_RUN = frozenset({"reads", "writes"})
_SHAPE = re.compile(
    r"\b(?:select\b.+\bfrom\s+[\w\"`\[{%]|insert\s+into\s+\S+\s*(?:\(|values|select|default)"
    r"|update\s+\S+.*\sset\s+\S+\s*=|delete\s+from\s+\S+(?:\s+where\b|\s*;?\s*$|\s+using\b)"
    r"|create\s+table\b.+\(|merge\s+into\b)",
    re.IGNORECASE | re.DOTALL,
)


def note_facts(
    findings: Findings, source: Ref, facts: Iterable[SqlFact], tier: KnowledgeTier, rule: str
) -> None:
    """Entities and edges of statements; `source` is what runs them."""
    for fact in facts:
        table = Ref("table", fact.table)
        column = Ref("column", f"{fact.table}.{fact.name}")
        match fact.action:
            case "create_table" | "create_view":
                made = fact.action.replace("_", " ")
                findings.entity("table", fact.table, fact.line, made, tier)
                findings.edge(source, "writes", table, fact.line, made, tier)
            case "create_column":
                findings.entity("column", column.name, fact.line, "column definition", tier)
                findings.edge(table, "contains", column, fact.line, "column definition", tier)
                findings.edge(source, "writes", column, fact.line, "column definition", tier)
            case "create_index":
                index = findings.entity("index", fact.name, fact.line, "create index", tier)
                findings.edge(index, "depends_on", table, fact.line, "create index", tier)
                findings.edge(source, "writes", index, fact.line, "create index", tier)
            case "references":
                target = Ref("table", fact.name)
                findings.edge(table, "depends_on", target, fact.line, "references", tier)
            case "alter" | "drop":
                findings.edge(source, "writes", table, fact.line, f"{fact.action} table", tier)
            case "reads" | "writes":
                target = column if fact.name else table
                findings.edge(source, fact.action, target, fact.line, rule, tier)


def _extract_file(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    source = findings.file
    if _MIGRATION.search(file.path):
        rule = "sql migration"
        source = findings.entity("migration", file.path, 1, rule)
        # What a rollback says is not what the database looks like.
        if _DOWN.search(file.path):
            return findings.extraction()
    note_facts(findings, source, sql_facts(file.text), "declared", "sql statement")
    return findings.extraction()


def _extract_strings(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    for match in _STRING.finditer(file.text):
        if not _SHAPE.search(match["sql"]) or is_commented(file.text, match.start()):
            continue
        facts = sql_facts(match["sql"], file.line_at(match.start("sql")))
        for fact in facts:
            note_facts(findings, findings.code(fact.line), [fact], "inferred", "sql string")
        for line in _uses(file, match):
            at_use = [replace(fact, line=line) for fact in facts if fact.action in _RUN]
            note_facts(findings, findings.code(line), at_use, "inferred", "sql constant")
    return findings.extraction()


def _uses(file: SourceFile, statement: re.Match[str]) -> list[int]:
    """Lines of the file that name the constant or variable which holds the statement."""
    start = file.text.rfind("\n", 0, statement.start()) + 1
    held = _HOLDER.search(file.text[start : statement.start()])
    if held is None:
        return []
    name = re.compile(rf"(?<![\w.\"'`]){re.escape(held['name'])}(?![\w\"'`]|\s*=[^=])")
    uses = islice(name.finditer(file.text, statement.end()), _MAX_USES)
    return [file.line_at(use.start()) for use in uses if not is_commented(file.text, use.start())]


SQL_FILES = KnowledgeExtractor("sql files", 1, lambda path: path.endswith(".sql"), _extract_file)
SQL_STRINGS = KnowledgeExtractor(
    "sql strings",
    2,
    lambda path: is_code(path) and "/migrations/" not in f"/{path}",
    _extract_strings,
    (b"FROM ", b"from ", b"INTO ", b"into ", b"UPDATE ", b"update ", b"FROM\n", b"from\n",
     b"CREATE TABLE ", b"create table "),
)  # fmt: skip
