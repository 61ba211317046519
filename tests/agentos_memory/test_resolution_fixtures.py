"""pytest fixtures as edges of their own kind (issue 4, Memory)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from random import Random
from textwrap import dedent

import pytest

from agentos_memory.blast_radius import blast_radius
from tests.agentos_memory.sources import edges, find_edge, graph_of, resolve_repository

CONFTEST = """
    import pytest
    class Session:
        def close(self): ...
    @pytest.fixture
    def db():
        yield Session()
    @pytest.fixture(name="client")
    def make_client(db): ...
    @pytest.fixture
    def role(): ...
    @pytest.fixture(autouse=True)
    def clean(db): ...
    """


def fixtures_of(files: Mapping[str, str]) -> set[tuple[str, str]]:
    """(who asks, fixture), tests by what follows `test_` in the name of their module."""
    found = edges(resolve_repository(files), "fixture")
    return {(source.partition("test_")[2] or source, target) for source, target in found}


def asked(body: str, conftest: str = CONFTEST) -> set[str]:
    """The fixtures of tests in one test file below a conftest.py, `clean` left out."""
    found = edges(resolve_repository({"conftest.py": conftest, "sub/test_it.py": body}), "fixture")
    return {target for source, target in found if "test_it" in source} - {"conftest.clean"}


def test_parameters_marks_and_requests_lead_to_fixtures() -> None:
    client, db = "conftest.make_client", "conftest.db"
    for body, expected in (
        ("def test_a(client): ...", {client}),
        ("def test_a(*, client): ...", {client}),
        (
            "import pytest\n@pytest.mark.usefixtures('db', 'client')\ndef test_a(): ...",
            {db, client},
        ),
        (
            "import pytest\n@pytest.mark.usefixtures('db')\nclass TestA:\n def test_a(self): ...",
            {db},
        ),
        ("import pytest\npytestmark = pytest.mark.usefixtures('db')\ndef test_a(): ...", {db}),
        (
            "import pytest\npytestmark = [pytest.mark.usefixtures('db')]\ndef test_a(): ...",
            {db},
        ),
        ("def test_a(request): request.getfixturevalue('client')", {client}),
        ("def test_a(request): request.getfixturevalue(name())", set()),
        ("def test_a(unknown, make_client): ...", set()),
        ("def test_a(db=None): ...", set()),
        ("def helper(db): ...", set()),
        ("def test_a():\n    def test_inner(db): ...", set()),
        ("def helper(request): request.getfixturevalue('db')", {db}),
    ):
        assert asked(body) == expected, body


def test_a_parameter_that_is_given_is_no_fixture_unless_it_goes_through_one() -> None:
    role, db = "conftest.role", "conftest.db"
    for arguments, expected in (
        ("'role', [1]", {db}),
        ("'role, db', [(1, 2)]", set()),
        ("('role', 'db'), [(1, 2)]", set()),
        ("'role', [1], indirect=True", {role, db}),
        ("'role, db', [(1, 2)], indirect=['db']", {db}),
        ("argnames='role', argvalues=[1], indirect=False", {db}),
    ):
        body = f"import pytest\n@pytest.mark.parametrize({arguments})\ndef test_a(role, db): ..."
        assert asked(body) == expected, arguments


def test_the_nearest_fixture_of_a_name_wins_and_asks_for_the_next_one_itself() -> None:
    fixture = "import pytest\n@pytest.fixture\ndef db({0}): ...\n"
    files = {
        "conftest.py": fixture.format(""),
        "api/conftest.py": fixture.format("db"),
        "api/v2/test_near.py": fixture.format("db") + "def test_module(db): ...\n"
        "class TestClass:\n    @pytest.fixture\n    def db(self, db): ...\n"
        "    def test_method(self, db): ...\n"
        "class TestInherits(TestClass):\n    def test_too(self, db): ...\n",
        "api/v2/test_far.py": "def test_conftest(db): ...\n",
        "web/test_root.py": "def test_root(db): ...\n",
    }
    near = "api.v2.test_near" if "api.v2.test_near.db" in str(fixtures_of(files)) else "test_near"
    assert fixtures_of(files) == {
        ("far.test_conftest", "api.conftest.db"),
        ("root.test_root", "conftest.db"),
        ("near.test_module", f"{near}.db"),
        ("near.TestClass.test_method", f"{near}.TestClass.db"),
        ("near.TestInherits.test_too", f"{near}.TestClass.db"),
        ("near.TestClass.db", f"{near}.db"),
        ("near.db", "api.conftest.db"),
        ("api.conftest.db", "conftest.db"),
    }


def test_fixtures_come_through_imports_stars_and_plugins() -> None:
    files = {
        "lib/__init__.py": "",
        "lib/doubles.py": "import pytest\n@pytest.fixture\ndef mailer(clock): ...\n",
        "lib/times.py": "import pytest\n@pytest.fixture\ndef clock(): ...\n",
        "conftest.py": "from lib.doubles import *\npytest_plugins = ['lib.times']\n",
        "lib/test_direct.py": "from lib.doubles import mailer\ndef test_a(mailer): ...\n",
        "test_star.py": "def test_b(mailer, clock): ...\n",
    }
    assert fixtures_of(files) >= {
        ("direct.test_a", "lib.doubles.mailer"),
        ("star.test_b", "lib.doubles.mailer"),
        ("star.test_b", "lib.times.clock"),
    }


def test_a_fixture_that_nobody_names_reaches_every_test_below_it() -> None:
    files = {
        "a/conftest.py": "import pytest\n@pytest.fixture(autouse=True)\ndef clean(): ...\n",
        "a/test_in.py": "def test_a(): ...\ndef helper(): ...\nclass TestA:\n"
        "    def test_b(self): ...\n",
        "a/support.py": "def test_data(): ...\n",
        "b/test_out.py": "def test_d(): ...\n",
    }
    resolution = resolve_repository(files)
    assert {s.rpartition(".")[2] for s, _ in edges(resolution, "fixture")} == {"test_a", "test_b"}
    edge = next(e for e in resolution.edges if e.source.endswith("test_a"))
    assert (edge.rule, edge.tier, edge.path, edge.line) == (
        "autouse fixture", "typed", "a/test_in.py", 1,
    )  # fmt: skip


def test_what_a_named_fixture_yields_is_what_the_test_calls() -> None:
    files = {
        "conftest.py": CONFTEST + "\n    @pytest.fixture(name='session')\n    def make(db):\n"
        "        return db\n",
        "test_it.py": "def test_a(session):\n    session.close()\n",
    }
    resolution = resolve_repository(files)
    assert find_edge(resolution, "test_it.test_a", "conftest.Session.close").tier == "typed"


def test_a_mark_is_no_fixture() -> None:
    """`usefixtures` holds the word, and a parametrised test must not pass for a fixture."""
    body = "import pytest\n@pytest.mark.usefixtures('db')\ndef run(client): ..."
    assert asked(body) == set()


def test_tests_that_use_a_fixture_are_in_its_blast_radius() -> None:
    graph = graph_of({"conftest.py": CONFTEST, "test_it.py": "def test_a(client): ...\n"})
    (db,) = graph.find("conftest.db")
    radius = blast_radius(graph, [db], frozenset({"calls"}))
    assert [graph.definitions[p].name for p in radius.tests] == ["test_a"]


@pytest.mark.parametrize("seed", range(3))
def test_fixtures_are_those_that_pytest_itself_resolves(tmp_path: Path, seed: int) -> None:
    """Over generated projects, with the fixtures of each test as pytest collects them."""
    files = {path: dedent(text) for path, text in _project(seed).items()}
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    expected = _collected(tmp_path)
    assert len(expected) > 10
    resolution = resolve_repository(files)
    found = {
        (edge.source.rpartition(".")[2], edge.target_path, edge.target.rpartition(".")[2])
        for edge in resolution.edges
        if edge.kind == "fixture" and edge.source.rpartition(".")[2].startswith("test_")
    }
    assert found == expected


TESTS = (
    "def test_{n}({one}, *, {two}): ...\n",
    "@pytest.mark.parametrize('{one}', [1])\ndef test_{n}({one}, {two}): ...\n",
    """
@pytest.mark.parametrize('{one}', [1], indirect=True)
def test_{n}({one}, {two}): ...
""",
    """
@pytest.mark.usefixtures('{one}')
class TestC{n}:
    @pytest.fixture
    def {two}(self, {two}): ...
    def test_{n}(self, {two}): ...
class TestD{n}(TestC{n}):
    def test_{n}0(self, {two}): ...
""",
)


def _project(seed: int) -> dict[str, str]:
    """Folders with fixtures of the same few names in every scope, and tests that ask for them."""
    chance = Random(seed)
    names, files, number = ["alpha", "beta", "gamma", "delta"], {}, 0
    for folder in ("", "one/", "one/two/", "three/"):
        chosen = chance.sample(names, 2) if folder else names
        files[f"{folder}conftest.py"] = "import pytest\n" + "".join(
            f"@pytest.fixture({chance.choice(['', '', 'autouse=True'])})\ndef {name}(): ...\n"
            for name in chosen
        )
        text = "import pytest\n"
        if chance.random() < 0.5:
            text += f"pytestmark = pytest.mark.usefixtures('{chance.choice(names)}')\n"
        text += f"@pytest.fixture(name='{chance.choice(names)}')\ndef local(): ...\n"
        for _ in range(4):
            number += 1
            one, two = chance.sample(names, 2)
            test = chance.choice(TESTS)
            text += test.format(n=number, one=one, two=two)
        files[f"{folder}test_{number}.py"] = text
    return files


# Prints what each test asks for: name, file and function of the fixture.
_PLUGIN = """
import json, sys
def pytest_collection_finish(session):
    found = []
    for item in session.items:
        info = item._fixtureinfo
        for name in info.initialnames:
            for definition in info.name2fixturedefs.get(name, ())[-1:]:
                code = definition.func.__code__
                found.append((item.originalname, code.co_filename, code.co_name))
    print("FOUND" + json.dumps(found))
"""


def _collected(root: Path) -> set[tuple[str, str, str]]:
    plugins = root.parent / f"{root.name}_plugin"
    plugins.mkdir()
    (plugins / "listing.py").write_text(_PLUGIN)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "listing", "-p",
         "no:cacheprovider", "-c", os.devnull, f"--rootdir={root}", "--import-mode=importlib", "."],
        cwd=root, env={**os.environ, "PYTHONPATH": str(plugins), "PYTEST_ADDOPTS": "",
                       "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    (line,) = [each for each in run.stdout.splitlines() if each.startswith("FOUND")]
    return {
        (test, Path(path).relative_to(root).as_posix(), function)
        for test, path, function in json.loads(line.removeprefix("FOUND"))
        if Path(path).is_relative_to(root)
    }
