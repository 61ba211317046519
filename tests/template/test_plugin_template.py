"""What `copier copy` makes of the plugin template is a working plugin (DESIGN section 1, issue 2)."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

import copier
import pytest

ROOT = Path(__file__).resolve().parents[2]


def _run(
    program: str | Path, *arguments: str, cwd: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AGENTOS_", "PYTEST", "GIT_"))}
    return subprocess.run(
        [str(program), *arguments],
        cwd=cwd,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def _check(program: str | Path, *arguments: str, cwd: Path, **variables: str) -> str:
    done = _run(program, *arguments, cwd=cwd, **variables)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def _import_paths() -> list[str]:
    """Where this environment's packages lie, editable ones included."""
    folders = [Path(folder) for folder in site.getsitepackages()]
    links = [
        line.strip()
        for folder in folders
        for link in sorted(folder.glob("*.pth"))
        for line in link.read_text(encoding="utf-8").splitlines()
    ]
    return [*map(str, folders), *(line for line in links if line and Path(line).is_dir())]


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """The template as it is in this checkout, outside of any git repository."""
    copy = tmp_path / "template"
    copy.mkdir()
    shutil.copy(ROOT / "copier.yml", copy)
    shutil.copytree(ROOT / "plugin-template", copy / "plugin-template")
    return copy


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plugin named `tickets`, made as an author makes one, installed into a venv of its own."""
    made = tmp_path_factory.mktemp("made") / "agentos-tickets"
    author = ("--author", 'A "quoted" author')
    _check(sys.executable, "-m", "agentos", "plugins", "new", str(made), *author, cwd=made.parent)
    venv.create(made / ".venv", with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = made / ".venv" / "lib" / version / "site-packages"
    (packages / "outer.pth").write_text("\n".join(_import_paths()), encoding="utf-8")
    _check(
        made / ".venv/bin/python",
        *("-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--no-build-isolation", "--editable", "."),
        cwd=made,
    )
    return made


def test_a_generated_plugin_passes_its_own_tests_types_style_and_check(project: Path) -> None:
    python = project / ".venv/bin/python"
    assert " passed" in _check(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=project)
    _check(python, "-m", "mypy", cwd=project)
    _check(python, "-m", "ruff", "check", "--no-cache", "src", "tests", cwd=project)
    _check(python, "-m", "ruff", "format", "--no-cache", "--check", "src", "tests", cwd=project)
    _check(python, "-m", "agentos", "plugins", "check", "tickets", cwd=project)


def test_a_generated_plugin_is_found_by_its_entry_point_and_serves(
    project: Path, tmp_path: Path, database_url: str
) -> None:
    python = project / ".venv/bin/python"
    variables = {
        "AGENTOS_HOME": str(tmp_path / "home"),
        "AGENTOS_DATABASE_URL": database_url,
        "AGENTOS_PLUGINS": "governance,tickets",
        "AGENTOS_ROLE": "admin",
    }
    agentos = (python, "-m", "agentos")
    listed = _check(*agentos, "plugins", "list", "--json", cwd=project, **variables)
    assert "agentos_tickets.plugin" in listed
    declare = ("call", "declare_tickets", "reason=release week")
    assert "FZ-" in _check(*agentos, *declare, cwd=project, **variables)
    shown = _check(*agentos, "tickets", "list", cwd=project, **variables)
    assert "release week" in shown
    _check(*agentos, "audit", "rebuild", "--check", cwd=project, **variables)


def test_a_project_is_not_made_where_something_is(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    made = _run(sys.executable, "-m", "agentos", "plugins", "new", ".", cwd=tmp_path)
    assert made.returncode == 1 and "is not empty" in made.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


@pytest.mark.parametrize(
    "name", ["governance", "Tickets", "a", "1st", "with-dash", "x" * 25, "a;b", ""]
)
def test_a_name_that_cannot_be_a_plugin_is_refused(
    template: Path, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ValueError, match="plugin_name"):
        copier.run_copy(
            str(template),
            tmp_path / "refused",
            data={"plugin_name": name},
            defaults=True,
            quiet=True,
        )
    assert not (tmp_path / "refused" / "pyproject.toml").exists()


def test_a_generated_project_takes_in_a_later_version_of_the_template(
    template: Path, tmp_path: Path
) -> None:
    def git(folder: Path, *arguments: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        _check("git", *identity, *arguments, cwd=folder)

    def release(version: str) -> None:
        git(template, "add", "--all")
        git(template, "commit", "--quiet", "--message", version)
        git(template, "tag", version)

    made = tmp_path / "made"
    git(template, "init", "--quiet")
    release("v1.0.0")
    copier.run_copy(str(template), made, defaults=True, quiet=True)
    (made / "README.md").write_text("# Ours\n", encoding="utf-8")
    git(made, "init", "--quiet")
    git(made, "add", "--all")
    git(made, "commit", "--quiet", "--message", "made")

    (template / "plugin-template/template/CONTRIBUTING.md").write_text("Please do.\n")
    release("v1.1.0")
    copier.run_update(made, defaults=True, overwrite=True, quiet=True)
    assert (made / "CONTRIBUTING.md").read_text(encoding="utf-8") == "Please do.\n"
    assert (made / "README.md").read_text(encoding="utf-8") == "# Ours\n"
