"""The definitions that instances can be started from: those that ship, plugins', the operator's.

Above: tools, command line. Below: definitions, static checks. A definition that is not sound stops
the start; instances that run keep the version they began with, whatever the registry has now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from agentos import ConfigurationError, InvalidArgumentError, NotFoundError
from agentos_governance.workflows.actions import WorkflowAction
from agentos_governance.workflows.checks import require_sound
from agentos_governance.workflows.definition import Definition, definition_of, parse_definition

FOLDER = "workflows"
"""Below the data folder: the operator's own definitions, `*.toml` and `*.json`."""


class WorkflowRegistry:
    """Sound definitions by name."""

    def __init__(self, definitions: Sequence[Definition], actions: Mapping[str, WorkflowAction]):
        self._definitions: dict[str, Definition] = {}
        for definition in definitions:
            if definition.name in self._definitions:
                raise ConfigurationError(f"two workflows are named {definition.name!r}")
            try:
                require_sound(definition, actions)
            except InvalidArgumentError as error:
                raise ConfigurationError(error.message) from None
            self._definitions[definition.name] = definition

    @property
    def by_name(self) -> Mapping[str, Definition]:
        """Every definition, sorted by name."""
        return dict(sorted(self._definitions.items()))

    def get(self, name: str) -> Definition:
        """The definition of that name; NotFoundError names those there are."""
        if name not in self._definitions:
            known = ", ".join(sorted(self._definitions))
            raise NotFoundError(f"no workflow is defined as {name!r}; there are: {known}")
        return self._definitions[name]


def shipped_definitions() -> list[Definition]:
    """The definitions of this package."""
    folder = files("agentos_governance.workflows").joinpath("definitions")
    return [
        parse_definition(entry.read_text("utf-8"), is_toml=True)
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    ]


def load_definition(path: Path) -> Definition:
    """The definition in a file; ConfigurationError where it cannot be read."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None
    return parse_definition(text, is_toml=path.suffix != ".json")


def own_definitions(home: Path) -> list[Definition]:
    """The operator's definitions; ConfigurationError names the file that is none."""
    found = []
    for path in sorted((home / FOLDER).glob("*")):
        if path.suffix in (".toml", ".json"):
            try:
                found.append(load_definition(path))
            except InvalidArgumentError as error:
                raise ConfigurationError(f"{path}: {error.message}") from None
    return found


def plugin_definition(value: Definition | Mapping[str, Any]) -> Definition:
    """A definition that a plugin registered, as a model or as a document."""
    try:
        return value if isinstance(value, Definition) else definition_of(value)
    except InvalidArgumentError as error:
        raise ConfigurationError(error.message) from None
