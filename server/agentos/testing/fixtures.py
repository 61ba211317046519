"""The pytest plugin for authors of plugins: fixtures, and rules that only show while tests run.

Switched on in the project that wants it, so that nobody else's test run imports AgentOS:

    [tool.pytest.ini_options]
    addopts = ["-p", "agentos.testing.fixtures"]
    agentos_plugin = "my_plugin.plugin"

The tests of a run share one PostgreSQL; each test that asks for `kernel` gets a database of its own.
A test fails where code of the plugin blocked the event loop. With `agentos_refusals = true` a whole
run fails that never saw one of the plugin's writing tools refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from agentos.declarations import flatten
from agentos.kernel import Kernel
from agentos.plugins import load_plugins
from agentos.testing.blocking import LoopWatch
from agentos.testing.caller import Caller
from agentos.testing.clock import FakeClock
from agentos.testing.conformance.sources import package_of
from agentos.testing.databases import TestDatabases, running_databases
from agentos.testing.kernel import open_test_kernel
from agentos.testing.plugins import AllowEverything
from agentos.testing.refusals import RefusalCoverage

if TYPE_CHECKING:
    from agentos.testing.slack import SlackEmulator

_coverage = pytest.StashKey[RefusalCoverage]()
_WORKER_OUTPUT = "agentos_refusals"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("agentos_plugin", "the module of the plugin that the tests are about")
    parser.addini(
        "agentos_refusals", "whether every writing tool must have been refused", "bool", False
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_coverage] = RefusalCoverage()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    coverage = config.stash[_coverage]
    output: dict[str, Any] | None = getattr(config, "workeroutput", None)
    if output is not None:
        output[_WORKER_OUTPUT] = coverage.dump()
    elif exitstatus == pytest.ExitCode.OK and _is_whole_run(config) and coverage.missing():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A process of pytest-xdist ended; what its tests saw counts."""
    node.config.stash[_coverage].load(getattr(node, "workeroutput", {}).get(_WORKER_OUTPUT, {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    missing = config.stash[_coverage].missing()
    if missing and _is_whole_run(config):
        terminalreporter.section("refusals")
        for name in missing:
            terminalreporter.line(f"{name} writes, and no test saw it refused or fail")


def _is_whole_run(config: pytest.Config) -> bool:
    """Whether every test was to run, so that what nobody tested shows."""
    is_narrowed = bool(config.option.keyword or config.option.markexpr)
    has_arguments = config.args_source is pytest.Config.ArgsSource.ARGS
    return bool(config.getini("agentos_refusals")) and not is_narrowed and not has_arguments


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture(scope="session")
def agentos_databases() -> Iterator[TestDatabases]:
    """The PostgreSQL of this run; it starts with the first test that needs it."""
    with running_databases() as databases:
        yield databases


@pytest.fixture(scope="session")
def agentos_plugin(request: pytest.FixtureRequest) -> ModuleType | None:
    """The module that the setting `agentos_plugin` names."""
    name = request.config.getini("agentos_plugin")
    return import_module(str(name)) if name else None


@pytest.fixture
def clock() -> FakeClock:
    """The kernel's clock; it stands still until `clock.advance(...)`."""
    return FakeClock()


@pytest.fixture
def authority() -> Any:
    """The plugin that admits calls; override it, with None too, to test what happens without."""
    return AllowEverything()


@pytest.fixture
def plugins(agentos_plugin: ModuleType | None) -> Mapping[str, Any]:
    """Plugins by name; override it to add more: modules, or objects with hooks."""
    return {} if agentos_plugin is None else {_name_of(agentos_plugin): agentos_plugin}


@pytest.fixture
def agentos_settings() -> Mapping[str, Any]:
    """Settings of the kernel besides its own; override it, such as `{"role": "planner"}`."""
    return {}


@pytest.fixture
async def kernel(
    request: pytest.FixtureRequest,
    agentos_databases: TestDatabases,
    agentos_plugin: ModuleType | None,
    agentos_settings: Mapping[str, Any],
    plugins: Mapping[str, Any],
    authority: Any,
    clock: FakeClock,
    tmp_path: Path,
) -> AsyncIterator[Kernel]:
    """A started kernel with `plugins` on a database of its own."""
    chosen = dict(plugins) if authority is None else {"authority": authority, **plugins}
    installed = tuple(agentos_settings.get("plugins", ()))
    sets = flatten(load_plugins(installed, chosen).hook.register_migrations())
    url = await agentos_databases.create(sets)
    folders = [] if agentos_plugin is None else [package_of(agentos_plugin).folder]
    watch = LoopWatch(folders)
    options = {"database_url": url, **agentos_settings}
    try:
        async with open_test_kernel(
            tmp_path / "home", extra_plugins=chosen, clock=clock, **options
        ) as kernel:
            with watch.active(), watch.computing(asyncio.get_running_loop()):
                yield kernel
            own = None if agentos_plugin is None else _name_of(agentos_plugin)
            await request.config.stash[_coverage].collect(kernel, own)
    finally:
        await agentos_databases.drop(url)
    if watch.found:
        pytest.fail("\n".join(str(call) for call in watch.found), pytrace=False)


@pytest.fixture
def caller(kernel: Kernel) -> Caller:
    """Calls tools as the local principal; `caller_as(kernel, role)` makes others."""
    return Caller(kernel)


@pytest.fixture
async def slack() -> AsyncIterator[SlackEmulator]:
    """A Slack of the test's own, on the loopback interface; it needs the extra `slack`."""
    from agentos.testing.slack import SlackEmulator

    async with SlackEmulator() as slack:
        yield slack


def _name_of(plugin: ModuleType) -> str:
    """The name under which a module is tested: `my_plugin` for `my_plugin.plugin`."""
    return plugin.__name__.partition(".")[0]
