"""What a person's choice or text becomes in a payload, and what Slack's own client refuses to send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentos.errors import InvalidArgumentError, NotFoundError
from agentos.testing.slack.block_kit.elements import TYPED, options_of
from agentos.testing.slack.messages import interactive
from agentos.testing.slack.views import View

Value = str | Sequence[str] | None

# What a chosen or typed value is called, by the type of its element.
_ONE_OPTION = ("static_select", "radio_buttons", "external_select", "overflow")
_OPTIONS = ("multi_static_select", "multi_external_select", "checkboxes")
_NAMED = {
    "users_select": "selected_user",
    "multi_users_select": "selected_users",
    "conversations_select": "selected_conversation",
    "multi_conversations_select": "selected_conversations",
    "channels_select": "selected_channel",
    "multi_channels_select": "selected_channels",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "rich_text_input": "rich_text_value",
    "file_input": "files",
}
_STARTING = {
    "selected_option": "initial_option",
    "selected_options": "initial_options",
    "selected_date_time": "initial_date_time",
    "value": "initial_value",
}


def chosen(element: Mapping[str, Any], value: Value) -> dict[str, Any]:
    """The state of an element in which a person left `value`; None leaves what it started with."""
    kind = element["type"]
    name = _name(kind)
    if value is None:
        starting = _STARTING.get(name, name.replace("selected", "initial"))
        return {"type": kind, name: element.get(starting, [] if name.endswith("s") else None)}
    if kind in _ONE_OPTION:
        return {"type": kind, name: _option(element, value)}
    if kind in _OPTIONS:
        values = [value] if isinstance(value, str) else value
        return {"type": kind, name: [_option(element, one) for one in values]}
    return {"type": kind, name: value if isinstance(value, str) else list(value)}


def action_of(
    block_id: str, element: Mapping[str, Any], value: Value, action_ts: str
) -> dict[str, Any]:
    """The item of `actions` for an element that somebody used."""
    common = {"block_id": block_id, "action_id": element["action_id"], "action_ts": action_ts}
    if element["type"] != "button":
        return {**common, **chosen(element, value)}
    shown = {name: element[name] for name in ("text", "value", "style", "url") if name in element}
    return {"type": "button", **shown, **common}


def state_of(view: View, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The state of a view's inputs by block and action id; NotFoundError for an unknown block."""
    inputs = [
        (block_id, element)
        for block_id, element in interactive(view.blocks)
        if element["type"] not in ("button", "overflow")
    ]
    known = {block_id for block_id, _ in inputs}
    if unknown := set(values) - known:
        raise NotFoundError(f"no input {sorted(unknown)} in the view; it has {sorted(known)}")
    state: dict[str, dict[str, Any]] = {}
    for block_id, element in inputs:
        value = values.get(block_id)
        if isinstance(value, Mapping):
            value = value.get(element["action_id"])
        state.setdefault(block_id, {})[element["action_id"]] = chosen(element, value)
    return state


def client_errors(view: View, state: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Why Slack's client would not send a modal, by block id; empty where it would."""
    errors: dict[str, str] = {}
    for block in view.blocks:
        if block["type"] != "input":
            continue
        element = block["element"]
        shown = state[block["block_id"]][element["action_id"]]
        value = next(part for name, part in shown.items() if name != "type")
        complaint = _complaint(element, value, is_optional=block.get("optional", False))
        if complaint is not None:
            errors[block["block_id"]] = complaint
    return errors


def _complaint(element: Mapping[str, Any], value: Any, *, is_optional: bool) -> str | None:
    if value in (None, "", []):
        return None if is_optional else "Please complete this required field."
    if element["type"] == "plain_text_input":
        least, most = element.get("min_length", 0), element.get("max_length", 3000)
        if len(value) < least:
            return f"Please use at least {least} characters."
        if len(value) > most:
            return f"Please use at most {most} characters."
    if isinstance(value, list) and len(value) > element.get("max_selected_items", 100):
        return "Too many items are selected."
    return None


def _name(kind: str) -> str:
    if kind in _ONE_OPTION:
        return "selected_option"
    if kind in _OPTIONS:
        return "selected_options"
    if kind in _NAMED:
        return _NAMED[kind]
    if kind in TYPED:
        return "value"
    raise InvalidArgumentError(f"nobody can choose or type anything in a {kind}")


def _option(element: Mapping[str, Any], value: object) -> dict[str, Any]:
    options = options_of(element)
    for option in options:
        if option["value"] == value:
            return option
    known = [option["value"] for option in options]
    raise NotFoundError(f"{element['action_id']} has no option {value}; it has {known}")
