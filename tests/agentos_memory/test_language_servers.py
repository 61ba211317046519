"""The client of language servers, and `verify` of `trace_symbol_dependencies` (issue 4, Memory)."""

from __future__ import annotations

import asyncio
import os
import select
import shutil
from pathlib import Path

import pytest

import agentos_memory.plugin
from agentos import Settings, UnavailableError, load_settings, open_kernel
from agentos.errors import ConfigurationError
from agentos.testing import AllowEverything
from agentos_memory import verification
from agentos_memory.language_servers import (
    SERVERS,
    InstalledServer,
    Place,
    ask_definitions,
    find_calls,
    find_server,
    open_client,
)
from agentos_memory.language_servers.call_sites import find_mentions
from agentos_memory.language_servers.workspace import open_workspace
from agentos_memory.languages import find_language
from agentos_memory.memory import Memory
from tests.agentos_memory.fake_language_server import write_server
from tests.agentos_memory.repositories import call, make_repository, write_files

pytestmark = pytest.mark.anyio

SOURCES = {
    "lib/__init__.py": "",
    "lib/jobs.py": "class Job:\n    def run(self):\n        return 1\n\n\ndef start():\n    return 2\n",
    "lib/use.py": (
        "from lib.jobs import start\n\n\n"
        "def one(job, other):\n    smile = '😀'; job.run()\n    start()\n"
    ),
}


def installed(folder: Path, behaviour: str = "answers") -> InstalledServer:
    found = find_server("python", programs={"pyright": str(write_server(folder, behaviour))})
    assert found is not None
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of Python files."""
    root = tmp_path / "tree"
    write_files(root, SOURCES)
    return root


async def test_a_definition_is_found_behind_characters_of_two_utf16_units(
    tree: Path, tmp_path: Path
) -> None:
    line = SOURCES["lib/use.py"].splitlines()[4]
    async with open_client(installed(tmp_path / "server"), tree) as client:
        assert await client.definition(Place("lib/use.py", 5, line.index("run"))) == [
            Place("lib/jobs.py", 2, 8)
        ]
        assert await client.definition(Place("lib/use.py", 5, line.index("smile"))) == []


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [("dies", "heap out of memory"), ("refuses", "internal"), ("babbles", "header")],
)
async def test_a_server_that_fails_is_an_error_and_never_an_empty_answer(
    tree: Path, tmp_path: Path, behaviour: str, said: str
) -> None:
    server = installed(tmp_path / "server", behaviour)
    with pytest.raises(UnavailableError, match=said):
        async with open_client(server, tree) as client:
            await client.definition(Place("lib/use.py", 6, 4))
    with pytest.raises(UnavailableError, match=said):
        async with open_client(server, tree) as client:
            await ask_definitions(client, [Place("lib/use.py", 6, 4)], deadline=in_a_minute())


async def test_a_server_that_stalls_is_given_up_after_the_time_limit(
    tree: Path, tmp_path: Path
) -> None:
    server = installed(tmp_path / "server", "stalls")
    with pytest.raises(UnavailableError, match=r"within 0\.2 s"):
        async with open_client(server, tree, request_timeout_s=0.2) as client:
            await client.definition(Place("lib/use.py", 6, 4))


async def test_a_program_that_does_not_start_is_an_error(tree: Path, tmp_path: Path) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/nonexistent/interpreter\n")
    program.chmod(0o755)
    found = find_server("python", programs={"pyright": str(program)})
    assert found is not None
    with pytest.raises(UnavailableError, match="does not start"):
        async with open_client(found, tree):
            pass


async def test_nothing_of_a_server_outlives_its_block(tree: Path, tmp_path: Path) -> None:
    async with open_client(installed(tmp_path / "server", "has_child"), tree) as client:
        child = int((tmp_path / "server" / "child").read_text())
        # Readable once the process has ended.
        ends = [os.pidfd_open(client.process_id), os.pidfd_open(child)]
        assert select.select(ends, [], [], 0)[0] == []
    for end in ends:
        assert select.select([end], [], [], 60)[0] == [end]
        os.close(end)


async def test_a_server_sees_our_configuration_and_the_tree_stays_as_it_was(
    tree: Path, tmp_path: Path
) -> None:
    (tree / "pyrightconfig.json").write_text('{"include": ["nothing"]}')
    before = everything_in(tree)
    server = installed(tmp_path / "server")
    with open_workspace(tree, server.server.files) as workspace:
        shown = (workspace.folder / "pyrightconfig.json").read_text()
        assert '"lib"' in shown and "nothing" not in shown
        assert (workspace.folder / "lib/jobs.py").read_text() == SOURCES["lib/jobs.py"]
        assert workspace.path(workspace.uri("lib/jobs.py")) == "lib/jobs.py"
        assert workspace.path("file:///elsewhere/a.py") is None
    async with open_client(server, tree) as client:
        places = find_calls(tree, list(SOURCES), {"start"})
        said = await ask_definitions(client, places, deadline=in_a_minute())
    assert said.by_place == {Place("lib/use.py", 6, 4): [Place("lib/jobs.py", 6, 4)]}
    assert everything_in(tree) == before


async def test_calls_are_told_from_definitions_and_mentions(tree: Path) -> None:
    for path, source, roles in (
        ("a.py", "def f(): pass\nx.f()\nmap(f, y)\n'f'  # f", ["definition", "call", "other"]),
        (
            "a.ts",
            "const f = () => 1; a.b!.f(); new f(); g(f)",
            ["definition", "call", "call", "other"],
        ),
        ("a.tsx", "function F() {}\nconst x = <F a={F} />", ["definition", "call", "other"]),
    ):
        language = find_language(path)
        assert language is not None
        name = {"F"} if path == "a.tsx" else {"f"}
        assert [m.role for m in find_mentions(language, source.encode(), name)] == roles


def test_a_server_is_found_by_setting_or_on_absolute_folders_of_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = write_server(tmp_path / "bin").rename(tmp_path / "bin" / "pyright-langserver")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = find_server("python")
    assert found is not None and found.program == program
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "bin")
    assert find_server("python") is None
    assert find_server("python", programs={"pyright": str(tmp_path / "missing")}) is None


async def test_a_server_runs_no_program_of_the_tree_it_is_shown(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    program = tmp_path / "bin" / "env-reading-server"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nwho-is-there; echo $PATH > {ran}\n")
    program.chmod(0o755)
    write_files(tree, {"who-is-there": f"#!/bin/sh\ntouch {tmp_path}/evil\n"})
    (tree / "who-is-there").chmod(0o755)
    monkeypatch.setenv("PATH", f".::{os.environ['PATH']}")
    found = find_server("python", programs={"ty": str(program)})
    assert found is not None
    with pytest.raises(UnavailableError):
        async with open_client(found, tree):
            pass
    assert ran.exists()
    assert not (tmp_path / "evil").exists()


def test_the_server_of_typescript_is_told_of_its_own_compiler_or_left_alone(
    tmp_path: Path,
) -> None:
    program = tmp_path / "lib/node_modules/typescript-language-server/lib/cli.mjs"
    program.parent.mkdir(parents=True)
    program.write_text("#!/usr/bin/env node\n")
    program.chmod(0o755)
    link = tmp_path / "cli"
    link.symlink_to(program)
    programs = {"typescript-language-server": str(link)}
    servers = [each for each in SERVERS if each.name in programs]
    assert find_server("typescript", programs=programs, servers=servers) is None

    write_files(tmp_path, {"lib/node_modules/typescript/lib/tsserver.js": ""})
    found = find_server("typescript", programs=programs, servers=servers)
    assert found is not None
    compiler = str(tmp_path / "lib/node_modules/typescript/lib/tsserver.js")
    assert found.options["tsserver"]["path"] == compiler
    assert found.options["disableAutomaticTypingAcquisition"]


def test_a_configuration_found_by_chance_starts_no_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agentos.toml").write_text('[language_servers]\npyright = "/tmp/evil"\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="which programs"):
        load_settings(environment={})


async def test_verify_adds_removes_and_marks_callers_by_what_the_server_says(
    settings: Settings, tmp_path: Path
) -> None:
    program = str(write_server(tmp_path / "server"))
    settings = settings.model_copy(update={"language_servers": {"pyright": program}})
    repository = make_repository(tmp_path / "repository", SOURCES)
    plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything()}
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        plain = await call(kernel, "trace_symbol_dependencies", symbol="Job.run")
        assert plain["nodes"] == [] and plain["n_unresolved"] == 1
        traced = await call(kernel, "trace_symbol_dependencies", symbol="Job.run", verify=True)
        (edge,) = traced["edges"]
        assert (edge["from"], edge["line"]) == ("lib.use.one", 5)
        assert (edge["tier"], edge["rule"]) == ("exact", "lsp")
        assert traced["verification"]["server"] == "pyright"
        assert traced["verification"]["n_added"] == 1
        known = await call(kernel, "trace_symbol_dependencies", symbol="start", verify=True)
        assert known["verification"]["n_confirmed"] == 1
        assert [e["rule"] for e in known["edges"]] == ["lsp"]
        write_files(repository, {"lib/use.py": SOURCES["lib/use.py"] + "\n\n\nstart()\n"})
        grown = await call(kernel, "trace_symbol_dependencies", symbol="start", verify=True)
        assert ("lib.use", 10) in [(e["from"], e["line"]) for e in grown["edges"]]


async def test_verify_asks_about_callees_and_constructors_too(
    settings: Settings, tmp_path: Path
) -> None:
    program = str(write_server(tmp_path / "server"))
    settings = settings.model_copy(update={"language_servers": {"pyright": program}})
    made = "from lib.jobs import Job\n\n\ndef make(kind):\n    kind.Job()\n    return Job()\n"
    repository = make_repository(tmp_path / "repository", SOURCES | {"lib/make.py": made})
    plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything()}
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        callees = await call(
            kernel,
            "trace_symbol_dependencies",
            symbol="lib.use.one",
            direction="callees",
            verify=True,
        )
        assert {(e["to"], e["line"], e["rule"]) for e in callees["edges"]} == {
            ("lib.jobs.Job.run", 5, "lsp"),
            ("lib.jobs.start", 6, "lsp"),
        }
        assert callees["verification"]["n_added"] == 1
        assert callees["verification"]["n_confirmed"] == 1
        both = await call(
            kernel, "trace_symbol_dependencies", symbol="Job", direction="both", verify=True
        )
        assert {(e["from"], e["kind"], e["line"], e["rule"]) for e in both["edges"]} == {
            ("lib.make.make", "constructs", 5, "lsp"),
            ("lib.make.make", "constructs", 6, "lsp"),
        }
        init = "class Job:\n    def __init__(self):\n        pass\n\n" + SOURCES["lib/jobs.py"][11:]
        write_files(repository, {"lib/jobs.py": init})
        await call(kernel, "index_repository", path=str(repository))
        made_by = await call(
            kernel, "trace_symbol_dependencies", symbol="Job.__init__", verify=True
        )
        assert {(e["from"], e["kind"], e["line"], e["rule"]) for e in made_by["edges"]} == {
            ("lib.make.make", "calls", 5, "lsp"),
            ("lib.make.make", "calls", 6, "lsp"),
        }
        assert kernel.service(Memory).server_pool.n_started == 1


async def test_verify_says_when_and_why_it_gave_up_and_keeps_the_index_there(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = str(write_server(tmp_path / "server"))
    settings = settings.model_copy(update={"language_servers": {"pyright": program}})
    twice = SOURCES["lib/use.py"] + "\n\ndef two():\n    start()\n"
    repository = make_repository(tmp_path / "repository", SOURCES | {"lib/use.py": twice})
    plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything()}
    monkeypatch.setattr(verification, "MAX_SITES", 1)
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        traced = await call(kernel, "trace_symbol_dependencies", symbol="start", verify=True)
    assert [(e["from"], e["rule"]) for e in traced["edges"]] == [
        ("lib.use.one", "lsp"),
        ("lib.use.two", None),
    ]
    assert traced["verification"]["n_unasked"] == 1
    assert traced["verification"]["gave_up"] == "one call asks about 1 places at most"


@pytest.mark.nightly
async def test_pyright_finds_the_caller_that_the_index_cannot(
    settings: Settings, tmp_path: Path
) -> None:
    server = find_server("python")
    if server is None or server.server.name != "pyright":
        pytest.skip("pyright-langserver is not on PATH")
    settings = settings.model_copy(update={"language_servers": {"pyright": str(server.program)}})
    typed = "from lib.jobs import Job\n\n\ndef go(jobs: dict[str, Job]):\n    jobs['a'].run()\n"
    repository = make_repository(tmp_path / "repository", SOURCES | {"lib/typed.py": typed})
    plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything()}
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        traced = await call(kernel, "trace_symbol_dependencies", symbol="Job.run", verify=True)
        assert [(e["from"], e["rule"]) for e in traced["edges"]] == [("lib.typed.go", "lsp")]
        assert traced["verification"]["n_unresolved"] == 1
        # A file that nobody opened has changed, and lines with it.
        write_files(repository, {"lib/jobs.py": "# New.\n" + SOURCES["lib/jobs.py"]})
        again = await call(kernel, "trace_symbol_dependencies", symbol="Job.run", verify=True)
        assert [e["from"] for e in again["edges"]] == ["lib.typed.go"]
        assert kernel.service(Memory).server_pool.n_started == 1


async def test_verify_says_that_no_server_is_installed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = make_repository(tmp_path / "repository", SOURCES)
    plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything()}
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        monkeypatch.setenv("PATH", str(folder_with_git(tmp_path / "bin")))
        traced = await call(kernel, "trace_symbol_dependencies", symbol="start", verify=True)
    assert traced["verification"]["server"] is None
    assert "no language server for python" in traced["verification"]["detail"]
    assert [node["symbol"] for node in traced["nodes"]] == ["lib.use.one"]


def in_a_minute() -> float:
    """A time of the running loop."""
    return asyncio.get_running_loop().time() + 60


def folder_with_git(folder: Path) -> Path:
    """A folder for PATH that holds git alone."""
    git = shutil.which("git")
    assert git is not None
    folder.mkdir()
    (folder / "git").symlink_to(git)
    return folder


def everything_in(folder: Path) -> list[Path]:
    """Every file and folder below."""
    return sorted(folder.rglob("*"))
