"""The ways to deploy: Kubernetes manifests, the systemd unit, the image. They fit the program."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from agentos import Settings, open_kernel
from agentos.http.app import create_app
from agentos.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = [
    path for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")) if path.stem != "kustomization"
]
# The oldest release that its makers still mend, and the newest whose schemas are packaged.
RELEASES = ("1.33.0", kubernetes_validate.latest_version())


def _documents() -> Iterator[tuple[Path, Any]]:
    for path in MANIFESTS:
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            yield path, document


def _container() -> dict[str, Any]:
    (stateful,) = [each for _, each in _documents() if each["kind"] == "StatefulSet"]
    container: dict[str, Any] = stateful["spec"]["template"]["spec"]["containers"][0]
    return container


def _arguments_of_serve(words: list[str]) -> list[str]:
    """The options after `serve`, each of which the command line must know."""
    assert words[0] == "serve"
    return [word for word in words[1:] if word.startswith("--")]


@cache
def _known_options() -> set[str]:
    shown = _run([sys.executable, "-m", "agentos", "serve", "--help"], ROOT)
    return set(re.findall(r"--[a-z-]+", shown))


@pytest.mark.parametrize("release", RELEASES)
def test_every_manifest_fits_the_schema_of_kubernetes(release: str) -> None:
    kinds = set()
    for _, document in _documents():
        kubernetes_validate.validate(document, release, strict=True)
        kinds.add(document["kind"])
    assert kinds >= {"StatefulSet", "Service", "ConfigMap", "NetworkPolicy"}


def test_a_manifest_with_a_misspelt_field_does_not_fit() -> None:
    (service,) = [each for _, each in _documents() if each["kind"] == "Service"]
    service["spec"]["port"] = service["spec"].pop("ports")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, RELEASES[0], strict=True)


def test_the_kustomization_names_every_manifest() -> None:
    listed = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == [path.name for path in MANIFESTS]


def test_the_configuration_of_the_pod_is_one_the_server_accepts(tmp_path: Path) -> None:
    (configured,) = [each for _, each in _documents() if each["kind"] == "ConfigMap"]
    file = tmp_path / "agentos.toml"
    file.write_text(configured["data"]["agentos.toml"], encoding="utf-8")
    settings = load_settings(config=file, environment={})
    assert settings.host == "0.0.0.0"
    assert "agentos" in settings.allowed_hosts


def test_pod_image_and_unit_start_the_server_with_options_that_it_has() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "systemd" / "agentos.service")
    program, *words = shlex.split(unit["Service"]["ExecStart"])
    assert Path(program).name == "agentos"
    image = re.search(r"^CMD \[(.*)\]$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert image is not None
    ways = [words, _container()["args"], [each.strip(' "') for each in image[1].split(",")]]
    for way in ways:
        assert set(_arguments_of_serve(way)) <= _known_options()


@pytest.mark.anyio
async def test_the_probes_of_the_pod_are_answered_beyond_loopback_without_a_token(
    settings: Settings,
) -> None:
    exposed = settings.model_copy(update={"host": "0.0.0.0"})
    async with open_kernel(exposed) as kernel:
        transport = httpx.ASGITransport(app=create_app(kernel))
        async with httpx.AsyncClient(transport=transport, base_url="http://10.1.2.3") as client:
            for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
                get = _container()[probe]["httpGet"]
                headers = {each["name"]: each["value"] for each in get["httpHeaders"]}
                answer = await client.get(get["path"], headers=headers)
                assert answer.status_code == 200, probe
                assert (await client.get(get["path"])).status_code == 421


def test_the_image_is_built_from_a_wheel_that_runs_without_the_checkout(
    tmp_path: Path, database_url: str
) -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    (build,) = re.findall(r"^RUN (python -m pip wheel .*)$", dockerfile, re.MULTILINE)
    source, wheels, installed = tmp_path / "src", tmp_path / "wheels", tmp_path / "installed"
    for name in _tracked_files():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    words = shlex.split(build.replace("/wheels", str(wheels)))
    # The build's own requirements are here already; fetching them again proves nothing.
    _run([sys.executable, *words[1:], "--no-build-isolation"], source)
    (wheel,) = wheels.glob("*.whl")
    install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(installed),
        str(wheel),
    ]
    _run([sys.executable, *install], tmp_path)
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "greeting.py").write_text("def greet(name):\n    return f'hello {name}'\n")
    environment = {
        **os.environ,
        "PYTHONPATH": str(installed),
        "AGENTOS_HOME": str(tmp_path / "home"),
        "AGENTOS_DATABASE_URL": database_url,
    }
    where = _run(
        [sys.executable, "-c", "import agentos; print(agentos.__file__)"], tmp_path, environment
    )
    assert where.startswith(str(installed))
    agentos = [sys.executable, "-m", "agentos"]
    _run(["git", "init", "--quiet", "."], repository)
    _run([*agentos, "index", str(repository)], tmp_path, environment)
    call = [*agentos, "call", "search_code", "query=say hello", "mode=semantic", "--json"]
    (hit,) = json.loads(_run(call, tmp_path, environment))["hits"]
    assert hit["symbol"] == "greeting.greet"


def _tracked_files() -> list[str]:
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in names.split("\0") if name and (ROOT / name).is_file()]


def _run(words: list[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
