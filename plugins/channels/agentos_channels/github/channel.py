"""GitHub as a review channel: a comment and a status or check run say, a pull-request review decides.

Above: whoever runs channels. Below: GitHub's API, the marker. A review on GitHub is one of a commit.
It counts for the packet only where the server found that commit to be exactly the submitted work, and
the comment that says so is the server's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from agentos import (
    Card,
    Clock,
    ConfigurationError,
    InboundRequest,
    Kernel,
    NothingReceived,
    PluginError,
    Received,
    ReceivedChange,
    ReceivedDecision,
    ReceivedLink,
    RefusedDecision,
    SetupCheck,
    SystemClock,
    ToolResult,
    UnavailableError,
    VerificationError,
)
from agentos_channels.bot import ChannelBot
from agentos_channels.github.api import GithubApi, GithubRefusedError, status_text
from agentos_channels.github.checks import CheckRuns
from agentos_channels.github.comment import headline, plain, render
from agentos_channels.github.credentials import Credentials, credentials_of
from agentos_channels.github.deliveries import (
    MAX_AGE,
    MAX_AHEAD,
    Linking,
    Pushed,
    Reviewed,
    read_delivery,
    verify_signature,
)
from agentos_channels.github.marker import Marker, read_marker
from agentos_channels.github.same_work import difference_between
from agentos_channels.settings import GithubSettings, is_https, read_secret

NAME = "github"
MAX_SHOWN_PATHS = 10
UNLINKED = "identity.unlinked"
HOW_TO_LINK = (
    "The server does not know whose account this is. Run `agentos person link-code` with your name, "
    "comment `/agentos link CODE` here within ten minutes, and review again."
)
_GONE = frozenset({404, 410})
_STATES = {"approved": "success", "rejected": "failure"}

_log = structlog.get_logger(__name__)


class GithubChannel:
    """Pull requests of one repository."""

    name = NAME

    def __init__(self, kernel: Kernel, settings: GithubSettings) -> None:
        self._credentials, self._secret = _secrets(settings, kernel.clock)
        self._settings = settings
        self._api = GithubApi(settings, self._credentials)
        self._checks = CheckRuns(self._api, settings.status_context)
        self._bot = ChannelBot(kernel, NAME)
        self._clock = kernel.clock

    @staticmethod
    def check(settings: GithubSettings) -> SetupCheck:
        """For `agentos doctor`: whether its secrets are there."""
        try:
            credentials, _ = _secrets(settings, SystemClock())
        except ConfigurationError as error:
            return SetupCheck("channel github", False, error.message, "set both secrets")
        said = "check runs" if credentials.is_app else "commit statuses"
        return SetupCheck("channel github", True, f"pull requests of {settings.repository}, {said}")

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def find_place(self, card: Card) -> str | None:
        """The pull request of the work order's branch, else the one in the settings."""
        if card["kind"] != "work":
            return None
        workspace = (await self._order(card))["workspace"]
        number = None
        if workspace is not None:
            number = await self._api.find_pull_request(workspace["branch"])
        number = number or self._settings.pull_request
        return None if number is None else str(number)

    async def find_posted(self, card: Card, place: str) -> str | None:
        """The oldest comment that is about the review and ours."""
        async for comment, marker in self._own_comments(int(place)):
            if marker.review == card["id"]:
                return f"{place}/{comment}"
        return None

    async def post(self, card: Card, place: str) -> str:
        """Comment on the pull request, and say of its newest commit where the review stands."""
        number = int(place)
        commit, why_not = await self._commit_of(card, number)
        made = await self._api.add_comment(number, self._body(card, number, commit, why_not))
        await self._show_on_commit(card, number, commit)
        return f"{number}/{made}"

    async def update(self, card: Card, message_ref: str) -> bool | None:
        """Edit the comment and what is said of the commit, where they say something else."""
        number, comment = (int(part) for part in message_ref.split("/"))
        try:
            body = str((await self._api.comment(comment)).get("body") or "")
        except GithubRefusedError as error:
            if error.status not in _GONE:
                raise
            # Somebody took it away, which decides nothing.
            _log.warning("comment_gone", review=card["id"], comment=comment)
            return None
        why_not = None
        if card["state"] == "open":
            commit, why_not = await self._commit_of(card, number)
        else:
            # The worktree may be gone by now; what was decided about is what stood there.
            marker = read_marker(body, self._secret, self._settings.repository, number)
            commit = None if marker is None else marker.commit
        wanted = self._body(card, number, commit, why_not)
        if is_edited := body.splitlines() != wanted.splitlines():
            await self._api.edit_comment(comment, wanted)
        return await self._show_on_commit(card, number, commit) or is_edited

    async def receive(self, request: InboundRequest) -> Received:
        """A delivery of the repository's webhook."""
        verify_signature(self._secret, request.headers, request.body)
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise VerificationError("set the webhook's content type to application/json")
        event = request.headers.get("x-github-event", "")
        delivery = read_delivery(event, request.body, self._settings.repository)
        if isinstance(delivery, Reviewed):
            return await self._reviewed(delivery)
        if isinstance(delivery, Linking):
            return ReceivedLink(delivery.user, delivery.code, {"comment": delivery.comment})
        if isinstance(delivery, Pushed):
            markers = await self._markers(delivery.pull_request)
            if markers:
                return ReceivedChange(markers[-1].review)
            return NothingReceived("no review is shown in this pull request")
        return NothingReceived(delivery.why)

    async def answer(
        self, received: ReceivedDecision | RefusedDecision | ReceivedLink, result: ToolResult
    ) -> None:
        """A refusal as a comment; what was recorded shows in the card. A link as a reaction."""
        if isinstance(received, ReceivedLink):
            reaction = "confused" if result.is_error else "+1"
            await self._api.react(received.context["comment"], reaction)
        elif result.is_error:
            context, error = received.context, result.structured["error"]
            remedy = plain(error.get("remedy") or "look at the card again, and review once more")
            if error.get("rule") == UNLINKED:
                remedy = HOW_TO_LINK
            await self._api.add_comment(
                context["pull_request"],
                f"@{context['login']} your review was **not recorded** for {received.review}: "
                f"{plain(error['message'])}\n\n{remedy}",
            )

    async def _reviewed(self, said: Reviewed) -> Received:
        now = self._clock.now()
        if not now - MAX_AGE <= said.at <= now + MAX_AHEAD:
            raise VerificationError("the review was submitted too long ago, or in the future")
        markers = await self._markers(said.pull_request)
        if not markers:
            return NothingReceived("no review is shown in this pull request")
        context = {"pull_request": said.pull_request, "login": said.login}
        marker = next((each for each in reversed(markers) if each.commit == said.commit), None)
        if marker is None:
            message = await self._why_stale(markers[-1], said)
            return RefusedDecision(said.key, markers[-1].review, message, context)
        arguments = {
            "sha256": marker.sha256,
            "verdict": said.verdict,
            "reason": said.reason,
            "override_reason": said.override_reason,
        }
        given = {name: value for name, value in arguments.items() if value is not None}
        return ReceivedDecision(said.key, said.user, marker.review, given, context)

    async def _why_stale(self, marker: Marker, said: Reviewed) -> str:
        if marker.commit is None:
            return (
                "this pull request does not show exactly the submitted work; the card says what "
                "differs"
            )
        seen, shown = said.commit[:12], marker.commit[:12]
        message = f"you reviewed commit {seen}, and the submitted work is commit {shown}"
        try:
            comparison = await self._api.compare(marker.commit, said.commit)
        except (UnavailableError, PluginError):
            return message
        paths = [str(each.get("filename")) for each in comparison.get("files", [])]
        more = f" and {len(paths) - MAX_SHOWN_PATHS} more" if len(paths) > MAX_SHOWN_PATHS else ""
        changed = ", ".join(paths[:MAX_SHOWN_PATHS]) or "nothing in the files"
        return f"{message}; between them changed: {changed}{more}"

    async def _markers(self, number: int) -> list[Marker]:
        """What the server's own comments are about, the oldest first; one for each review."""
        found: dict[str, Marker] = {}
        async for _, marker in self._own_comments(number):
            found.setdefault(marker.review, marker)
        return list(found.values())

    async def _own_comments(self, number: int) -> Any:
        async for comment in self._api.comments(number):
            body = str(comment.get("body") or "")
            marker = read_marker(body, self._secret, self._settings.repository, number)
            if marker is not None:
                yield int(comment["id"]), marker

    async def _commit_of(self, card: Card, number: int) -> tuple[str | None, str | None]:
        """The newest commit where it is exactly the submitted work; else None, and why it is not."""
        workspace = (await self._order(card))["workspace"]
        if workspace is None or card["diff"] is None:
            return None, "the work has no worktree to compare with"
        pull_request = await self._api.pull_request(number)
        head = str(pull_request["head"]["sha"])
        comparison = await self._api.compare(str(pull_request["base"]["sha"]), head)
        why_not = await difference_between(
            comparison, Path(workspace["path"]), workspace["base_commit"], card["diff"]["files"]
        )
        return (head, None) if why_not is None else (None, why_not)

    async def _show_on_commit(self, card: Card, number: int, commit: str | None) -> bool:
        """As a check run of an app, else as a status; whether something else was said."""
        if commit is None:
            return False
        if self._credentials.is_app:
            return await self._checks.show(card, commit)
        state = "pending" if card["state"] == "open" else _STATES.get(card["outcome"], "error")
        said = await self._api.find_status(commit) or {}
        text = status_text(headline(card))
        if (said.get("state"), said.get("description")) == (state, text):
            return False
        if card["state"] != "open" and not await self._is_newest(card, number, commit):
            return False
        link = card["link"] if is_https(card["link"]) else None
        await self._api.set_status(commit, state, text, link)
        return True

    async def _is_newest(self, card: Card, number: int, commit: str) -> bool:
        """Whether no later review is about the same commit, whose status is the later one's then."""
        about = [each.review for each in await self._markers(number) if each.commit == commit]
        return about[-1:] in ([], [card["id"]])

    def _body(self, card: Card, number: int, commit: str | None, why_not: str | None) -> str:
        marker = Marker(self._settings.repository, number, card["id"], card["sha256"], commit)
        return f"{render(card, commit, why_not)}\n\n{marker.text(self._secret)}"

    async def _order(self, card: Card) -> Mapping[str, Any]:
        return await self._bot.call("get_work_order", work_order=card["work_order"])


def _secrets(settings: GithubSettings, clock: Clock) -> tuple[Credentials, str]:
    credentials = credentials_of(settings, clock)
    return credentials, read_secret("github.secret_env", settings.secret_env, settings.secret_file)
