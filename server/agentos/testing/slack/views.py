"""Modals, which stand on a stack per person, and home tabs, of which each person has one.

Above it are the methods `views.*` and the driver, which hands the same live objects to tests.
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentos.testing.slack.block_kit.surfaces import MAX_VIEW_BYTES, check_view, texts_of
from agentos.testing.slack.messages import interactive, with_ids
from agentos.testing.slack.people import APP, BOT, TEAM
from agentos.testing.slack.refusal import SlackRefusalError

MAX_STACKED = 3


@dataclass
class View:
    """A modal or a home tab as it is now; `hash` changes with every update."""

    id: str
    user: str
    shape: dict[str, Any]
    hash: str
    root_view_id: str
    previous_view_id: str | None = None
    state: dict[str, Any] = field(default_factory=dict)
    is_open: bool = True
    n_updates: int = 0

    @property
    def type(self) -> str:
        """`modal` or `home`."""
        return str(self.shape["type"])

    @property
    def title(self) -> str:
        """A modal's title."""
        return str(self.shape.get("title", {}).get("text", ""))

    @property
    def callback_id(self) -> str:
        """What the app's listener goes by."""
        return str(self.shape.get("callback_id", ""))

    @property
    def private_metadata(self) -> str:
        """What the app left for itself."""
        return str(self.shape.get("private_metadata", ""))

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """The blocks, each with its id."""
        blocks: list[dict[str, Any]] = self.shape["blocks"]
        return blocks

    @property
    def buttons(self) -> dict[str, dict[str, Any]]:
        """What can be clicked, chosen or typed into, by action id."""
        return {one["action_id"]: one for _, one in interactive(self.blocks)}

    @property
    def all_text(self) -> str:
        """Everything a person reads, one text a line."""
        return "\n".join(texts_of(self.shape))

    def to_json(self) -> dict[str, Any]:
        """The view object of the Web API and of payloads."""
        absent = {"private_metadata": "", "callback_id": "", "external_id": "", "close": None}
        return {
            **absent,
            "submit": None,
            **self.shape,
            "id": self.id,
            "team_id": TEAM,
            "app_id": APP,
            "app_installed_team_id": TEAM,
            "bot_id": BOT,
            "state": {"values": self.state},
            "hash": self.hash,
            "root_view_id": self.root_view_id,
            "previous_view_id": self.previous_view_id,
        }


class ViewStore:
    """Every view there was."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._views: dict[str, View] = {}
        self._stacks: dict[str, list[View]] = defaultdict(list)
        self._homes: dict[str, View] = {}

    def top(self, user: str) -> View | None:
        """The modal that a person sees."""
        stack = self._stacks[user]
        return stack[-1] if stack else None

    def home(self, user: str) -> View | None:
        """A person's home tab, if the app published one."""
        return self._homes.get(user)

    def open(self, user: str, shape: Mapping[str, Any]) -> View:
        """Show a modal in place of what the person had open."""
        view = self._new(user, shape, "modal")
        self.clear(user)
        self._stacks[user] = [view]
        return view

    def push(self, below: str | None, user: str, shape: Mapping[str, Any]) -> View:
        """Show a modal on top of the one in which the person acted."""
        stack = self._stacks[user]
        if below is None or not any(view.id == below for view in stack):
            raise SlackRefusalError("not_found")
        if len(stack) >= MAX_STACKED:
            raise SlackRefusalError("push_limit_reached")
        view = self._new(user, shape, "modal")
        view.root_view_id, view.previous_view_id = stack[0].id, stack[-1].id
        stack.append(view)
        return view

    def update(self, view: View, shape: Mapping[str, Any], expected: str | None = None) -> View:
        """Change a view; `expected` is the hash that the caller saw."""
        if expected is not None and expected != view.hash:
            raise SlackRefusalError("hash_conflict")
        view.shape = self._checked(shape, view.type, view)
        view.hash = self._next_hash()
        view.n_updates += 1
        return view

    def publish(self, user: str, shape: Mapping[str, Any], expected: str | None = None) -> View:
        """Set a person's home tab."""
        home = self._homes.get(user)
        if home is not None:
            return self.update(home, shape, expected)
        if expected is not None:
            raise SlackRefusalError("hash_conflict")
        self._homes[user] = self._new(user, shape, "home")
        return self._homes[user]

    def get(self, view_id: str | None, external_id: str | None = None) -> View:
        """An open view by one of its ids."""
        for view in self._views.values():
            named = external_id is not None and view.shape.get("external_id") == external_id
            if view.is_open and (view.id == view_id or named):
                return view
        raise SlackRefusalError("not_found")

    def close(self, view: View) -> None:
        """Take a modal from its stack; the one below shows again."""
        view.is_open = False
        stack = self._stacks[view.user]
        if view in stack:
            stack.remove(view)

    def clear(self, user: str) -> None:
        """Close every modal of a person."""
        for view in list(self._stacks[user]):
            self.close(view)

    def _new(self, user: str, shape: Mapping[str, Any], kind: str) -> View:
        checked = self._checked(shape, kind, None)
        view_id = f"V{next(self._numbers)}"
        view = View(view_id, user, checked, self._next_hash(), root_view_id=view_id)
        self._views[view_id] = view
        return view

    def _next_hash(self) -> str:
        return f"{next(self._numbers)}.hash"

    def _checked(self, shape: Mapping[str, Any], kind: str, own: View | None) -> dict[str, Any]:
        require_valid(shape, kind)
        external_id = shape.get("external_id")
        for view in self._views.values():
            taken = external_id and view.shape.get("external_id") == external_id
            if taken and view is not own and view.is_open:
                raise SlackRefusalError("duplicate_external_id")
        return {**shape, "blocks": with_ids(shape["blocks"])}


def require_valid(shape: Mapping[str, Any], kind: str) -> None:
    """SlackRefusalError for a view that Slack would not show."""
    problems = check_view(shape, kind=kind)
    if problems:
        raise SlackRefusalError("invalid_arguments", problems)
    if len(json.dumps(shape)) > MAX_VIEW_BYTES:
        raise SlackRefusalError("view_too_large")
