"""Decisions, RFCs, runbooks, changelogs and incidents, by where documents lie and what they say.

A document is what its folder, its name or the `type` of its front matter says. What it mentions in
backticks, links or front matter is linked to files and entities of that name; other mentions are
dropped. Comments in code that name a decision lead to it.
"""

from __future__ import annotations

import re

from agentos_memory.knowledge.extractors.code_files import is_code
from agentos_memory.knowledge.extractors.kubernetes import joined_path
from agentos_memory.knowledge.model import (
    EntityKind,
    Extraction,
    Findings,
    KnowledgeEdgeKind,
    Ref,
)
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile

_SUFFIXES = (".md", ".markdown", ".mdx", ".rst", ".txt", ".adoc")
_MAX_MENTIONS = 200
_PLACES: tuple[tuple[EntityKind, re.Pattern[str]], ...] = (
    ("adr", re.compile(r"(?:^|/)(?:adrs?|decisions|architecture[-_]decisions?)/(?!readme|index|template)[^/]+$"
                       r"|(?:^|/)adr[-_]?\d+[^/]*$", re.IGNORECASE)),
    ("rfc", re.compile(r"(?:^|/)rfcs?/(?!readme|index|template)(?:\d{4}/)?[^/]+$|(?:^|/)rfc[-_]?\d+[^/]*$", re.IGNORECASE)),
    ("runbook", re.compile(r"(?:^|/)(?:runbooks?|playbooks?)/(?!readme|index|template)[^/]+$|(?:^|/)(?:[\w-]+[-_])?runbook[^/]*$", re.IGNORECASE)),
    ("incident", re.compile(r"(?:^|/)(?:incidents?|post-?mortems?)/(?!readme|index|template)[^/]+$"
                            r"|(?:^|/)(?:incident|post-?mortem)[-_][^/]*\d[^/]*$", re.IGNORECASE)),
    ("changelog", re.compile(r"(?:^|/)(?:changelog|changes|history|release[-_]?notes)(?:\.\w+)?$", re.IGNORECASE)),
)  # fmt: skip
_MARK = re.compile(
    r"`(?P<code>[^`\n]{2,200})`|\]\((?P<link>[^)\s#]{2,300})(?:#[^)]*)?\)"
    r"|\b(?P<doc>(?:ADR|RFC)[- ]?\d{1,5})\b"
)
_IN_CODE = re.compile(r"(?:#|//|\*|--).*?\b(?P<doc>ADR[- ]?\d{1,5})\b")
_HEADING = re.compile(r"^#\s+(?P<title>.+)$|^(?P<under>[^\n]+)\n=+\s*$", re.MULTILINE)
_CAUSE = re.compile(
    r"^(?:[-*]\s*)?\**(?:root[ -])?caused?(?: by)?\**\s*:?\**\s*(?P<rest>.+)$",
    re.IGNORECASE | re.MULTILINE,
)
_COMMIT = re.compile(r"\b(?P<commit>[0-9a-f]{7,40})\b")
_FIELDS: dict[str, KnowledgeEdgeKind] = {
    "owner": "owned_by", "owners": "owned_by", "team": "owned_by", "author": "owned_by",
    "authors": "owned_by", "supersedes": "depends_on", "depends_on": "depends_on",
    "service": "depends_on", "services": "depends_on", "affects": "depends_on",
    "tables": "depends_on", "components": "depends_on", "decided_by": "decided_by",
    "adr": "decided_by", "rfc": "decided_by", "caused_by": "caused_by", "cause": "caused_by",
}  # fmt: skip
_FRONT = re.compile(r"\A---\n(?P<body>.*?)\n(?:---|\.\.\.)\s*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(
    r"^(?P<key>[A-Za-z_][\w-]*):[ \t]*(?P<value>.*(?:\n[ \t]+.*|\n[ \t]*- .*)*)", re.MULTILINE
)
_VALUE = re.compile(r"[^\s,\[\]'\"][^,\[\]'\"\n]*")
_NAMED_KIND: dict[str, EntityKind] = {
    "adr": "adr", "decision": "adr", "rfc": "rfc", "runbook": "runbook", "playbook": "runbook",
    "incident": "incident", "postmortem": "incident", "changelog": "changelog",
}  # fmt: skip


def _extract(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    fields = _front_matter(file.text)
    kind = _kind_of(file.path, fields)
    if kind is None:
        return findings.extraction()
    title = _HEADING.search(file.text)
    name = file.name.rpartition(".")[0] or file.name
    if kind == "changelog":
        name = file.path
    line = 1 if title is None else file.line_at(title.start())
    shown = "" if title is None else (title["title"] or title["under"]).strip()[:200]
    document = findings.entity(kind, name, line, f"{kind} document", title=shown)
    for key, values in fields.items():
        for value, at in values:
            _note_field(findings, document, key, value, at)
    if kind != "changelog":
        _note_mentions(findings, file, document)
    if kind == "incident":
        _note_causes(findings, file, document)
    return findings.extraction()


def _kind_of(path: str, fields: dict[str, list[tuple[str, int]]]) -> EntityKind | None:
    for key in ("type", "kind"):
        for value, _ in fields.get(key, ()):
            if value.lower() in _NAMED_KIND:
                return _NAMED_KIND[value.lower()]
    return next((kind for kind, place in _PLACES if place.search(path)), None)


def _front_matter(text: str) -> dict[str, list[tuple[str, int]]]:
    """The values of each field of the front matter, with their lines."""
    match = _FRONT.match(text)
    if match is None:
        return {}
    fields: dict[str, list[tuple[str, int]]] = {}
    for entry in _FIELD.finditer(match["body"]):
        base = match.start("body") + entry.start("value")
        values = fields.setdefault(entry["key"].lower(), [])
        for value in _VALUE.finditer(entry["value"]):
            spelled = value.group().removeprefix("- ").strip()
            if spelled and spelled != "-":
                values.append((spelled, text.count("\n", 0, base + value.start()) + 1))
    return fields


def _note_field(findings: Findings, document: Ref, key: str, value: str, line: int) -> None:
    kind = _FIELDS.get(key)
    if kind == "owned_by":
        is_team = key == "team" or "/" in value
        owner = findings.entity("team" if is_team else "owner", value, line, "front matter")
        findings.edge(document, "owned_by", owner, line, "front matter")
    elif kind is not None:
        findings.edge(document, kind, Ref("mention", value), line, "front matter", "inferred")


def _note_mentions(findings: Findings, file: SourceFile, document: Ref) -> None:
    """A decision decides what it mentions; a runbook, an incident depends on it."""
    for count, match in enumerate(_MARK.finditer(file.text)):
        if count >= _MAX_MENTIONS:
            return
        link, line = match["link"], file.line_at(match.start())
        if link and "://" in link:
            continue
        name = joined_path(file.folder, link) if link else match["code"] or match["doc"]
        mention = Ref("mention", name)
        if match["doc"] or document.kind not in ("adr", "rfc"):
            findings.edge(document, "depends_on", mention, line, "document mention", "inferred")
        else:
            findings.edge(mention, "decided_by", document, line, "document mention", "inferred")


def _note_causes(findings: Findings, file: SourceFile, document: Ref) -> None:
    for match in _CAUSE.finditer(file.text):
        line = file.line_at(match.start("rest"))
        rest = match["rest"]
        for commit in _COMMIT.finditer(rest):
            target = Ref("commit", commit["commit"])
            findings.edge(document, "caused_by", target, line, "incident cause", "inferred")
        for mark in _MARK.finditer(rest):
            target = Ref("mention", mark["code"] or mark["doc"] or mark["link"])
            findings.edge(document, "caused_by", target, line, "incident cause", "inferred")


def _extract_code(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    for match in _IN_CODE.finditer(file.text):
        line = file.line_at(match.start("doc"))
        decision = Ref("mention", match["doc"])
        findings.edge(findings.code(line), "decided_by", decision, line, "comment", "inferred")
    return findings.extraction()


def _claims(path: str) -> bool:
    return path.lower().endswith(_SUFFIXES) or (
        "." not in path.rpartition("/")[2] and _PLACES[-1][1].search(path) is not None
    )


DOCUMENTS = KnowledgeExtractor("documents", 1, _claims, _extract)
DECISION_COMMENTS = KnowledgeExtractor(
    "decision comments", 1, is_code, _extract_code, (b"ADR-", b"ADR ", b"ADR0")
)
