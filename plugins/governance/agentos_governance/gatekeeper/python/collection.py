"""Which Python tests pytest collects in a repository, by its own configuration, read and never run.

Above: cases, tests_kept. Below: checker_settings. What a configuration does not say is pytest's own
default.
"""

from __future__ import annotations

import configparser
import fnmatch
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentos_governance.gatekeeper.files.checker_settings import read_toml

CONFIGURATION = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_SECTIONS = {
    "pytest.ini": "pytest",
    ".pytest.ini": "pytest",
    "tox.ini": "pytest",
    "setup.cfg": "tool:pytest",
}
_LEFT_OUT = ("*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}")


@dataclass(frozen=True, slots=True)
class CollectionRules:
    """pytest's settings about what it collects. `options` are those of `addopts`."""

    testpaths: tuple[str, ...] = ()
    files: tuple[str, ...] = ("test_*.py", "*_test.py")
    classes: tuple[str, ...] = ("Test",)
    functions: tuple[str, ...] = ("test",)
    left_out: tuple[str, ...] = _LEFT_OUT
    options: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)

    def is_test_name(self, name: str) -> bool:
        """Whether a function of that name is a test."""
        return _matches(name, self.functions)

    def is_test_class(self, name: str) -> bool:
        """Whether a class of that name holds tests."""
        return _matches(name, self.classes)

    def why_not_collected(self, path: str) -> str | None:
        """Why a run without arguments leaves a file out; None where it does not."""
        *folders, name = path.split("/")
        if not any(fnmatch.fnmatch(name, pattern) for pattern in self.files):
            return f"its name matches none of {', '.join(self.files)}"
        for folder in folders:
            if any(fnmatch.fnmatch(folder, pattern) for pattern in self.left_out):
                return f"pytest leaves folders such as {folder!r} out"
        if self.testpaths and not any(_is_below(path, each) for each in self.testpaths):
            return f"it lies outside of testpaths ({', '.join(self.testpaths)})"
        for ignored in self.ignored:
            if _is_below(path, ignored):
                return f"addopts leaves {ignored!r} out"
        return None

    @property
    def ignored(self) -> list[str]:
        """What `--ignore`, `--ignore-glob` and `--deselect` in `addopts` leave out."""
        found = []
        options = list(self.options)
        for index, option in enumerate(options):
            name, equals, value = option.partition("=")
            if name in {"--ignore", "--ignore-glob", "--deselect"}:
                following = options[index + 1] if index + 1 < len(options) else ""
                found.append(value if equals else following)
        return [each.strip("./").rstrip("*") for each in found if each]


def read_rules(configuration: Mapping[str, bytes]) -> CollectionRules:
    """The rules of the first file that pytest would believe; files by path at the root."""
    for path in CONFIGURATION:
        content = configuration.get(path)
        values = None if content is None else pytest_values(path, content)
        if values is not None:
            return _rules(values)
    return CollectionRules()


def pytest_values(path: str, content: bytes) -> dict[str, str] | None:
    """pytest's settings in one file as text; None where it has none."""
    if path == "pyproject.toml":
        return _toml_values(content)
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(content.decode("utf-8", "replace"))
    except configparser.Error:
        return None
    section = _SECTIONS[path]
    if not parser.has_section(section):
        return {} if path == "pytest.ini" else None
    return {name: value or "" for name, value in parser.items(section)}


def _toml_values(content: bytes) -> dict[str, str] | None:
    try:
        document: Any = read_toml(content.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    table = document.get("tool", {})
    table = table.get("pytest", {}) if isinstance(table, dict) else {}
    options = table.get("ini_options") if isinstance(table, dict) else None
    if not isinstance(options, dict):
        return None
    return {
        str(name): "\n".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in options.items()
    }


def _rules(values: Mapping[str, str]) -> CollectionRules:
    plain = CollectionRules()
    return CollectionRules(
        testpaths=tuple(each.strip("/").removeprefix("./") for each in _words(values, "testpaths")),
        files=tuple(_words(values, "python_files")) or plain.files,
        classes=tuple(_words(values, "python_classes")) or plain.classes,
        functions=tuple(_words(values, "python_functions")) or plain.functions,
        left_out=tuple(_words(values, "norecursedirs")) or plain.left_out,
        options=tuple(_words(values, "addopts")),
        values=dict(values),
    )


def _words(values: Mapping[str, str], name: str) -> list[str]:
    text = values.get(name, "")
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(
        name.startswith(pattern)
        or (any(sign in pattern for sign in "*?[") and fnmatch.fnmatch(name, pattern))
        for pattern in patterns
    )


def _is_below(path: str, folder: str) -> bool:
    folder = folder.split("::")[0].rstrip("/")
    return (
        folder in {".", ""}
        or path == folder
        or path.startswith(f"{folder}/")
        or (any(sign in folder for sign in "*?[") and fnmatch.fnmatch(path, f"{folder}*"))
    )
