"""What people do in the emulated workspace: click, type, choose, submit, command, say.

Each of these returns once the app acknowledged it or Slack gave up; the app's faults never raise,
they are in the result. What nobody could do (click a button that is not there) raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentos.errors import InvalidArgumentError, InvalidStateError, NotFoundError
from agentos.testing.slack.calls import Happenings
from agentos.testing.slack.choosing import Value, action_of, client_errors, state_of
from agentos.testing.slack.delivering import Courier, Delivery
from agentos.testing.slack.messages import Message, interactive
from agentos.testing.slack.payloads import (
    event,
    message_action,
    slash_command,
    view_action,
    view_closed,
    view_submission,
)
from agentos.testing.slack.people import BOT_USER, SlackChannel
from agentos.testing.slack.refusal import SlackRefusalError
from agentos.testing.slack.response_urls import ResponseUrls
from agentos.testing.slack.views import View
from agentos.testing.slack.workspace import Workspace

EVENTS = ("app_home_opened", "app_mention", "message")


@dataclass(frozen=True)
class Submission:
    """What became of a modal that somebody submitted.

    `errors` are shown in the modal, by block id; without a `delivery` Slack's client showed them
    and sent nothing. `view` is the one that was updated or pushed. `problem` says why Slack could
    not use the app's answer.
    """

    delivery: Delivery | None
    errors: Mapping[str, str] = field(default_factory=dict)
    view: View | None = None
    is_closed: bool = False
    problem: str | None = None


class Acting:
    """The people of the workspace; `events` are those that the app subscribed to."""

    def __init__(
        self,
        workspace: Workspace,
        courier: Courier,
        urls: ResponseUrls,
        happenings: Happenings,
        events: tuple[str, ...],
    ) -> None:
        self._workspace = workspace
        self._courier = courier
        self._urls = urls
        self._happenings = happenings
        self._events = events

    async def click(
        self,
        target: Message | View,
        action_id: str,
        *,
        user: str | None = None,
        value: Value = None,
        block_id: str | None = None,
    ) -> Delivery:
        """Use a button, a menu or another element; `value` is what is chosen or typed.

        A view is used by its own person. NotFoundError where `target` has no such element; a
        snapshot of a message has what it had then.
        """
        person = self._person_at(target, user)
        found_in, element = _find(target, action_id, block_id)
        action = action_of(found_in, element, value, self._workspace.messages.next_ts())
        if isinstance(target, View):
            trigger = self._workspace.triggers.issue(person.id, target.id)
            payload = view_action(person, target, action, trigger)
        else:
            channel = self._workspace.channels[target.channel]
            trigger = self._workspace.triggers.issue(person.id)
            shown = self._workspace.messages.at(target.channel, target.ts)
            url = self._urls.issue(person.id, channel.id, shown)
            payload = message_action(person, target, channel, action, trigger, url)
        return await self._courier.deliver("interactive", payload)

    async def submit(
        self, view: View, values: Mapping[str, Any], *, bypass_client: bool = False
    ) -> Submission:
        """Fill in a modal, by block id, and submit it; the rest keeps its initial values.

        `bypass_client` sends what Slack's own client would refuse, such as an empty field.
        """
        _must_be_open(view)
        view.state = state_of(view, values)
        errors = {} if bypass_client else client_errors(view, view.state)
        if errors:
            return Submission(None, errors)
        person = self._workspace.person(view.user)
        trigger = self._workspace.triggers.issue(person.id, view.id)
        delivery = await self._courier.deliver(
            "interactive", view_submission(person, view, trigger)
        )
        if not delivery.acknowledged:
            return Submission(delivery)
        submission = self._answered(view, delivery)
        self._happenings.tell()
        return submission

    async def close(self, view: View) -> Delivery | None:
        """Close a modal; the app is told only where the view asks for it."""
        _must_be_open(view)
        self._workspace.views.close(view)
        if not view.shape.get("notify_on_close"):
            return None
        person = self._workspace.person(view.user)
        return await self._courier.deliver("interactive", view_closed(person, view))

    async def command(self, text: str, *, user: str, channel: str = "C1") -> Delivery:
        """Type a slash command, such as `/agentos status`; its answer becomes a message."""
        if not self._workspace.has_scope("commands"):
            raise InvalidStateError("Slack knows no command of an app without the scope commands")
        person, place = self._workspace.person(user), self._place(channel)
        trigger = self._workspace.triggers.issue(person.id)
        url = self._urls.issue(person.id, place.id)
        payload = slash_command(person, place, text, trigger, url)
        delivery = await self._courier.deliver("slash_commands", payload)
        if delivery.answer:
            self._urls.say(person.id, place.id, delivery.answer, None)
            self._happenings.tell()
        return delivery

    async def open_home(self, user: str) -> Delivery:
        """Open the app's home tab."""
        person = self._workspace.person(user)
        shape: dict[str, Any] = {
            "type": "app_home_opened",
            "user": person.id,
            "channel": self._workspace.direct(person.id).id,
            "tab": "home",
            "event_ts": self._workspace.messages.next_ts(),
        }
        home = self._workspace.views.home(person.id)
        if home is not None:
            shape["view"] = home.to_json()
        return await self._tell_of(shape)

    async def say(
        self, text: str, *, user: str, channel: str = "C1", thread_ts: str | None = None
    ) -> Delivery:
        """Write a message; one that mentions the bot is an event of its own, returned then."""
        person, place = self._workspace.person(user), self._place(channel)
        ts = self._workspace.messages.next_ts()
        message = Message(place.id, ts, person.id, text, thread_ts=thread_ts)
        self._workspace.messages.add(message)
        self._happenings.tell()
        shape = {**message.to_json(), "channel": place.id, "event_ts": ts}
        kind = "im" if place.im_with else "group" if place.is_private else "channel"
        delivery = await self._tell_of({**shape, "channel_type": kind})
        if f"<@{BOT_USER}>" in text:
            delivery = await self._tell_of({**shape, "type": "app_mention"})
        return delivery

    async def redeliver(self, delivery: Delivery) -> Delivery:
        """Deliver the same once more, as Slack does after an acknowledgement that it missed."""
        return await self._courier.deliver(delivery.kind, delivery.payload, delivery)

    async def _tell_of(self, shape: Mapping[str, Any]) -> Delivery:
        payload = event(shape)
        if shape["type"] not in self._events:
            return Delivery("events_api", payload, 0, "not_subscribed", None, None, 0.0)
        return await self._courier.deliver("events_api", payload)

    def _person_at(self, target: Message | View, user: str | None) -> Any:
        if isinstance(target, View):
            _must_be_open(target)
            return self._workspace.person(user or target.user)
        if user is None:
            raise InvalidArgumentError("a click on a message needs to say by whom: user=")
        return self._workspace.person(user)

    def _place(self, channel: str) -> SlackChannel:
        try:
            return self._workspace.channel(channel)
        except SlackRefusalError:
            known = ", ".join(self._workspace.channels)
            raise NotFoundError(f"the app is in no channel {channel}; there are {known}") from None

    def _answered(self, view: View, delivery: Delivery) -> Submission:
        answer = delivery.answer or {}
        action = answer.get("response_action")
        try:
            if action is None:
                self._workspace.views.close(view)
                return Submission(delivery, is_closed=True)
            return self._acted(view, delivery, str(action), answer)
        except SlackRefusalError as refusal:
            return Submission(delivery, problem=refusal.message)

    def _acted(
        self, view: View, delivery: Delivery, action: str, answer: Mapping[str, Any]
    ) -> Submission:
        views = self._workspace.views
        if action == "clear":
            views.clear(view.user)
            return Submission(delivery, is_closed=True)
        if action == "update":
            return Submission(delivery, view=views.update(view, answer.get("view") or {}))
        if action == "push":
            pushed = views.push(view.id, view.user, answer.get("view") or {})
            return Submission(delivery, view=pushed)
        if action != "errors":
            raise SlackRefusalError("invalid_response_action", [action])
        errors = answer.get("errors") or {}
        inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
        if not errors or set(errors) - inputs:
            known = f"errors must name input blocks of the view: {sorted(inputs)}"
            raise SlackRefusalError("invalid_arguments", [known])
        return Submission(delivery, errors)


def _find(
    target: Message | View, action_id: str, block_id: str | None
) -> tuple[str, dict[str, Any]]:
    found = [
        (block, element)
        for block, element in interactive(target.blocks)
        if element["action_id"] == action_id and block_id in (None, block)
    ]
    if not found:
        known = ", ".join(target.buttons) or "nothing"
        raise NotFoundError(f"no {action_id} to click in {type(target).__name__}; it has {known}")
    return found[0]


def _must_be_open(view: View) -> None:
    if not view.is_open:
        raise InvalidStateError(f"view {view.id} was closed")
