"""Resources of Terraform: what they depend on and which variables configure them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from agentos_memory.knowledge.model import EntityKind, Extraction, Findings, Ref
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile

# Resource types that are one of the kinds known elsewhere, by the attribute with their name.
_KINDS: dict[str, EntityKind] = {
    "kubernetes_deployment": "deployment", "kubernetes_stateful_set": "deployment",
    "aws_ecs_task_definition": "deployment", "aws_lambda_function": "deployment",
    "google_cloud_run_service": "service", "google_cloud_run_v2_service": "service",
    "aws_ecs_service": "service", "kubernetes_service": "service",
    "aws_apprunner_service": "service", "azurerm_container_app": "service",
    "kubernetes_config_map": "config_map", "aws_ssm_parameter": "config_map",
    "kubernetes_secret": "secret", "aws_secretsmanager_secret": "secret",
    "google_secret_manager_secret": "secret", "azurerm_key_vault_secret": "secret",
    "kubernetes_ingress": "ingress", "kubernetes_ingress_v1": "ingress", "aws_lb": "ingress",
    "kubernetes_cron_job": "cron_job", "google_cloud_scheduler_job": "cron_job",
    "aws_cloudwatch_event_rule": "cron_job", "aws_scheduler_schedule": "cron_job",
}  # fmt: skip
_NOT_RESOURCES = frozenset({
    "var", "local", "each", "count", "self", "path", "terraform", "lookup", "data", "provider",
})  # fmt: skip
_REFERENCE = re.compile(
    r"(?<![\w.\"-])(?P<type>[a-z][a-z0-9]*_[a-z0-9_]+|module)\.(?P<name>[A-Za-z_][\w-]*)"
)
_NAMES = ("name", "function_name", "family", "secret_id")


def _extract(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    blocks = [child for body in file.hcl.named_children for child in body.named_children]
    for block in blocks:
        if block.type != "block":
            continue
        labels = _labels(block)
        if labels[:1] in (["resource"], ["data"]) and len(labels) == 3:
            _note(findings, block, f"{labels[1]}.{labels[2]}", labels[1])
        elif labels[:1] == ["module"] and len(labels) == 2:
            _note(findings, block, f"module.{labels[1]}", "module")
    return findings.extraction()


def _note(findings: Findings, block: Node, address: str, kind: str) -> None:
    line = block.start_point[0] + 1
    resource = findings.entity("resource", address, line, "terraform block", type=kind)
    named = _own_name(block)
    if kind in _KINDS and named is not None:
        thing = findings.entity(
            _KINDS[kind], named[0], named[1], "terraform block", address=address
        )
        findings.edge(thing, "deployed_as", resource, line, "terraform block")
    for node in _walk(block, "expression"):
        for other, at in _references(_text(node), node.start_point[0] + 1):
            findings.edge(resource, "depends_on", other, at, "terraform reference")
    _note_variables(findings, resource, block)


def _references(text: str, first_line: int) -> Iterator[tuple[Ref, int]]:
    """Other resources that an expression names, with their lines."""
    line, seen = first_line, 0
    for match in _REFERENCE.finditer(text):
        line += text.count("\n", seen, match.start())
        seen = match.start()
        if match["type"] not in _NOT_RESOURCES:
            yield Ref("resource", f"{match['type']}.{match['name']}"), line


def _note_variables(findings: Findings, resource: Ref, block: Node) -> None:
    rule = "terraform environment"
    for labels, inner in _inner_blocks(block):
        if labels[:1] == ["env"]:
            named = _own_name(inner)
            if named is not None:
                variable = findings.entity("env_var", named[0], named[1], rule)
                findings.edge(resource, "configured_by", variable, named[1], rule)
        elif labels[:1] == ["environment"]:
            for element in _walk(inner, "object_elem"):
                key = element.child_by_field_name("key")
                name = _text(key).strip('"') if key is not None else ""
                if re.fullmatch(r"[A-Za-z_]\w{0,99}", name):
                    line = element.start_point[0] + 1
                    variable = findings.entity("env_var", name, line, rule)
                    findings.edge(resource, "configured_by", variable, line, rule)


def _own_name(block: Node) -> tuple[str, int] | None:
    """The block's name where it is a plain text, also below `metadata`."""
    for attribute in _walk(block, "attribute"):
        name = attribute.named_children[0] if attribute.named_children else None
        if name is None or _text(name) not in _NAMES:
            continue
        value = _text(attribute).partition("=")[2].strip()
        if re.fullmatch(r'"[\w./-]+"', value):
            return value.strip('"'), attribute.start_point[0] + 1
    return None


def _labels(block: Node) -> list[str]:
    return [
        _text(child).strip('"')
        for child in block.named_children
        if child.type in ("identifier", "string_lit")
    ]


def _inner_blocks(block: Node) -> Iterator[tuple[list[str], Node]]:
    """The blocks inside with their labels, but for what environments hold."""
    pending = list(reversed(list(_walk(block, "block"))))
    while pending:
        here = pending.pop()
        labels = _labels(here)
        yield labels, here
        if labels[:1] not in (["env"], ["environment"]):
            pending.extend(reversed(list(_walk(here, "block"))))


def _walk(node: Node, kind: str) -> Iterator[Node]:
    """The outermost nodes of a kind below `node`; those inside them would repeat their text."""
    pending = list(reversed(node.named_children))
    while pending:
        here = pending.pop()
        if here.type == kind:
            yield here
        else:
            pending.extend(reversed(here.named_children))


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


TERRAFORM = KnowledgeExtractor(
    "terraform", 1, lambda path: path.endswith((".tf", ".tofu")), _extract
)
