"""What Kubernetes manifests deploy, and how it is configured: names only.

Templates (Helm) are read as far as they are YAML. Labels and selectors are kept as attributes,
which links compare. Kustomize and Skaffold files give the folders that images are built from.
"""

from __future__ import annotations

import re

from agentos_memory.knowledge.model import EntityKind, Extraction, Findings, Ref
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile
from agentos_memory.knowledge.yaml_nodes import YamlNode, documents

_KINDS: dict[str, EntityKind] = {
    "Deployment": "deployment", "StatefulSet": "deployment", "DaemonSet": "deployment",
    "Job": "deployment", "Pod": "deployment", "Rollout": "deployment", "CronJob": "cron_job",
    "Service": "service", "ConfigMap": "config_map", "Secret": "secret",
    "ExternalSecret": "secret", "SealedSecret": "secret", "Ingress": "ingress",
}  # fmt: skip
# What may be a name in the cluster; a template's hole is none.
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,252}")
_HOST = re.compile(
    r"^(?P<scheme>[a-z][a-z0-9+.-]*://(?:[^@/\s]*@)?)?(?P<host>[a-z][a-z0-9.-]*)(?P<port>:\d+)?(?:/|$)"
)
_IS_SECRET = re.compile(r"pass|secret|token|key|credential|pwd|auth|salt", re.IGNORECASE)
_IS_ADDRESS = re.compile(
    r"(?:HOST|HOSTNAME|ADDR|ADDRESS|URL|URI|SERVICE|ENDPOINT|SERVER)S?$", re.IGNORECASE
)


def note_host(findings: Findings, source: Ref, name: str, value: str, line: int) -> None:
    """A dependency on whatever service a configured address names; links drop other hosts.

    Nothing of a value is kept but the host of an address, and nothing where the name of the
    variable says that its value may be secret.
    """
    match = _HOST.match(value)
    if match is None or _IS_SECRET.search(name):
        return
    if match["scheme"] or match["port"] or _IS_ADDRESS.search(name):
        host = Ref("name", match["host"].partition(".")[0])
        findings.edge(source, "depends_on", host, line, "configured address", "inferred")


def _extract(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    for document in documents(file.yaml):
        _note_object(findings, file, document, 0)
    return findings.extraction()


def _note_object(findings: Findings, file: SourceFile, document: YamlNode, depth: int) -> None:
    kind = document.get("kind").value
    if kind.endswith("List") and depth == 0:
        for item in document.get("items").items:
            _note_object(findings, file, item, 1)
    if document.get("apiVersion").value.startswith("skaffold/"):
        _note_builds(findings, file, document)
    name = document.get("metadata", "name")
    if kind not in _KINDS or not _NAME.fullmatch(name.value):
        return
    rule = f"kubernetes {kind}"
    entity_kind = _KINDS[kind]
    pod = _pod(document, kind)
    attributes = {
        "labels": _pairs(pod.get("metadata", "labels")),
        "selector": _pairs(document.get("spec", "selector")) if kind == "Service" else "",
        "namespace": document.get("metadata", "namespace").value,
    }
    line = document.get("metadata").key_lines.get("name", name.line)
    given = {key: value for key, value in attributes.items() if value}
    thing = findings.entity(entity_kind, name.value, line, rule, "declared", **given)
    _note_reviewed(findings, thing, document)
    if entity_kind in ("deployment", "cron_job"):
        _note_pod(findings, thing, pod.get("spec"))
    elif kind == "Ingress":
        _note_routes(findings, thing, document.get("spec"))
    elif kind == "ConfigMap":
        for key, value in document.get("data").entries.items():
            if value.text is not None and "\n" not in value.text:
                note_host(findings, thing, key, value.value, document.get("data").key_lines[key])


def _pod(document: YamlNode, kind: str) -> YamlNode:
    if kind == "Pod":
        return document
    if kind == "CronJob":
        return document.get("spec", "jobTemplate", "spec", "template")
    return document.get("spec", "template")


def _pairs(node: YamlNode) -> str:
    pairs = [f"{key}={value.value}" for key, value in node.entries.items() if value.value]
    return ",".join(sorted(pairs))


def _note_reviewed(findings: Findings, thing: Ref, document: YamlNode) -> None:
    """Owners by the usual annotations and labels."""
    for group in ("annotations", "labels"):
        node = document.get("metadata", group)
        for key, value in node.entries.items():
            name = key.rpartition("/")[2]
            if name in ("owner", "team") and _NAME.fullmatch(value.value):
                line = node.key_lines[key]
                kind: EntityKind = "team" if name == "team" else "owner"
                owner = findings.entity(kind, value.value, line, f"kubernetes {group}")
                findings.edge(thing, "owned_by", owner, line, f"kubernetes {group}")


def _note_pod(findings: Findings, thing: Ref, spec: YamlNode) -> None:
    for group in ("containers", "initContainers"):
        for container in spec.get(group).items:
            _note_container(findings, thing, container)
    for volume in spec.get("volumes").items:
        for key, name, kind in (
            ("configMap", "name", "config_map"), ("secret", "secretName", "secret"),
        ):  # fmt: skip
            _note_configured(findings, thing, kind, volume.get(key, name), "kubernetes volume")


def _note_container(findings: Findings, thing: Ref, container: YamlNode) -> None:
    image = container.get("image")
    if image.value and "{{" not in image.value:
        name = image.value.partition("@")[0].rpartition("/")[2].partition(":")[0]
        built = Ref("image", name)
        findings.edge(built, "deployed_as", thing, image.line, "container image", "inferred")
    for variable in container.get("env").items:
        name, line = variable.get("name").value, variable.get("name").line
        if _NAME.fullmatch(name):
            given = findings.entity("env_var", name, line, "container environment")
            findings.edge(thing, "configured_by", given, line, "container environment")
        value = variable.get("value")
        if value.value:
            note_host(findings, thing, name, value.value, value.line)
        for key, kind in (("configMapKeyRef", "config_map"), ("secretKeyRef", "secret")):
            source = variable.get("valueFrom", key, "name")
            _note_configured(findings, thing, kind, source, "container environment")
    for group in container.get("envFrom").items:
        for key, kind in (("configMapRef", "config_map"), ("secretRef", "secret")):
            _note_configured(findings, thing, kind, group.get(key, "name"), "container environment")


def _note_configured(findings: Findings, thing: Ref, kind: str, name: YamlNode, rule: str) -> None:
    if _NAME.fullmatch(name.value):
        entity_kind: EntityKind = "config_map" if kind == "config_map" else "secret"
        target = findings.entity(entity_kind, name.value, name.line, rule, "inferred")
        findings.edge(thing, "configured_by", target, name.line, rule)


def _note_routes(findings: Findings, thing: Ref, spec: YamlNode) -> None:
    backends = [spec.get("defaultBackend"), spec.get("backend")]
    for rule in spec.get("rules").items:
        backends += [path.get("backend") for path in rule.get("http", "paths").items]
    for backend in backends:
        for name in (backend.get("service", "name"), backend.get("serviceName")):
            if _NAME.fullmatch(name.value):
                service = Ref("service", name.value)
                findings.edge(thing, "depends_on", service, name.line, "ingress backend")
    for tls in spec.get("tls").items:
        _note_configured(findings, thing, "secret", tls.get("secretName"), "ingress tls")


def _note_builds(findings: Findings, file: SourceFile, document: YamlNode) -> None:
    for artifact in document.get("build", "artifacts").items:
        image, context = artifact.get("image").value, artifact.get("context")
        name = image.rpartition("/")[2]
        if name and context.value:
            folder = joined_path(file.folder, context.value)
            built = Ref("image", name)
            findings.edge(
                Ref("path", folder), "deployed_as", built, context.line, "skaffold artifact"
            )


def joined_path(folder: str, relative: str) -> str:
    parts = [] if not folder else folder.split("/")
    for part in relative.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or "."


KUBERNETES = KnowledgeExtractor(
    "kubernetes",
    1,
    lambda path: path.endswith((".yaml", ".yml")),
    _extract,
    (b"apiVersion",),
)
