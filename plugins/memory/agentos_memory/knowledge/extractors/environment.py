"""Environment variables: where code reads and sets them, where files declare them. Names only."""

from __future__ import annotations

import re

from agentos_memory.knowledge.extractors.code_files import is_code, is_commented
from agentos_memory.knowledge.model import Extraction, Findings, KnowledgeEdgeKind
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile

_NAME = r"(?P<{}>[A-Za-z_][A-Za-z0-9_]{{1,99}})"
_USE = re.compile(
    r"""(?<![\w.])(?:
        (?P<rule1>os\.environ|environ)(?:\.(?P<call>get|setdefault|pop)\(|\[)\s*['"]""" + _NAME.format("n1") + r"""['"](?P<tail>\]\s*(?P<assign>=(?!=))?)?
      | (?P<rule2>os\.getenv|getenv|os\.Getenv|os\.LookupEnv|os\.Setenv|os\.putenv|System\.getenv
          |(?:std::)?env::var(?:_os)?|env!|option_env!|Environment\.GetEnvironmentVariable
          |System\.get_env|System\.fetch_env!)\(\s*['"]""" + _NAME.format("n2") + r"""['"]
      | (?P<rule3>process\.env|import\.meta\.env|Deno\.env|Bun\.env)(?:\.(?:get\(\s*['"])?|\[\s*['"])""" + _NAME.format("n3") + r"""(?P<set3>['"]?\]?\s*=(?![=>]))?
      | (?P<rule4>ENV)(?:\[|\.fetch\()\s*['"]""" + _NAME.format("n4") + r"""['"](?P<set4>\]\s*=(?!=))?
      | (?P<rule5>\$_ENV|\$_SERVER)\[\s*['"]""" + _NAME.format("n5") + r"""['"]
    )""",
    re.VERBOSE,
)  # fmt: skip
# django-environ, environs, decouple: an object or function that reads one variable by call.
_READER = re.compile(
    r"(?<![\w.])(?:env(?:\.(?:str|int|bool|float|list|dict|url|db|json|path|tuple|cache|bytes))?"
    r"|config)\(\s*['\"](?P<name>[A-Z][A-Z0-9_]{1,99})['\"]"
)
_READER_IMPORT = re.compile(
    r"^[ \t]*(?:import environ\b|from environs? import|from decouple import)", re.MULTILINE
)
_IMPORTED = re.compile(r"^from os import .*\benviron\b", re.MULTILINE)
_SETTERS = frozenset({"os.Setenv", "os.putenv"})
_DECLARED = re.compile(
    r"^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]{0,99})[ \t]*=", re.MULTILINE
)
_DOCKER = re.compile(
    r"^[ \t]*(?:ENV|ARG)[ \t]+(?P<name>[A-Za-z_]\w*)", re.MULTILINE | re.IGNORECASE
)
_DOTENV = re.compile(r"(?:^|/)\.env(?:\.[\w.-]+)?$|\.env$|(?:^|/)env\.(?:example|sample|template)$")
# What programs find in every environment says nothing of how this one is configured.
_USUAL = frozenset({"PATH", "HOME", "USER", "PWD", "SHELL", "LANG", "TERM", "TMPDIR"})


def _extract(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    for match in _USE.finditer(file.text):
        name = next(match[n] for n in ("n1", "n2", "n3", "n4", "n5") if match[n])
        rule = next(match[r] for r in ("rule1", "rule2", "rule3", "rule4", "rule5") if match[r])
        # Web servers call a request's variables `environ` too.
        if rule == "environ" and not _IMPORTED.search(file.text):
            continue
        writes = bool(match["assign"] or match["set3"] or match["set4"]) or rule in _SETTERS
        _note(findings, file, match.start(), name, rule, writes=writes)
    if file.path.endswith(".py") and _READER_IMPORT.search(file.text):
        for match in _READER.finditer(file.text):
            _note(findings, file, match.start(), match["name"], "environment reader", writes=False)
    return findings.extraction()


def _note(
    findings: Findings, file: SourceFile, offset: int, name: str, rule: str, *, writes: bool
) -> None:
    if name in _USUAL or is_commented(file.text, offset):
        return
    line = file.line_at(offset)
    variable = findings.entity("env_var", name, line, rule, "inferred")
    kind: KnowledgeEdgeKind = "writes" if writes else "reads"
    findings.edge(findings.code(line), kind, variable, line, rule)


def _extract_dotenv(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    for match in _DECLARED.finditer(file.text):
        line = file.line_at(match.start("name"))
        variable = findings.entity("env_var", match["name"], line, "env file")
        findings.edge(findings.file, "configured_by", variable, line, "env file")
    return findings.extraction()


def _extract_dockerfile(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    folder = findings.entity("directory", file.folder or ".", 1, "dockerfile", image="1")
    for match in _DOCKER.finditer(file.text):
        line = file.line_at(match.start("name"))
        variable = findings.entity("env_var", match["name"], line, "dockerfile")
        findings.edge(folder, "configured_by", variable, line, "dockerfile")
    return findings.extraction()


def _is_dockerfile(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name == "Dockerfile" or name.startswith("Dockerfile.") or name.endswith(".dockerfile")


ENVIRONMENT = KnowledgeExtractor("environment", 2, is_code, _extract, (b"env", b"Env", b"ENV"))
DOTENV = KnowledgeExtractor(
    "env files", 1, lambda path: bool(_DOTENV.search(path)), _extract_dotenv
)
DOCKERFILE = KnowledgeExtractor("dockerfile", 1, _is_dockerfile, _extract_dockerfile)
