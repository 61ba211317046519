"""Makes a project for a new plugin from the template that ships with AgentOS.

Below: copier, which only authors of plugins need: `pip install 'agentos[plugins]'`.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import agentos
from agentos.errors import ConfigurationError, InvalidArgumentError

INSTALL = "pip install 'agentos[plugins]'"
ANSWERS = ".copier-answers.yml"


def template_source() -> Path:
    """The folder with `copier.yml`: beside the installed package, or the checkout's root."""
    beside = Path(agentos.__file__).parent.parent
    for folder in (beside / "agentos_plugin_template", beside.parent):
        if (folder / "copier.yml").is_file():
            return folder
    raise ConfigurationError(
        "this installation has no plugin template; name one with --template, such as a checkout"
    )


def plugin_name_of(folder: Path) -> str:
    """The plugin's name that a folder suggests: `tickets` for `agentos-tickets`."""
    name = folder.resolve().name.lower().removeprefix("agentos-").removeprefix("agentos_")
    return re.sub(r"[^a-z0-9]+", "_", name).strip("_")


def make_project(folder: Path, answers: Mapping[str, str], template: str | None) -> None:
    """Render the template into `folder`, which must be empty or missing.

    Only a project made from a `template` under git can be updated by `copier update` later.
    """
    if importlib.util.find_spec("copier") is None:
        raise ConfigurationError(f"making a project needs copier: {INSTALL}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidArgumentError(f"{folder} is not empty; name a new folder")
    if template is not None:
        _render(template, folder, answers)
        return
    source = template_source()
    with tempfile.TemporaryDirectory() as copied:
        # In a checkout copier would take the newest release of the repository instead.
        shutil.copy(source / "copier.yml", copied)
        shutil.copytree(source / "plugin-template", Path(copied) / "plugin-template")
        _render(copied, folder, answers)
    (folder / ANSWERS).unlink(missing_ok=True)


def _render(template: str, folder: Path, answers: Mapping[str, str]) -> None:
    import copier
    from copier.errors import CopierError

    try:
        copier.run_copy(template, folder, data=dict(answers), defaults=True, quiet=True)
    except (CopierError, ValueError) as error:
        message = " ".join(str(error).split())
        raise InvalidArgumentError(f"the template was not rendered: {message}") from error
