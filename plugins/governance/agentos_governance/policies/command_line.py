"""`agentos policy`: check, format and compare policies; explain and replay decisions.

Exit codes: 0 fine, 2 a policy or an argument cannot be used, 3 the explained call is refused or
asks, 4 two things that were compared are not the same.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from agentos import (
    Effect,
    Kernel,
    NotFoundError,
    local_settings,
    run_with_kernel,
)
from agentos_governance.policies.command_input import (
    EXIT_UNUSABLE,
    NO_FACTS,
    compiled,
    json_object,
    moment_of,
    parsed,
    policy_paths,
    read_policies,
    text_of,
    typed_facts,
)
from agentos_governance.policies.deciding import Asked, Layers, Outcome
from agentos_governance.policies.facts import deployment_facts
from agentos_governance.policies.history import sql
from agentos_governance.policies.layers import Layer
from agentos_governance.policies.organisation import DEFAULT_FOLDER, NAME
from agentos_governance.policies.simulation import (
    Simulation,
    list_shadow_refusals,
    simulate,
)
from agentos_governance.policies.texts import NamedPolicy, PolicyText
from agentos_governance.rules import (
    PolicyError,
    Schema,
    diff_policies,
    format_policy,
    parse_policy,
    policy_hash,
    policy_warnings,
    type_errors,
)

EXIT_REFUSED = 3
EXIT_DIFFERENT = 4

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Policy files or folders.")]
SinceOption = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="RFC 3339, or a duration back from now such as 7d or 12h."),
]
WorkOrderOption = Annotated[
    str | None, typer.Option("--work-order", metavar="WO", help="Only the calls of one work order.")
]

policy = typer.Typer(no_args_is_help=True, help="Policies: check, explain, simulate, compare.")


@policy.callback()
def _group() -> None:
    """Policies: rules that narrow what contracts allow."""


@policy.command()
def check(ctx: typer.Context, files: Files, as_json: JsonOption = False) -> None:
    """Whether policies can be used: they parse, and ask only for facts that there are.

    Exit code 2 where one cannot, with the line, a caret below the place, and a hint. Rules that
    others hide are told, and change no exit code.
    """
    schema = _schema(ctx)
    problems: list[dict[str, Any]] = []
    warnings: list[dict[str, Any]] = []
    checked = []
    for text in read_policies(files):
        found = _problems(text, schema)
        problems += found
        warnings += [] if found else _warnings(text)
        checked.append({"file": text.name, "ok": not found})
    if as_json:
        _print_json(
            {"ok": not problems, "files": checked, "problems": problems, "warnings": warnings}
        )
    else:
        for problem in problems:
            typer.echo(problem["message"], err=True)
        for each in warnings:
            where = f"{each['file']}:{each['line']}: {each['rule']}"
            typer.echo(f"{where}: warning: {each['problem']}", err=True)
        for each in checked:
            if each["ok"]:
                typer.echo(f"{each['file']}: fine")
    if problems:
        raise typer.Exit(EXIT_UNUSABLE)


@policy.command()
def fmt(
    files: Files,
    only_check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 4 where something would.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Rewrite policies in their canonical form; the meaning stays."""
    changed = []
    for path in policy_paths(files):
        before = text_of(path)
        after = format_policy(parsed(PolicyText(str(path), before)))
        if after != before:
            changed.append(str(path))
            if not only_check:
                path.write_text(after, encoding="utf-8")
    if as_json:
        _print_json({"changed": changed, "written": not only_check})
    else:
        for name in changed:
            typer.echo(f"{name}: {'would change' if only_check else 'formatted'}")
    if changed and only_check:
        raise typer.Exit(EXIT_DIFFERENT)


@policy.command()
def diff(
    before: Annotated[Path, typer.Argument(metavar="A", exists=True, dir_okay=False)],
    after: Annotated[Path, typer.Argument(metavar="B", exists=True, dir_okay=False)],
    as_json: JsonOption = False,
) -> None:
    """Which rules differ between two policies, layout aside. Exit code 4 where some do."""
    old, new = (
        parsed(PolicyText(str(before), text_of(before))),
        parsed(PolicyText(str(after), text_of(after))),
    )
    changes = diff_policies(old, new)
    if as_json:
        document = {"before": policy_hash(old), "after": policy_hash(new)}
        _print_json({**document, "changes": [asdict(each) for each in changes]})
    else:
        for each in changes:
            typer.echo(f"{each.kind}: {each.rule_id}")
            if each.before is not None:
                typer.echo(f"  - {each.before}")
            if each.after is not None:
                typer.echo(f"  + {each.after}")
    if changes:
        raise typer.Exit(EXIT_DIFFERENT)


@policy.command()
def explain(
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE...]", help="By default the organisation's policy."),
    ] = None,
    facts: Annotated[
        str | None, typer.Option(metavar="JSON", help="Facts of a call, such as '{\"tool\": ...}'.")
    ] = None,
    history: Annotated[
        str, typer.Option(metavar="JSON", help="Answers to history queries by their text; else 0.")
    ] = "{}",
    call: Annotated[
        str | None, typer.Option(metavar="CALL_ID", help="Explain a recorded call instead.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Why a call is allowed or not: the rules that decide, their values, what is missing.

    Exit code 3 where it is refused or a person is asked.
    """
    if (facts is None) == (call is None):
        raise typer.BadParameter("give either --facts or --call")
    if call is not None:
        asked = call
        document = run_with_kernel(
            local_settings(ctx), lambda kernel: _recorded_decision(kernel, asked)
        )
    else:
        document = _explained(ctx, files, json_object(facts or "", "--facts"), history)
    if as_json:
        _print_json(document)
    else:
        _print_decision(document)
    if document["effect"] != Effect.ALLOW.value:
        raise typer.Exit(EXIT_REFUSED)


@policy.command("simulate")
def simulate_(
    ctx: typer.Context,
    files: Files,
    work_order: WorkOrderOption = None,
    since: SinceOption = None,
    layer: Annotated[
        str, typer.Option(help="Whose place it takes: organisation, repository or contract.")
    ] = NAME,
    only_check: Annotated[
        bool, typer.Option("--check", help="Exit with 4 where a past call would change.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Replay a changed policy over recorded calls: which would have been decided otherwise."""
    begins = moment_of(since)
    texts = read_policies(files)

    async def work(kernel: Kernel) -> tuple[Simulation, list[str]]:
        policies = compiled(texts, deployment_facts(kernel.settings)[0])
        enforced = [NamedPolicy(each.name, each.compiled, False) for each in policies]
        changed = Layer(layer, layer, enforced)
        result = await simulate(kernel, changed, work_order=work_order, since=begins)
        return result, [each.compiled.hash for each in policies]

    result, hashes = run_with_kernel(local_settings(ctx), work)
    if as_json:
        _print_json({"policies": hashes, **asdict(result)})
    else:
        _print_simulation(result)
    if only_check and result.n_changed:
        raise typer.Exit(EXIT_DIFFERENT)


@policy.command()
def shadow(
    ctx: typer.Context,
    work_order: WorkOrderOption = None,
    since: SinceOption = None,
    as_json: JsonOption = False,
) -> None:
    """What policies in shadow would have refused of the calls that they saw."""
    begins = moment_of(since)
    n_seen, refusals = run_with_kernel(
        local_settings(ctx),
        lambda kernel: list_shadow_refusals(kernel, work_order=work_order, since=begins),
    )
    if as_json:
        _print_json({"n_calls": n_seen, "refusals": [asdict(each) for each in refusals]})
        return
    for each in refusals:
        rules = ", ".join(each.rules)
        typer.echo(_plain(f"{_time(each.at)} {each.call} {each.tool} {each.effect} {rules}"))
    typer.echo(f"{len(refusals)} of {n_seen} calls that policies in shadow saw")


def _explained(
    ctx: typer.Context, files: Sequence[Path] | None, facts: dict[str, Any], history: str
) -> dict[str, Any]:
    settings = local_settings(ctx)
    schema, deployment = deployment_facts(settings)
    texts = read_policies(files or [settings.policy or settings.home / DEFAULT_FOLDER])
    layer = Layer(NAME, NAME, compiled(texts, schema))
    told = {**NO_FACTS, **deployment, **typed_facts(facts, schema)}
    answers = json_object(history, "--history")
    unknown = sorted(answers.keys() - {query.text for query in layer.history_queries})
    if unknown:
        raise typer.BadParameter(f"--history: no rule asks for {unknown[0]!r}")
    counts = {query: int(answers.get(query.text, 0)) for query in layer.history_queries}
    outcome = Layers((layer,)).decide([Asked(told)], counts)
    return _document(outcome)


def _document(outcome: Outcome) -> dict[str, Any]:
    limits = [{"rule": each.rule, "text": each.limit.text} for each in outcome.limits]
    return {**outcome.record, "limits": limits}


async def _recorded_decision(kernel: Kernel, call: str) -> dict[str, Any]:
    rows = await kernel.database.fetch(sql.find_decided_call, call)
    if not rows:
        raise NotFoundError(f"no call {call!r} is recorded", remedy="`agentos report` shows ids")
    data = rows[0]["data"]
    error = data.get("error") or {}
    is_allowed = rows[0]["type"] == "call.allowed" or data.get("verdict") == "allow"
    effect = "allow" if is_allowed else data.get("verdict", "deny")
    return {
        **(data.get("decision") or {"layers": [], "facts": {}}),
        "effect": effect,
        "call": call,
        "tool": (data.get("action") or data).get("tool"),
        "at": rows[0]["at"],
        "rule": data.get("rule") or error.get("rule"),
        "reason": data.get("reason") or error.get("message"),
    }


def _print_decision(document: Mapping[str, Any]) -> None:
    typer.echo(_plain(f"{document['effect']}{_by(document)}"))
    for layer in document.get("layers", ()):
        typer.echo(_plain(f"{layer['layer']}: {layer['effect']}"))
        for rule in layer.get("rules", ()):
            typer.echo(_plain(f"  {rule['rule']}: {rule['text']}"))
            for name, value in rule.get("values", {}).items():
                typer.echo(_plain(f"    {name} = {value!r}"))
        if layer.get("missing"):
            typer.echo(_plain(f"  missing: {', '.join(layer['missing'])}"))
    for limit in document.get("limits", ()):
        typer.echo(_plain(f"counted by {limit['rule']}: {limit['text']}"))


def _by(document: Mapping[str, Any]) -> str:
    rule, reason = document.get("rule"), document.get("reason")
    return f" by {rule}: {reason}" if rule else ""


def _print_simulation(result: Simulation) -> None:
    for each in result.changes:
        line = f"{_time(each.at)} {each.call} {each.tool} {each.before} -> {each.after}"
        typer.echo(_plain(f"{line} {each.after_rule if each.after != 'allow' else ''}".rstrip()))
    typer.echo(
        f"{result.n_changed} of {result.n_calls} calls would change; "
        f"{result.n_other} more were refused by something that is no policy"
    )


def _problems(text: PolicyText, schema: Schema) -> list[dict[str, Any]]:
    try:
        parsed = parse_policy(text.text, source=text.name)
    except PolicyError as error:
        return [_problem(error)]
    return [_problem(error) for error in type_errors(parsed, schema)]


def _warnings(text: PolicyText) -> list[dict[str, Any]]:
    return [
        {"file": text.name, "line": each.span.line, "rule": each.rule_id, "problem": each.problem}
        for each in policy_warnings(parse_policy(text.text, source=text.name))
    ]


def _problem(error: PolicyError) -> dict[str, Any]:
    return {
        "file": error.source,
        "line": error.line,
        "column": error.column,
        "problem": error.problem,
        "hint": error.hint,
        "message": error.message,
    }


def _schema(ctx: typer.Context) -> Schema:
    return deployment_facts(local_settings(ctx))[0]


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(text: str) -> str:
    """Text that no terminal takes for a command."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _print_json(document: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, default=_jsonable) + "\n")


def _jsonable(value: object) -> str:
    return _time(value) if isinstance(value, datetime) else str(value)
