"""Issue 3: what static checks find in a definition, and what a version is."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentos import ConfigurationError, InvalidArgumentError
from agentos_governance.workflows.actions import ACTIONS
from agentos_governance.workflows.checks import find_problems
from agentos_governance.workflows.definition import Narrowing, definition_of, parse_definition
from agentos_governance.workflows.guards import GUARD_FACTS
from agentos_governance.workflows.picture import mermaid, outline
from agentos_governance.workflows.registry import (
    WorkflowRegistry,
    own_definitions,
    shipped_definitions,
)
from tests.agentos_governance.workflows.plugin import WorkflowPlugin
from tests.commands import run_command

BY_NAME = {
    action.name: action for action in (*ACTIONS, *WorkflowPlugin([]).register_workflow_actions())
}
Change = Callable[[dict[str, Any]], Any]


def sound() -> dict[str, Any]:
    """A definition with one of everything."""
    order = {"title": "{title}", "objective": "{objective} {reason}", "role": "worker"}
    return {
        "name": "example",
        "description": "An example",
        "inputs": {"risk": "number"},
        "initial": "doing",
        "states": [
            {
                "name": "doing",
                "kind": "group",
                "initial": "work",
                "states": [
                    {
                        "name": "work",
                        "order": order,
                        "compensations": [{"action": "remove_worktree_branch"}],
                        "max_visits": 2,
                        "transitions": [{"on": "completed", "to": "look"}],
                    },
                    {
                        "name": "look",
                        "effects": False,
                        "order": order,
                        "max_visits": 2,
                        "transitions": [
                            {"on": "completed", "to": "done"},
                            {"on": "changes_requested", "to": "work", "when": "visits < 2"},
                        ],
                    },
                    {"name": "done", "kind": "final", "outcome": "completed"},
                ],
                "transitions": [
                    {"on": "completed", "to": "ask", "when": "input.risk > 0.5"},
                    {
                        "on": "completed",
                        "to": "end",
                        "actions": [{"action": "note", "arguments": {"text": "Done"}}],
                    },
                ],
            },
            {
                "name": "ask",
                "kind": "wait",
                "transitions": [{"on": "signal:approve", "to": "end"}],
            },
            {"name": "end", "kind": "final", "outcome": "completed"},
            {"name": "undone", "kind": "final", "outcome": "rolled_back"},
        ],
    }


def state(document: dict[str, Any], name: str) -> dict[str, Any]:
    """A state of a document."""
    for each in [*document["states"], *document["states"][0]["states"]]:
        if each["name"] == name:
            return each  # type: ignore[no-any-return]
    raise KeyError(name)


def change(**fields: Any) -> Change:
    """Set fields of the state `_name`."""
    name = fields.pop("_name")
    return lambda document: state(document, name).update(fields)


def drop(name: str, field: str) -> Change:
    """Take a field away from a state."""
    return lambda document: state(document, name).pop(field)


ORDER = {"title": "A", "objective": "B", "role": "worker"}
GOOD = {"on": "completed", "to": "end"}
WRONG: list[tuple[str, Change, str]] = [
    ("no end", change(_name="work", transitions=[]), "no unguarded transition takes `completed`"),
    (
        "only guarded",
        change(_name="look", transitions=[{**GOOD, "to": "done", "when": "visits < 2"}]),
        "state look: no unguarded transition takes `completed`",
    ),
    ("nowhere", change(_name="ask", transitions=[{"on": "signal:go", "to": "moon"}]), "moon"),
    (
        "unreachable",
        lambda d: d["states"][0].update(transitions=[GOOD]),
        "state ask: nothing leads there",
    ),
    (
        "dead end",
        change(_name="ask", max_visits=3, transitions=[{"on": "signal:again", "to": "ask"}]),
        "state ask: no end can be reached",
    ),
    ("no compensation", drop("work", "compensations"), "has effects and no compensation"),
    ("unbounded cycle", drop("work", "max_visits"), "state work: it lies on a cycle"),
    (
        "unbounded group",
        change(
            _name="ask",
            max_visits=2,
            transitions=[{"on": "signal:approve", "to": "end"}, {"on": "signal:no", "to": "doing"}],
        ),
        "state doing: it lies on a cycle",
    ),
    ("two of a name", change(_name="ask", name="work"), "two states are named work"),
    ("no rollback", lambda d: d["states"].pop(), "exactly one outermost final state"),
    ("no completion", change(_name="end", outcome="failed"), "completed or rolled_back"),
    ("bad guard", change(_name="look", transitions=[{**GOOD, "when": "visit < 2"}]), "visit"),
    (
        "two rules",
        change(_name="look", transitions=[{**GOOD, "when": "visits < 2\nALLOW operation"}]),
        "one condition",
    ),
    (
        "unknown action",
        change(_name="work", compensations=[{"action": "pray"}]),
        "no enabled plugin provides the action pray",
    ),
    (
        "effects of an action",
        change(_name="look", transitions=[{**GOOD, "actions": [{"action": "deploy"}]}]),
        "the action deploy has effects and no compensation",
    ),
    (
        "bad argument",
        change(
            _name="work", compensations=[{"action": "note", "arguments": {"text": 1, "to": "me"}}]
        ),
        "takes no argument to",
    ),
    ("both ways to undo", change(_name="work", compensations=[{}]), "an action or an order"),
    (
        "unknown placeholder",
        change(_name="work", order={**ORDER, "objective": "{input.color}"}),
        "nothing fills in {input.color}",
    ),
    (
        "reserved signal",
        change(_name="ask", transitions=[{"on": "signal:cancel", "to": "end"}]),
        "cancel is a signal of every workflow",
    ),
    (
        "sender of an outcome",
        change(_name="look", transitions=[{**GOOD, "by": ["admin"]}]),
        "only a signal comes from somebody",
    ),
    (
        "writes without effects",
        change(_name="look", order={**ORDER, "contract": {"allowed_roots": ["src/"]}}),
        "effects = false, and its contract allows writing",
    ),
    ("leaves a final", change(_name="end", transitions=[GOOD]), "nothing leaves a final state"),
    ("no order", drop("look", "order"), "a work state, and no other, has an order"),
    ("no initial", lambda d: d.update(initial="work"), "is not one of the outermost states"),
    ("empty group", drop("doing", "initial"), "a group names its initial state"),
]


def test_a_sound_definition_has_no_problems_and_can_be_drawn() -> None:
    definition = definition_of(sound())
    assert find_problems(definition, BY_NAME) == []
    assert "state doing {" in mermaid(definition)
    assert "  [ ] look: completed -> done" in outline(definition)


@pytest.mark.parametrize(("spoil", "said"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_would_strand_an_instance_is_found(spoil: Change, said: str) -> None:
    document = sound()
    spoil(document)
    problems = find_problems(definition_of(document), BY_NAME)
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda d: d.update(colour="red"), "colour"),
        (change(_name="work", max_visits=1000), "doing.states.work.max_visits"),
        (change(_name="work", transitions=[{"on": "finished", "to": "end"}]), "transitions.0.on"),
        (lambda d: d.update(states=[]), "states"),
    ],
)
def test_a_document_that_is_no_definition_names_the_field(spoil: Change, said: str) -> None:
    document = sound()
    spoil(document)
    with pytest.raises(InvalidArgumentError, match=said):
        definition_of(document)


def test_the_definitions_that_ship_are_sound() -> None:
    shipped = shipped_definitions()
    assert [d.name for d in shipped] == ["migration", "planner_executor_validator"]
    WorkflowRegistry(shipped, {action.name: action for action in ACTIONS})


def test_a_version_is_the_content_s_however_it_is_written() -> None:
    document = sound()
    turned = json.dumps(document, sort_keys=True, indent=3)
    version = definition_of(document).version
    assert parse_definition(turned, is_toml=False).version == version
    changed = copy.deepcopy(document)
    changed["states"][1]["transitions"][0]["to"] = "undone"
    assert definition_of(changed).version != version


def test_an_operator_s_broken_definition_stops_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "workflows"
    folder.mkdir()
    (folder / "good.json").write_text(json.dumps(sound()))
    assert [d.name for d in own_definitions(tmp_path)] == ["example"]
    (folder / "bad.toml").write_text("name = ")
    with pytest.raises(ConfigurationError, match=r"bad\.toml"):
        own_definitions(tmp_path)


def test_the_command_checks_a_file_without_a_server(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    document = sound()
    good.write_text(json.dumps(document))
    state(document, "work").pop("compensations")
    bad.write_text(json.dumps(document))
    outcomes = [
        run_command("workflow", "check", str(path), "--json", environment=os.environ)
        for path in (good, bad)
    ]
    assert [outcome.returncode for outcome in outcomes] == [0, 1]
    documents = [json.loads(outcome.stdout) for outcome in outcomes]
    assert documents[0]["ok"] and "stateDiagram-v2" in documents[0]["mermaid"]
    assert "no compensation" in documents[1]["problems"][0]


def test_the_page_names_every_fact_action_and_field() -> None:
    page = (Path(__file__).parents[3] / "docs" / "workflows.md").read_text("utf-8")
    names = {*GUARD_FACTS, *(action.name for action in ACTIONS), *Narrowing.model_fields}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


def test_the_example_of_the_page_is_sound() -> None:
    page = (Path(__file__).parents[3] / "docs" / "workflows.md").read_text("utf-8")
    example = page.split("```toml\n")[1].split("```")[0]
    assert find_problems(parse_definition(example, is_toml=True), BY_NAME) == []
