"""Services of Compose files: what they are built from, depend on and are configured by."""

from __future__ import annotations

import re

from agentos_memory.knowledge.extractors.kubernetes import joined_path, note_host
from agentos_memory.knowledge.model import EntityKind, Extraction, Findings, Ref
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile
from agentos_memory.knowledge.yaml_nodes import YamlNode, documents

_FILE = re.compile(r"(?:^|/)(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml$")
_VARIABLE = re.compile(r"(?P<name>[A-Za-z_]\w*)(?:=(?P<value>.*))?", re.DOTALL)


def _extract(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    for document in documents(file.yaml)[:1]:
        services = document.get("services")
        for name, body in services.entries.items():
            line = services.key_lines[name]
            service = findings.entity("service", name, line, "compose service")
            _note_build(findings, file, service, body)
            _note_environment(findings, service, body.get("environment"))
            _note_needs(findings, file, service, body)
    return findings.extraction()


def _note_build(findings: Findings, file: SourceFile, service: Ref, body: YamlNode) -> None:
    build = body.get("build")
    context = build if build.text is not None else build.get("context")
    if context.value and "${" not in context.value and "://" not in context.value:
        folder = Ref("path", joined_path(file.folder, context.value))
        findings.edge(folder, "deployed_as", service, context.line, "compose build")
    else:
        image = body.get("image")
        name = image.value.rpartition("/")[2].partition(":")[0]
        if name:
            findings.edge(
                Ref("image", name), "deployed_as", service, image.line, "compose image", "inferred"
            )


def _note_environment(findings: Findings, service: Ref, node: YamlNode) -> None:
    given = [(key, value.value, node.key_lines[key]) for key, value in node.entries.items()]
    for item in node.items:
        match = _VARIABLE.fullmatch(item.value)
        if match is not None:
            given.append((match["name"], match["value"] or "", item.line))
    for name, value, line in given:
        if re.fullmatch(r"[A-Za-z_]\w{0,99}", name):
            variable = findings.entity("env_var", name, line, "compose environment")
            findings.edge(service, "configured_by", variable, line, "compose environment")
        if value:
            note_host(findings, service, name, value, line)


def _note_needs(findings: Findings, file: SourceFile, service: Ref, body: YamlNode) -> None:
    for group, why in (("depends_on", "compose depends_on"), ("links", "compose links")):
        node = body.get(group)
        needed = [(item.value.partition(":")[0], item.line) for item in node.items]
        needed += list(node.key_lines.items())
        for name, line in needed:
            findings.edge(service, "depends_on", Ref("service", name), line, why)
    for kind, group in (("secret", "secrets"), ("config_map", "configs")):
        for item in body.get(group).items:
            named = item if item.text is not None else item.get("source")
            if named.value:
                rule, line = f"compose {group}", named.line
                entity_kind: EntityKind = "secret" if kind == "secret" else "config_map"
                thing = findings.entity(entity_kind, named.value, line, rule)
                findings.edge(service, "configured_by", thing, line, rule)
    for item in body.get("env_file").strings():
        file_ref = Ref("path", joined_path(file.folder, item.value))
        findings.edge(service, "configured_by", file_ref, item.line, "compose env_file")


COMPOSE = KnowledgeExtractor(
    "compose", 1, lambda path: bool(_FILE.search(path)), _extract, (b"services:",)
)
