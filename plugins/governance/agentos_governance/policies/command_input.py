"""What commands read: policy files, facts as JSON, moments. Bad input ends with exit code 2.

Above: `agentos policy`. Below: the rule language, the texts of policies.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import typer

from agentos import InvalidArgumentError
from agentos_governance.policies.organisation import read_texts
from agentos_governance.policies.texts import NamedPolicy, PolicyCompiler, PolicyText
from agentos_governance.rules import FactType, Policy, PolicyError, Schema, parse_policy

EXIT_UNUSABLE = 2

NO_FACTS: Mapping[str, object] = {
    name: ""
    for name in (
        "path", "command", "program", "person", "edge", "work_order", "phase", "repo", "branch",
        "contract_version",
    )
}  # fmt: skip
"""What a call has that names no work order, path or command."""


def typed_facts(facts: Mapping[str, Any], schema: Schema) -> dict[str, object]:
    """Facts given as JSON, of their declared types."""
    told: dict[str, object] = {}
    for name, value in facts.items():
        fact = schema.facts.get(name)
        if fact is not None and fact.type is FactType.NUMBER and isinstance(value, str):
            value = Decimal(value)
        if fact is not None and fact.type is FactType.TEXTS and isinstance(value, list):
            value = tuple(value)
        problem = schema.problem_of(name, value)
        if problem is not None:
            raise typer.BadParameter(f"--facts: {name} {problem}")
        told[name] = value
    return told


def parsed(text: PolicyText) -> Policy:
    """The policy; one that does not parse ends the command with its problem."""
    try:
        return parse_policy(text.text, source=text.name)
    except PolicyError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(EXIT_UNUSABLE) from None


def compiled(texts: Sequence[PolicyText], schema: Schema) -> tuple[NamedPolicy, ...]:
    """The policies compiled; one that cannot be ends the command with its problem."""
    try:
        return PolicyCompiler(schema).compile_all(texts)
    except InvalidArgumentError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(EXIT_UNUSABLE) from None


def read_policies(files: Iterable[Path]) -> list[PolicyText]:
    """Policies of files and folders, named by their paths."""
    return [PolicyText(str(path), text_of(path)) for path in policy_paths(files)]


def policy_paths(files: Iterable[Path]) -> list[Path]:
    """The files, and those in the folders."""
    found: list[Path] = []
    for path in files:
        if not path.exists():
            raise typer.BadParameter(f"{path} does not exist")
        names = [text.name for text in read_texts(path)] if path.is_dir() else None
        found += [path] if names is None else [path / name for name in names]
    return found


def text_of(path: Path) -> str:
    """What a file holds."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path}: {error}") from None


def json_object(text: str, option: str) -> dict[str, Any]:
    """The JSON object that an option holds."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise typer.BadParameter(f"{option} must be a JSON object")
    return value


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment_of(text: str | None) -> datetime | None:
    """The time that an option names, absolutely or back from now."""
    if text is None:
        return None
    if text[-1:] in _UNITS and text[:-1].isdigit():
        return datetime.now(UTC) - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"--since: {text!r} is neither a time nor a duration") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
