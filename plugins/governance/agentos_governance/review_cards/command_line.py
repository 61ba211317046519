"""`agentos review`: what waits for a decision, decided in a terminal like anywhere else.

Above: the plugin registers it. Below: the tools, `card_text`; the same compare-and-set as in a channel.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import typer

from agentos_governance.review_cards.card_text import card_text
from agentos_governance.terminal import JsonOption, answer_of, plain

MIN_PREFIX = 8
EXIT_USAGE = 2

review = typer.Typer(no_args_is_help=True, help="What waits for a person's decision.")

ReviewId = Annotated[str, typer.Argument(metavar="REVIEW", help="Such as RV-3F9K2M7Q.")]


@review.callback()
def _group() -> None:
    """What waits for a person: work, calls, and what agents ask. Decide with your own token."""


@review.command("list")
def list_(
    ctx: typer.Context,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Such as work (repeatable).")
    ] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only what you may probably decide.")] = (
        False
    ),
    state: Annotated[str, typer.Option(help="open, ended or any.")] = "open",
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    as_json: JsonOption = False,
) -> None:
    """What waits, the longest waiting first."""
    arguments = {"kinds": kind or None, "mine": mine, "state": state, "limit": limit}
    document = answer_of(ctx, "list_waiting", arguments, as_json=as_json)
    for each in [] if as_json else document["reviews"]:
        typer.echo(_line(each))
    if not as_json and document["truncated"]:
        typer.echo(f"and more; {limit} are shown", err=True)


@review.command()
def show(ctx: typer.Context, review: ReviewId, as_json: JsonOption = False) -> None:
    """Everything that a decision rests on, with the digest that it names."""
    document = answer_of(ctx, "get_review_card", {"review": review}, as_json=as_json)
    if not as_json:
        typer.echo(card_text(document))


@review.command()
def decide(
    ctx: typer.Context,
    review: ReviewId,
    verdict: Annotated[
        str, typer.Argument(metavar="VERDICT", help="approve, request_changes, reject or answer.")
    ],
    reason: Annotated[str | None, typer.Option(help="10 characters or more to say no.")] = None,
    category: Annotated[list[str] | None, typer.Option("--category")] = None,
    override_reason: Annotated[
        str | None, typer.Option(help="Why, in spite of a blocking finding.")
    ] = None,
    option: Annotated[str | None, typer.Option(help="The id of what is chosen.")] = None,
    text: Annotated[str | None, typer.Option(help="What the agent wants to know.")] = None,
    label: Annotated[str | None, typer.Option(help="The id of the label.")] = None,
    sha256: Annotated[
        str | None,
        typer.Option(help=f"What you looked at, or its first {MIN_PREFIX} digits or more."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Decide about what `show` showed. Without --sha256 it is shown, and you are asked."""
    card = answer_of(ctx, "get_review_card", {"review": review})
    arguments = {
        "review": review,
        "sha256": _seen(card, verdict, sha256),
        "verdict": verdict,
        "reason": reason,
        "categories": category or None,
        "override_reason": override_reason,
        "option": option,
        "text": text,
        "label": label,
    }
    document = answer_of(ctx, "decide", arguments, as_json=as_json)
    if not as_json:
        typer.echo(f"recorded: {document['verdict']} by {plain(document['by'])}")
        typer.echo(f"{document['outcome'] or 'open'}: {plain(document['needs'])}")


@review.command()
def ask(
    ctx: typer.Context,
    review: ReviewId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The question.")],
    as_json: JsonOption = False,
) -> None:
    """Ask whoever works on it; `show` has the answer once it is there."""
    arguments = {"review": review, "text": text}
    document = answer_of(ctx, "ask_about_review", arguments, as_json=as_json)
    if not as_json:
        typer.echo(f"{document['question']} is asked")


@review.command()
def export(
    ctx: typer.Context,
    kind: Annotated[list[str] | None, typer.Option("--kind")] = None,
    named: Annotated[
        bool, typer.Option("--named", help="Names of persons instead of pseudonyms.")
    ] = False,
) -> None:
    """Print every review that has ended as a labelled example, one JSON document a line."""
    cursor: str | None = None
    while True:
        arguments = {"kinds": kind or None, "named": named, "cursor": cursor}
        document = answer_of(ctx, "export_decisions", arguments)
        for example in document["examples"]:
            sys.stdout.write(orjson.dumps(example).decode() + "\n")
        cursor = document["next_cursor"]
        if cursor is None:
            return


def _seen(card: Mapping[str, Any], verdict: str, sha256: str | None) -> str:
    """The digest of what the person looked at; never simply of what is there now."""
    now = str(card["sha256"])
    if sha256 is None:
        if not sys.stdin.isatty():
            typer.echo("agentos: name what you looked at with --sha256; `show` has it", err=True)
            raise typer.Exit(EXIT_USAGE)
        typer.echo(card_text(card))
        typer.confirm(f"{verdict} this?", abort=True)
        return now
    seen = sha256.lower()
    if len(seen) < MIN_PREFIX:
        typer.echo(f"agentos: --sha256 needs {MIN_PREFIX} digits or more", err=True)
        raise typer.Exit(EXIT_USAGE)
    # A digest that is not the present one goes to the server as it is, which says what changed.
    return now if now.startswith(seen) else seen.ljust(len(now), "0")


def _line(each: Mapping[str, Any]) -> str:
    ended = "" if each["outcome"] is None else f" {each['outcome']}"
    blocking = f", {each['n_blocking']} blocking" if each["n_blocking"] else ""
    who = f" by {plain(each['worker'])}" if each["worker"] else ""
    return (
        f"{each['id']}  {each['kind']}{ended}  {plain(each['title'])}{who}, "
        f"{waited(each['waiting_s'])}{blocking}"
    )


def waited(seconds: int) -> str:
    """`3 d 4 h`, `4 h 5 min` or `5 min`."""
    minutes = seconds // 60
    days, hours = minutes // 1_440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
