"""Block Kit's interactive elements and what they are composed of, with their documented limits.

Source: the reference of Slack's Block Kit (composition objects, block elements). `blocks` says
which element may stand where.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentos.testing.slack.block_kit.fields import (
    Field,
    anything,
    boolean,
    both,
    by_type,
    choice,
    integer,
    items,
    plain_text,
    problem,
    record,
    string,
    text,
)

ACTION_ID = string(most=255, least=1)
PLACEHOLDER = plain_text(150)
INPUT_LENGTH = 3000

CONFIRM = record(
    {"title": plain_text(100), "text": text(300), "confirm": plain_text(30)},
    {"deny": plain_text(30), "style": choice("primary", "danger")},
)
_VALUE = {"value": string(most=150, least=1)}
OPTION = record({"text": plain_text(75), **_VALUE}, {"description": plain_text(75)})
MARKED_OPTION = record({"text": text(75), **_VALUE}, {"description": text(75)})
LINKED_OPTION = record(
    {"text": plain_text(75), **_VALUE},
    {"description": plain_text(75), "url": string(most=3000)},
)
OPTION_GROUP = record({"label": plain_text(75), "options": items(OPTION, most=100)})
DISPATCH = record(
    {}, {"trigger_actions_on": items(choice("on_enter_pressed", "on_character_entered"), most=2)}
)

_COMMON: Mapping[str, Field] = {"action_id": ACTION_ID, "focus_on_load": boolean}
_CONFIRMED: Mapping[str, Field] = {**_COMMON, "confirm": CONFIRM}
_MENU: Mapping[str, Field] = {**_CONFIRMED, "placeholder": PLACEHOLDER}
_MANY: Mapping[str, Field] = {"max_selected_items": integer(1, 100)}
_SOURCES: Mapping[str, Field] = {
    "options": items(OPTION, most=100),
    "option_groups": items(OPTION_GROUP, most=100),
}


def _has_options(value: Any, path: str) -> Iterator[str]:
    if ("options" in value) == ("option_groups" in value):
        yield problem("must have either options or option_groups", path)
        return
    known = options_of(value)
    starting = value.get("initial_options") or [value.get("initial_option")]
    for option in starting:
        if option is not None and option not in known:
            yield problem("initial option must be one of the options", path)


def options_of(element: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The options a person can choose from, those of groups too."""
    groups = element.get("option_groups", [])
    return [*element.get("options", []), *(one for group in groups for one in group["options"])]


def _has_unique_values(value: Any, path: str) -> Iterator[str]:
    values = [option["value"] for option in options_of(value)]
    if len(set(values)) < len(values):
        yield problem("option values must be unique", path)


def _menu(**fields: Field) -> Field:
    return record({}, {**_MENU, **fields})


def _static(initial: str, field: Field, more: Mapping[str, Field]) -> Field:
    shape = record({}, {**_MENU, **_SOURCES, **more, initial: field})
    return both(shape, _has_options, _has_unique_values)


def _listed(initial: str, field: Field) -> Field:
    options = items(MARKED_OPTION, most=10)
    return both(
        record({"options": options}, {**_CONFIRMED, initial: field}),
        _has_options,
        _has_unique_values,
    )


def _typed(required: Mapping[str, Field], **fields: Field) -> Field:
    shape = {"placeholder": PLACEHOLDER, "dispatch_action_config": DISPATCH, **fields}
    return record(required, {**_COMMON, **shape})


BUTTON = record(
    {"text": plain_text(75)},
    {
        "action_id": ACTION_ID,
        "url": string(most=3000),
        "value": string(most=2000),
        "style": choice("primary", "danger"),
        "confirm": CONFIRM,
        "accessibility_label": string(most=75),
    },
)
IMAGE = record(
    {"alt_text": string(most=2000)},
    {"image_url": string(most=3000, least=1), "slack_file": anything},
)
OVERFLOW = both(
    record({"options": items(LINKED_OPTION, most=5)}, {"action_id": ACTION_ID, "confirm": CONFIRM}),
    _has_unique_values,
)
CHOICES: Mapping[str, Field] = {
    "checkboxes": _listed("initial_options", items(MARKED_OPTION, most=10)),
    "radio_buttons": _listed("initial_option", MARKED_OPTION),
    "static_select": _static("initial_option", OPTION, {}),
    "multi_static_select": _static("initial_options", items(OPTION, most=100), _MANY),
    "external_select": _menu(initial_option=OPTION, min_query_length=integer(0, 100)),
    "multi_external_select": _menu(
        initial_options=items(OPTION, most=100), min_query_length=integer(0, 100), **_MANY
    ),
    "users_select": _menu(initial_user=string(most=255)),
    "multi_users_select": _menu(initial_users=items(string(most=255), most=100), **_MANY),
    "conversations_select": _menu(
        initial_conversation=string(most=255),
        default_to_current_conversation=boolean,
        response_url_enabled=boolean,
        filter=anything,
    ),
    "multi_conversations_select": _menu(
        initial_conversations=items(string(most=255), most=100),
        default_to_current_conversation=boolean,
        filter=anything,
        **_MANY,
    ),
    "channels_select": _menu(initial_channel=string(most=255), response_url_enabled=boolean),
    "multi_channels_select": _menu(initial_channels=items(string(most=255), most=100), **_MANY),
    "datepicker": _menu(initial_date=string(most=10, least=10)),
    "timepicker": _menu(initial_time=string(most=5, least=5), timezone=string(most=64)),
    "datetimepicker": record(
        {}, {**_CONFIRMED, "initial_date_time": integer(1_000_000_000, 9_999_999_999)}
    ),
}


def _has_possible_length(value: Any, path: str) -> Iterator[str]:
    least, most = value.get("min_length", 0), value.get("max_length", INPUT_LENGTH)
    if least > most:
        yield problem("min_length must be less than max_length", path)
    elif len(value.get("initial_value", "")) > most:
        yield problem("initial_value is longer than max_length", path)


TYPED: Mapping[str, Field] = {
    "plain_text_input": both(
        _typed(
            {},
            initial_value=string(most=INPUT_LENGTH),
            multiline=boolean,
            min_length=integer(0, INPUT_LENGTH),
            max_length=integer(1, INPUT_LENGTH),
        ),
        _has_possible_length,
    ),
    "number_input": _typed(
        {"is_decimal_allowed": boolean},
        initial_value=string(most=255),
        min_value=string(most=255),
        max_value=string(most=255),
    ),
    "email_text_input": _typed({}, initial_value=string(most=255)),
    "url_text_input": _typed({}, initial_value=string(most=INPUT_LENGTH)),
    "rich_text_input": _typed({}, initial_value=anything),
    "file_input": record(
        {},
        {
            "action_id": ACTION_ID,
            "filetypes": items(string(most=20), most=100),
            "max_files": integer(1, 10),
        },
    ),
}
BUTTONS: Mapping[str, Field] = {"button": BUTTON, "overflow": OVERFLOW}

IN_ACTIONS = by_type({**BUTTONS, **CHOICES}, "element")
IN_SECTION = by_type({**BUTTONS, **CHOICES, "image": IMAGE}, "element")
IN_INPUT = by_type({**CHOICES, **TYPED}, "element")
