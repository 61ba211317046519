"""A Slack of one's own: Web API, Socket Mode and signed HTTP on the loopback interface.

    async with SlackEmulator(users=[SlackUser("UADA", "ada", "ada@example.com")]) as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        ...
        await slack.click(slack.messages()[0], "approve", user="UADA")

Above it are tests; below are the workspace's state, the Web API and the two transports.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self

from aiohttp import ClientSession, web

from agentos.clock import Clock, SystemClock
from agentos.errors import InvalidStateError
from agentos.testing.slack.acting import EVENTS, Acting
from agentos.testing.slack.calls import ApiCall, Happenings
from agentos.testing.slack.delivering import Courier
from agentos.testing.slack.faults import FailingAnswer, Faults, Hold
from agentos.testing.slack.messages import Message
from agentos.testing.slack.people import SlackChannel, SlackUser
from agentos.testing.slack.response_urls import Response, ResponseUrls
from agentos.testing.slack.signed_http import FORM, JSON, SignedHttp
from agentos.testing.slack.socket_mode import SocketMode
from agentos.testing.slack.views import View
from agentos.testing.slack.web_api import WebApi
from agentos.testing.slack.workspace import Credentials, Workspace

_ONE_CHANNEL = (SlackChannel("C1", "reviews"),)
Goodbye = Literal["refresh_requested", "warning", "link_disabled"]


class SlackEmulator(Acting):
    """One workspace with one app; strict where Slack is.

    `scopes` None grants every scope. `clock` rules trigger ids, response URLs and the timestamps of
    messages; signatures carry the machine's time. `retry_delays_s` are the pauses before an event
    that was not acknowledged comes again. `seed` makes the choice of connections repeatable.
    """

    def __init__(
        self,
        *,
        users: Iterable[SlackUser] = (),
        channels: Iterable[SlackChannel] = _ONE_CHANNEL,
        scopes: Collection[str] | None = None,
        events: Sequence[str] = EVENTS,
        bot_token: str = "xoxb-test",
        app_token: str = "xapp-test",
        signing_secret: str = "test-signing-secret",
        clock: Clock | None = None,
        ack_timeout_s: float = 3.0,
        retry_delays_s: Sequence[float] = (0.0, 0.05, 0.1),
        seed: int = 0,
    ) -> None:
        happenings = Happenings()
        self.bot_token, self.app_token = bot_token, app_token
        self.signing_secret = signing_secret
        self._ack_timeout_s = ack_timeout_s
        self._faults = Faults()
        # Which connection gets an event is no secret; the seed lets a test repeat it.
        chance = random.Random(seed)
        self._sockets = SocketMode(happenings, ack_timeout_s, chance)
        workspace = Workspace(users, channels, scopes, clock or SystemClock())
        credentials = Credentials(bot_token, app_token, signing_secret)
        self._api = WebApi(workspace, credentials, self._faults, happenings, self._sockets.open_url)
        courier = Courier(self._sockets, self._faults, happenings, retry_delays_s)
        urls = ResponseUrls(workspace, happenings)
        super().__init__(workspace, courier, urls, happenings, tuple(events))
        self._base_url = ""
        self._runner: web.AppRunner | None = None
        self._session: ClientSession | None = None
        self._http: SignedHttp | None = None

    # What the app is configured with.

    @property
    def api_url(self) -> str:
        """The base URL of the Web API, as Slack's clients take it."""
        return f"{self._base_url}/api/"

    def use_http(self, request_url: str) -> None:
        """From now on post to this URL of the app, signed, instead of using Socket Mode."""
        if self._session is None:
            raise InvalidStateError("the emulator is not running; use it in `async with`")
        secret, timeout_s = self.signing_secret, self._ack_timeout_s
        self._http = SignedHttp(request_url, secret, self._session, timeout_s)
        self._courier.transport = self._http

    def use_socket_mode(self) -> None:
        """From now on deliver over the app's connections, which is how an emulator starts."""
        self._courier.transport = self._sockets

    def add_user(self, user: SlackUser) -> None:
        """Somebody joins, or is somebody else from now on."""
        self._workspace.users[user.id] = user

    def add_channel(self, channel: SlackChannel) -> None:
        """A channel appears, or changes."""
        self._workspace.channels[channel.id] = channel

    # What there is.

    @property
    def calls(self) -> list[ApiCall]:
        """Every call of the Web API, in the order of their ends."""
        return self._api.calls

    @property
    def responses(self) -> list[Response]:
        """What the app said to response URLs."""
        return self._urls.responses

    @property
    def n_connections(self) -> int:
        """How many Socket Mode connections may get an envelope."""
        return self._sockets.n_connections

    def n_calls(self, method: str, *, ok: bool | None = None) -> int:
        """How often a method was called; only those that Slack did, or refused, where `ok` is set."""
        named = [call for call in self.calls if call.method == method]
        return len([call for call in named if ok is None or (call.error is None) is ok])

    def messages(
        self,
        channel: str = "C1",
        *,
        thread_ts: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> list[Message]:
        """A channel's messages without replies, or a thread with its root, oldest first.

        `metadata` chooses those whose event payload has at least these items. They are live: what
        the app changes later shows.
        """
        wanted = (metadata or {}).items()
        found = self._workspace.messages.visible(channel, thread_ts)
        return [message for message in found if wanted <= _payload_of(message).items()]

    def ephemerals(self, user: str) -> list[Message]:
        """What only this person sees, oldest first."""
        return self._workspace.messages.ephemeral(user)

    def view_of(self, user: str) -> View | None:
        """The modal that a person sees."""
        return self._workspace.views.top(user)

    def home_of(self, user: str) -> View | None:
        """A person's home tab, if the app published one."""
        return self._workspace.views.home(user)

    async def wait_until(self, condition: Callable[[], object], timeout_s: float = 60.0) -> None:
        """Return once a condition holds; it is looked at whenever something happens in Slack."""
        await self._happenings.wait_until(condition, timeout_s)

    async def wait_for_connections(self, n: int = 1, timeout_s: float = 60.0) -> None:
        """Return once the app has so many connections."""
        await self.wait_until(lambda: self.n_connections >= n, timeout_s)

    # What goes wrong.

    def drop_next_ack(self, times: int = 1) -> None:
        """Lose the next acknowledgements: the app did its part, Slack never hears of it."""
        self._faults.n_lost_acks += times

    def rate_limit(self, method: str, times: int = 1, retry_after_s: int = 1) -> None:
        """Answer the next calls with 429 and Retry-After, in whole seconds."""
        headers = {"Retry-After": str(retry_after_s)}
        self._faults.refuse(method, FailingAnswer(429, "ratelimited", headers), times)

    def fail(self, method: str, error: str, times: int = 1) -> None:
        """Refuse the next calls with an error of Slack's."""
        self._faults.refuse(method, FailingAnswer(200, error), times)

    def fail_http(self, method: str, status: int = 503, times: int = 1) -> None:
        """Answer the next calls with a failure of the server."""
        self._faults.refuse(method, FailingAnswer(status, "internal_error"), times)

    def delay(self, method: str, seconds: float, times: int = 1) -> None:
        """Let the next calls wait before they are run."""
        self._faults.delay(method, seconds, times)

    def post_but_lose_answer(self, method: str = "chat.postMessage", times: int = 1) -> None:
        """Run the next calls, then cut the connection before their answers."""
        self._faults.lose(method, times)

    def hold(self, method: str, first: int | None = None, **wanted: str) -> Hold:
        """Keep calls waiting for as long as `async with slack.hold(method) as held` lasts.

        With `first` only so many of them: those that come later are not kept, and overtake them.
        What else is named are arguments: `slack.hold("chat.update", ts=message.ts)` keeps only
        updates of that message.
        """
        return self._faults.hold(method, first, wanted)

    async def disconnect(self, reason: Goodbye | None = "refresh_requested") -> None:
        """Tell every connection to go; None cuts them without a word."""
        await self._sockets.disconnect(reason)

    # What else Slack sends over HTTP.

    async def deliver_signed(
        self,
        body: bytes,
        *,
        timestamp: str | None = None,
        signature: str | None = None,
        content_type: str = FORM,
    ) -> tuple[int, str]:
        """Post any body to the request URL: status and text of the answer."""
        status, text, _ = await self._request_url().post(
            body, content_type=content_type, timestamp=timestamp, signature=signature
        )
        return status, text

    async def verify_url(self) -> bool:
        """Whether the app answers the challenge with which Slack accepts a request URL."""
        body = b'{"type":"url_verification","token":"verification-token","challenge":"3eZbrw1a"}'
        status, text = await self.deliver_signed(body, content_type=JSON)
        return status == 200 and "3eZbrw1a" in text

    async def check_ssl(self) -> bool:
        """Whether the app answers Slack's check of its certificate, which is not signed."""
        body = b"token=verification-token&ssl_check=1"
        status, _, _ = await self._request_url().post_unsigned(body)
        return status == 200

    def _request_url(self) -> SignedHttp:
        if self._http is None:
            raise InvalidStateError("the emulator knows no request URL; call use_http first")
        return self._http

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/api/{method}", self._api.handle)
        app.router.add_post("/respond/{token}", self._urls.handle)
        app.router.add_get("/link", self._sockets.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        self._base_url = self._urls.base_url = f"http://127.0.0.1:{port}"
        self._sockets.base_url = f"ws://127.0.0.1:{port}"
        self._session = ClientSession()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._runner is not None
        assert self._session is not None
        await self._sockets.close()
        await self._session.close()
        await self._runner.cleanup()


def _payload_of(message: Message) -> dict[str, Any]:
    return {} if message.metadata is None else dict(message.metadata["event_payload"])
