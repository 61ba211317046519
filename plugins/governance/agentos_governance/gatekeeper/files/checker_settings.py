"""The settings of test runners, linters and type checkers in a configuration file, as flat names.

Above: thresholds_kept. Below: TOML, INI, JSON and YAML, read and never run. One setting has one name
wherever it stands (`mypy.strict` of pyproject.toml, mypy.ini and setup.cfg), so that moving it from
one file to another changes nothing.
"""

from __future__ import annotations

import configparser
import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

MAX_DEPTH = 12
MAX_KEY_DOTS = 32
Value = str | float | bool | tuple[str, ...]

_INI_NAMES = {
    ".coveragerc": "coverage",
    ".flake8": "",
    "mypy.ini": "",
    ".mypy.ini": "",
    "pytest.ini": "",
    ".pytest.ini": "",
    "setup.cfg": "",
    "tox.ini": "",
    ".pylintrc": "pylint",
    "pylintrc": "pylint",
}
_TOOLS = (
    "pytest",
    "tool:pytest",
    "coverage:",
    "mypy",
    "flake8",
    "pylint",
    "pycodestyle",
    "testenv",
)
_JSON_NAMES = re.compile(
    r"^(package\.json|tsconfig[\w.-]*\.json|jest\.config\.json|\.eslintrc(\.json)?|\.nycrc(\.json)?|\.c8rc(\.json)?|pyrightconfig\.json|biome\.jsonc?|\.swcrc)$"
)
# Each of these matches wherever it begins, so that nothing is read twice.
_COMMENTS = re.compile(
    r'("(?:[^"\\]++|\\[\s\S]?)*+(?:"|\Z))|//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z)'
)
_NO_KEY = re.compile(r"[=,{}\[\]\n]")
_TRAILING = re.compile(r",(\s*[}\]])")


def is_checker_settings(path: str) -> bool:
    """Whether a file is read here."""
    name = path.rpartition("/")[2]
    return (
        name in _INI_NAMES
        or name in {"pyproject.toml", "ruff.toml", ".ruff.toml"}
        or bool(_JSON_NAMES.match(name))
    )


def checker_settings(path: str, content: bytes | None) -> dict[str, Value]:
    """Names and values in one file; none of what cannot be read."""
    if content is None:
        return {}
    name = path.rpartition("/")[2]
    text = content.decode("utf-8", "replace")
    try:
        if name.endswith(".toml"):
            return dict(_of_toml(name, read_toml(text)))
        if name in _INI_NAMES:
            return dict(_of_ini(name, text))
        if _JSON_NAMES.match(name):
            return dict(_of_json(name, _json(text)))
    except (ValueError, RecursionError, configparser.Error):
        return {}
    return {}


def read_toml(text: str) -> dict[str, Any]:
    """The document; ValueError for what cannot be read, or only in hours.

    tomllib's work for a key grows with the cube of its parts.
    """
    parts = (part for part in _NO_KEY.split(text) if not part.lstrip().startswith("#"))
    if any(part.count(".") > MAX_KEY_DOTS for part in parts):
        raise ValueError(f"a key has more than {MAX_KEY_DOTS} parts")
    return tomllib.loads(text)


def _of_toml(name: str, document: dict[str, Any]) -> Iterator[tuple[str, Value]]:
    if name != "pyproject.toml":
        yield from _flat("ruff", document)
        return
    tools = document.get("tool", {})
    for tool, table in tools.items() if isinstance(tools, dict) else []:
        if tool == "pytest" and isinstance(table, dict):
            yield from _flat("pytest", table.get("ini_options", {}))
        else:
            yield from _flat(tool, table)


def _of_ini(name: str, text: str) -> Iterator[tuple[str, Value]]:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.read_string(text)
    for section in parser.sections():
        prefix = section.removeprefix("tool:").replace("coverage:", "coverage.")
        if name == ".coveragerc":
            prefix = f"coverage.{section}"
        elif name in {".pylintrc", "pylintrc"}:
            prefix = "pylint"
        elif not section.startswith(_TOOLS):
            continue
        if prefix.startswith("mypy-"):
            prefix = f"mypy.overrides.{prefix[5:]}"
        for key, value in parser.items(section):
            yield f"{prefix}.{key}", _ini_value(value or "")


def _of_json(name: str, document: Any) -> Iterator[tuple[str, Value]]:
    if not isinstance(document, dict):
        return
    if name == "package.json":
        for part in ("jest", "eslintConfig", "nyc", "c8", "mocha", "ava", "vitest"):
            yield from _flat("eslint" if part == "eslintConfig" else part, document.get(part, {}))
        return
    tool = (
        "jest"
        if name.startswith("jest")
        else "typescript"
        if name.startswith("tsconfig")
        else "eslint"
    )
    tool = "nyc" if name.startswith((".nycrc", ".c8rc")) else tool
    tool = "pyright" if name.startswith("pyright") else tool
    yield from _flat(tool, document)


def _flat(prefix: str, value: Any, depth: int = 0) -> Iterator[tuple[str, Value]]:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}", inner, depth + 1)
    elif isinstance(value, list):
        if value and all(isinstance(each, Mapping) for each in value):
            for number, each in enumerate(value):
                which = each.get("module", each.get("files", number))
                which = ",".join(which) if isinstance(which, list) else str(which)
                yield from _flat(f"{prefix}.{which}", each, depth + 1)
        else:
            yield prefix, tuple(str(each)[:500] for each in value)
    elif isinstance(value, bool):
        yield prefix, value
    elif isinstance(value, int | float):
        yield prefix, float(value)
    elif isinstance(value, str):
        yield prefix, _words(value) if prefix.endswith("addopts") else value


def _ini_value(text: str) -> Value:
    plain = text.strip()
    if plain.lower() in {"true", "yes", "on"}:
        return True
    if plain.lower() in {"false", "no", "off"}:
        return False
    if re.fullmatch(r"-?\d+(\.\d+)?", plain):
        return float(plain)
    if "\n" in plain or "," in plain:
        return tuple(part.strip() for part in re.split(r"[\n,]", plain) if part.strip())
    return _words(plain) if " " in plain and plain.startswith("-") else plain


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())


def _json(text: str) -> Any:
    """JSON that may have comments and trailing commas."""
    try:
        return json.loads(text)
    except ValueError:
        plain = _COMMENTS.sub(lambda match: match[1] or "", text)
        return json.loads(_TRAILING.sub(r"\1", plain))
