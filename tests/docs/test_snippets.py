"""Every snippet of the pages is of a kind that is run or checked, and passes.

What is `console` is run by `test_commands` or `test_quickstarts`, what belongs to a named file by
`test_plugin_guide`; `python` and `sql` run here; the rest is read by what reads it for users.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import importlib
import json
import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

import agentos
from agentos import Settings, load_settings, open_kernel
from agentos.database.embedded import EmbeddedPostgres
from agentos.events.model import Event
from agentos.identity.oauth.settings import parse_oauth
from agentos_fabric.settings import parse_completer_settings
from agentos_gateway.configuration import parse_gateway
from agentos_governance.approvals.lifetime import parse_lifetime
from agentos_governance.contracts.model import parse_contract
from agentos_governance.cost.limits import parse_limits
from agentos_governance.cost.locks import parse_locks
from agentos_governance.review.settings import parse_review_settings
from agentos_governance.rules import DEFAULT_SCHEMA, Fact, FactType, compile_policy, parse_policy
from agentos_governance.workflows.actions import ACTIONS
from agentos_governance.workflows.checks import find_problems
from agentos_governance.workflows.definition import parse_definition
from agentos_memory.embedding.settings import parse_embedder_settings
from agentos_memory.language_servers.settings import parse_language_server_settings
from tests.docs.command_line import problem_of, problem_of_mention
from tests.docs.pages import (
    PAGES,
    QUICK_STARTS,
    READ_IN_ORDER,
    ROOT,
    Snippet,
    all_snippets,
    shell_commands,
    snippets_of,
    spans_of,
)

KINDS = {"console", "json", "policy", "python", "sh", "sql", "text", "toml", "yaml"}
HOW = (
    "mark it as `console` (lines after `$ ` are run), `sh` (its commands must exist), `python` (it is "
    "run), `toml` (agentos.toml or a workflow), `json` (a contract or an event), `policy`, `yaml` (of "
    "Prometheus), `sql` (it is run), or `text` (what a program prints, or a grammar)"
)
_NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
_ACTIONS = {action.name: action for action in ACTIONS}
_PARSERS: dict[str, Callable[[Any], object]] = {
    "oauth": parse_oauth,
    "budgets": parse_limits,
    "locks": parse_locks,
    "governance": parse_lifetime,
    "gateway": parse_gateway,
    "fabric": parse_completer_settings,
    "review": parse_review_settings,
}


def _marked(kind: str) -> pytest.MarkDecorator:
    found = all_snippets(kind)
    return pytest.mark.parametrize("snippet", found, ids=[each.place for each in found])


def test_every_snippet_is_of_a_kind_that_is_checked() -> None:
    unmarked = [
        f"{snippet.place}: {snippet.kind or 'no kind'}: {HOW}"
        for page in PAGES
        for snippet in snippets_of(page)
        if snippet.kind not in KINDS and not snippet.file
    ]
    assert unmarked == []


def test_no_command_hides_in_a_block_that_nobody_runs() -> None:
    for page in PAGES:
        found = snippets_of(page)
        fences = re.findall(r"^\s*(?:```|~~~)", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len([each for each in found if each.is_fenced]), page
        for snippet in (each for each in found if each.kind == "console"):
            assert page in (*READ_IN_ORDER, *QUICK_STARTS), f"{snippet.place}: nothing runs it"
            assert snippet.text.startswith("$ "), f"{snippet.place}: {HOW}"


@pytest.mark.parametrize("page", PAGES, ids=_NAMES)
def test_commands_that_do_not_run_here_exist_with_their_options(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agentos.toml").touch()
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    wrong = [
        f"{snippet.place}: {' '.join(words)}: {problem}"
        for snippet in snippets_of(page)
        if snippet.kind == "sh"
        for words in shell_commands(snippet.text)
        if (problem := problem_of(words, text))
    ]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=_NAMES)
def test_commands_and_files_that_a_sentence_names_exist(page: Path) -> None:
    wrong = []
    for span in spans_of(page):
        words = span.split()
        # The template's page speaks of a command that only the made plugin has.
        if len(words) > 1 and words[0] in ("agentos", "make") and page.suffix == ".md":
            wrong.append((span, problem_of_mention(words)))
        elif span.startswith(("pip install ", "python -m bench.", "python bench/")):
            wrong.append((span, problem_of(shlex.split(span))))
        elif "*" not in span and span.startswith(("deploy/", "scripts/", "server/", "plugins/")):
            wrong.append((span, None if (ROOT / span).exists() else "does not exist"))
    assert [each for each in wrong if each[1]] == []


@_marked("text")
def test_what_is_marked_as_output_holds_no_command(snippet: Snippet) -> None:
    programs = ("$ ", "agentos ", "make ", "pip ", "python ", "git ", "docker ")
    commands = [line for line in snippet.text.splitlines() if line.startswith(programs)]
    assert commands == [], f"{snippet.place}: {HOW}"


@_marked("toml")
def test_settings_and_definitions_are_accepted(
    snippet: Snippet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tomllib.loads(snippet.text)
    if "states" in document:
        definition = parse_definition(snippet.text, is_toml=True)
        assert find_problems(definition, _ACTIONS) == []
        return
    file = tmp_path / "agentos.toml"
    file.write_text(snippet.text, encoding="utf-8")
    settings = load_settings(config=file, environment={})
    for name in document.keys() & _PARSERS.keys():
        _PARSERS[name](document[name])
    parse_embedder_settings(settings.memory)
    parse_language_server_settings(settings.memory)
    monkeypatch.syspath_prepend(snippet.page.parent)
    for name in settings.plugin_settings:
        plugin = importlib.import_module(f"agentos_{name}.plugin")
        settings.of_plugin(name, getattr(plugin, f"{name.capitalize()}Settings"))


@_marked("json")
def test_documents_are_contracts_or_events(snippet: Snippet) -> None:
    document = json.loads(snippet.text)
    if "prev_hash" in document:
        assert list(document) == [field.name for field in dataclasses.fields(Event)]
    else:
        parse_contract(document)


@_marked("policy")
def test_policies_compile(snippet: Snippet) -> None:
    facts = {"unsafe_environment": Fact(FactType.BOOLEAN, "An example")}
    compile_policy(parse_policy(snippet.text), DEFAULT_SCHEMA.extended(facts))


@_marked("yaml")
def test_prometheus_finds_the_server_that_the_page_describes(snippet: Snippet) -> None:
    (job,) = yaml.safe_load(snippet.text)["scrape_configs"]
    # Unless said otherwise Prometheus asks for `/metrics`, as the server offers it.
    assert set(job) == {"job_name", "authorization", "static_configs"}
    (target,) = job["static_configs"][0]["targets"]
    assert target.endswith(f":{Settings().port}")
    assert set(job["authorization"]) == {"credentials_file"}


@pytest.mark.anyio
@_marked("sql")
async def test_the_database_that_sql_makes_is_one_that_the_server_starts_on(
    snippet: Snippet, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    # The test server's own role and database have the names of the page.
    script = snippet.text.replace("agentos", "docs_agentos")
    before, _, after = script.partition("\\connect docs_agentos\n")
    url = postgres.dsn.replace("/agentos?", "/docs_agentos?")
    await _execute(postgres.dsn, before)
    try:
        await _execute(url, after)
        own = url.replace("//postgres@", "//docs_agentos@")
        started = Settings(home=tmp_path / "home", database_url=own, plugins=("governance",))
        async with open_kernel(started) as kernel:
            owner = await kernel.database.fetch_row("select current_user as name")
            assert owner is not None and owner["name"] == "docs_agentos"
    finally:
        await _execute(postgres.dsn, "drop database docs_agentos with (force)")
        await _execute(postgres.dsn, "drop role docs_agentos")


async def _execute(url: str, script: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in filter(str.strip, script.split(";\n")):
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("page", PAGES, ids=_NAMES)
def test_python_runs_and_parts_of_programs_name_only_what_there_is(page: Path) -> None:
    known = {name: getattr(agentos, name) for name in agentos.__all__}
    for snippet in (each for each in all_snippets("python") if each.page == page):
        tree = ast.parse(snippet.text)
        if isinstance(tree.body[0], ast.Import | ast.ImportFrom):
            alone: dict[str, Any] = {"__name__": "example"}
            exec(compile(tree, snippet.place, "exec", dont_inherit=True), alone)
            known |= alone
        elif any(isinstance(each, ast.Await) for each in _outside_functions(tree)):
            names = [each for each in ast.walk(tree) if isinstance(each, ast.Name)]
            made = {each.id for each in names if isinstance(each.ctx, ast.Store)} | {"call"}
            read = {each.id for each in names} - made
            assert read <= known.keys() | vars(builtins).keys(), snippet.place
        else:
            exec(compile(tree, snippet.place, "exec", dont_inherit=True), known)


def _outside_functions(tree: ast.Module) -> list[ast.AST]:
    functions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return [
        each
        for statement in tree.body
        if not isinstance(statement, functions)
        for each in ast.walk(statement)
    ]
