"""The vocabulary in which Block Kit's rules are written: fields that tell what is wrong with a value.

A field takes a value and its JSON pointer and yields the problems in Slack's words, each with the
pointer to what it is about. `elements`, `blocks` and `surfaces` are made of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Field = Callable[[Any, str], Iterator[str]]


def problem(message: str, path: str) -> str:
    """The message as Slack writes it."""
    return f"{message} [json-pointer:{path or '/'}]"


def string(*, most: int, least: int = 0) -> Field:
    """A string of `least` to `most` characters."""

    def check(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield problem("must be a string", path)
        elif len(value) > most:
            yield problem(f"must be less than {most + 1} characters", path)
        elif len(value) < least:
            yield problem(f"must be more than {least - 1} characters", path)

    return check


def boolean(value: Any, path: str) -> Iterator[str]:
    """True or false."""
    if not isinstance(value, bool):
        yield problem("must be a boolean", path)


def integer(least: int, most: int) -> Field:
    """A whole number within bounds."""

    def check(value: Any, path: str) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            yield problem(f"must be an integer from {least} to {most}", path)

    return check


def choice(*allowed: str) -> Field:
    """One of some strings."""

    def check(value: Any, path: str) -> Iterator[str]:
        if value not in allowed:
            yield problem(f"must be one of {', '.join(allowed)}", path)

    return check


def anything(value: Any, path: str) -> Iterator[str]:
    """A value that Slack checks and this emulator does not."""
    yield from ()


def items(of: Field, *, most: int, least: int = 1) -> Field:
    """A list of `least` to `most` of the same."""

    def check(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield problem("must be an array", path)
            return
        if len(value) > most:
            yield problem(f"no more than {most} items allowed", path)
        if len(value) < least:
            yield problem(f"no fewer than {least} items allowed", path)
        for number, item in enumerate(value):
            yield from of(item, f"{path}/{number}")

    return check


def record(required: Mapping[str, Field], optional: Mapping[str, Field] | None = None) -> Field:
    """An object with these keys and no others."""
    fields = {**required, **(optional or {})}

    def check(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield problem("must be an object", path)
            return
        for name in required:
            if name not in value:
                yield problem(f"missing required field: {name}", path)
        for name, part in value.items():
            if name in fields:
                yield from fields[name](part, f"{path}/{name}")
            elif name != "type":
                yield problem(f"invalid additional property: {name}", path)

    return check


def both(*fields: Field) -> Field:
    """What several fields say about the same value; the later ones only where the first is content."""

    def check(value: Any, path: str) -> Iterator[str]:
        for field in fields:
            problems = list(field(value, path))
            yield from problems
            if problems:
                return

    return check


def by_type(kinds: Mapping[str, Field], what: str) -> Field:
    """An object whose `type` says which rules it follows."""

    def check(value: Any, path: str) -> Iterator[str]:
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in kinds:
            yield problem(f"unsupported {what} type: {kind}", path)
        else:
            yield from kinds[kind](value, path)

    return check


def text(most: int, *, least: int = 1) -> Field:
    """A text object, plain or mrkdwn."""
    body = {"text": string(most=most, least=least)}
    return by_type(
        {
            "plain_text": record(body, {"emoji": boolean}),
            "mrkdwn": record(body, {"verbatim": boolean}),
        },
        "text",
    )


def plain_text(most: int, *, least: int = 1) -> Field:
    """A text object that must be plain."""
    body = {"text": string(most=most, least=least)}
    return by_type({"plain_text": record(body, {"emoji": boolean})}, "text")
