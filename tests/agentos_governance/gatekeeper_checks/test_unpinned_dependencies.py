"""A dependency from a repository or an address names the one state that is meant (issue 6)."""

from __future__ import annotations

import pytest

from agentos_governance.gatekeeper.checks.contents.dependencies_locked import dependencies_locked
from tests.agentos_governance.gatekeeper_checks.reviewed import severities, work_of

pytestmark = pytest.mark.anyio

COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
GIT = "git+https://forge.example/ada/tea.git"
PYPROJECT = "[project]\nname = 'shop'\ndependencies = [\n  'httpx>=1',\n]\n"


def pyproject(requirement: str) -> str:
    """The manifest with one more requirement."""
    return PYPROJECT.replace("'httpx>=1',\n", f"'httpx>=1',\n  '{requirement}',\n")


def package(spec: str) -> str:
    """A manifest of npm with one dependency."""
    return f'{{"name": "cart", "dependencies": {{"tea": "{spec}"}}}}\n'


CARGO = "[package]\nname = 'cart'\n\n[dependencies]\ntea = {{ git = 'https://forge.example/ada/tea', {} }}\n"
UV = PYPROJECT + "\n[tool.uv.sources]\ntea = {{ {} }}\n"
UNPINNED = {
    "a branch": ("pyproject.toml", pyproject(f"tea @ {GIT}@main")),
    "nothing": ("pyproject.toml", pyproject(f"tea @ {GIT}")),
    "a tag": ("requirements.txt", f"httpx==1.0\ntea @ {GIT}@v1.2\n"),
    "a short commit": ("requirements-dev.in", f"-e {GIT}@{COMMIT[:12]}#egg=tea\n"),
    "an archive": ("requirements.txt", "https://forge.example/tea-1.0.tar.gz\n"),
    "a wheel": (
        "pyproject.toml",
        pyproject("tea @ https://forge.example/tea-1.0-py3-none-any.whl"),
    ),
    "a source of uv": (
        "pyproject.toml",
        UV.format("git = 'https://forge.example/ada/tea', tag = 'v1'"),
    ),
    "an address of uv": (
        "pyproject.toml",
        UV.format("url = 'https://forge.example/tea-1.0.tar.gz'"),
    ),
    "a table of Poetry": (
        "pyproject.toml",
        "[tool.poetry.dependencies.tea]\ngit = 'https://forge.example/ada/tea'\nbranch = 'main'\n",
    ),
    "Cargo": ("Cargo.toml", CARGO.format("branch = 'main'")),
    "npm": ("package.json", package("github:ada/tea#main")),
    "npm by name": ("package.json", package("ada/tea")),
    "an archive of npm": ("package.json", package("https://forge.example/tea.tgz")),
    "a gem": ("Gemfile", "gem 'tea', git: 'https://forge.example/ada/tea', branch: 'main'\n"),
    "a step": (
        ".github/workflows/ci.yml",
        f"jobs:\n  test:\n    steps:\n      - run: pip install {GIT}\n",
    ),
    "an image": ("Dockerfile", "RUN cargo install --git https://forge.example/ada/tea tea\n"),
}
PINNED = {
    "a commit": ("pyproject.toml", pyproject(f"tea @ {GIT}@{COMMIT}")),
    "a digest": (
        "requirements.txt",
        f"tea @ https://forge.example/tea-1.0.tar.gz#sha256={DIGEST}\n",
    ),
    "a source of uv": (
        "pyproject.toml",
        UV.format(f"git = 'https://forge.example/ada/tea', rev = '{COMMIT}'"),
    ),
    "Cargo": ("Cargo.toml", CARGO.format(f"rev = '{COMMIT}'")),
    "npm": ("package.json", package(f"github:ada/tea#{COMMIT}")),
    "a gem": ("Gemfile", f"gem 'tea', git: 'https://forge.example/ada/tea', ref: '{COMMIT}'\n"),
}
OF_REGISTRIES = {
    "an index of uv": ("pyproject.toml", PYPROJECT + "\n[[tool.uv.index]]\nname = 'own'\nurl = 'https://pypi.example/simple'\n"),
    "the project's own address": ("pyproject.toml", PYPROJECT + "\n[project.urls]\nSource = 'https://forge.example/ada/shop.git'\n"),
    "a version": ("package.json", package("^1.11.13")),
    "a folder": ("package.json", package("file:../tea")),
    "a workspace": ("Cargo.toml", "[dependencies]\ntea = { path = '../tea' }\n"),
    "a checkout": ("scripts/release.sh", "git clone https://forge.example/ada/tea.git\n"),
    "an action": (".github/workflows/ci.yml", "steps:\n  - uses: actions/checkout@v4\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNPINNED)
async def test_a_dependency_that_may_be_another_one_tomorrow_stops_the_submission(
    name: str,
) -> None:
    path, text = UNPINNED[name]
    assert await severities(dependencies_locked, work_of({}, {path: text})) == ["blocking"]


@pytest.mark.parametrize("name", PINNED)
async def test_a_dependency_of_one_commit_is_shown_to_the_reviewer(name: str) -> None:
    path, text = PINNED[name]
    assert await severities(dependencies_locked, work_of({}, {path: text})) == ["warning"]


@pytest.mark.parametrize("name", OF_REGISTRIES)
async def test_a_dependency_from_a_registry_is_no_matter_of_locks(name: str) -> None:
    path, text = OF_REGISTRIES[name]
    assert await severities(dependencies_locked, work_of({}, {path: text})) == []


async def test_a_branch_whose_commit_a_lock_file_names_is_shown_to_the_reviewer() -> None:
    lock = (
        '[[package]]\nname = "tea"\nversion = "1.0.0"\n'
        f'source = "git+https://forge.example/ada/tea?branch=main#{COMMIT}"\n'
    )
    after = {"Cargo.toml": CARGO.format("branch = 'main'"), "Cargo.lock": lock}
    assert await severities(dependencies_locked, work_of({}, after)) == ["warning"]


async def test_a_branch_that_was_there_before_is_not_asked_about_again() -> None:
    before = pyproject(f"tea @ {GIT}@main")
    after = before.replace("httpx>=1", "httpx>=2")
    work = work_of({"pyproject.toml": before}, {"pyproject.toml": after})
    assert await severities(dependencies_locked, work) == []
