"""Declaring a resource: an async function that gives the contents of a URI, or of a family of them.

    @resource("acme://tickets/{number}", mime_type="application/json", reads=["tickets"])
    async def ticket(call: ToolCall, number: str) -> Contents:
        '''One ticket as JSON.'''

Above: plugins declare, the MCP edge finds a resource by URI and dispatches. Below:
`agentos.tools`: a read is a call of a declared function, with authorizers, records and limits.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from agentos.calls import ToolCall
from agentos.completing import TIMEOUT_S, CompletionBody, declare_completions
from agentos.content import Contents, Links
from agentos.errors import PluginError
from agentos.events.model import Event
from agentos.surface import Surface
from agentos.tools import Tool, ToolBody, declare_function

_VARIABLE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
ListingBody = Callable[[ToolCall], Awaitable[Links]]
"""Answers which resources of a family the caller may see, the most interesting first."""

Follow = Callable[[str, Callable[[], Awaitable[None]]], Awaitable[None]]
"""Gets a URI, and what to call whenever its contents may have changed; runs until cancelled."""

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")


class UriTemplate:
    """A URI with `{name}` places (RFC 6570, level 1).

    A place is a part of one segment. Its decoded value may be any text: `/` and `..` too. Of two
    places in a segment the first ends where the text between them stands first.
    """

    def __init__(self, template: str) -> None:
        """Raises PluginError where it is no URI with a scheme, or uses another form of places."""
        literals = _VARIABLE.split(template)
        self.template = template
        self.variables = tuple(literals[1::2])
        if not _SCHEME.match(template) or any("{" in part or "}" in part for part in literals[::2]):
            raise PluginError(f"resource {template!r}: the form is scheme://path with {{name}}")
        if len(set(self.variables)) != len(self.variables):
            raise PluginError(f"resource {template!r}: a name stands twice")
        if "" in literals[2:-1:2]:
            raise PluginError(f"resource {template!r}: two places need text between them")
        self._pattern = _pattern_of(literals)
        self.n_literal_chars = sum(map(len, literals[::2]))

    def match(self, uri: str) -> dict[str, str] | None:
        """The decoded values of the places, or None where `uri` is of another form."""
        found = self._pattern.fullmatch(uri)
        if found is None:
            return None
        return {name: unquote(value) for name, value in found.groupdict().items()}

    def expand(self, values: Mapping[str, str]) -> str:
        """The URI with `values` in its places."""
        return _VARIABLE.sub(lambda place: quote(values[place[1]], safe=""), self.template)


def _pattern_of(literals: Sequence[str]) -> re.Pattern[str]:
    """The text around the places at even indexes, their names at odd ones.

    Each place but the last ends for good at the first text after it: with more to try, the time
    would grow with a power of the length of a URI, which clients choose.
    """
    if len(literals) == 1:
        return re.compile(re.escape(literals[0]))
    head, *between, last, tail = literals
    places = [
        f"(?>(?P<{name}>[^/?#]+?){re.escape(text)})"
        for name, text in zip(between[::2], between[1::2], strict=True)
    ]
    return re.compile(f"{re.escape(head)}{''.join(places)}(?P<{last}>[^/?#]+){re.escape(tail)}")


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """A declared resource, or a family of them."""

    function: Tool
    uri: UriTemplate
    title: str | None
    mime_type: str | None
    changed_by: Callable[[Event], Iterable[str]] | None = None
    completions: Mapping[str, Tool] = field(default_factory=dict)
    listing: Tool | None = None
    """What lists the concrete ones of a family."""
    follow: Follow | None = None
    """For what changes without an event: runs in each process whose clients listen to a URI."""

    @property
    def is_template(self) -> bool:
        """Whether it stands for many URIs."""
        return bool(self.uri.variables)


def resource(
    uri: str,
    *,
    title: str | None = None,
    mime_type: str | None = None,
    reads: Iterable[str] = (),
    paths: Iterable[str] = (),
    timeout_s: float = 30.0,
    converses: bool = False,
    max_result_bytes: int = 1_048_576,
    changed_by: Callable[[Event], Iterable[str]] | None = None,
    completions: Mapping[str, CompletionBody] | None = None,
    listing: ListingBody | None = None,
    reads_like: str | None = None,
    follow: Follow | None = None,
) -> Callable[[ToolBody], Resource]:
    """Declare an `async def body(call, ...) -> Contents` as the resource `uri`.

    The places of `uri` are the parameters of the body, all of them text. `paths` names those that
    hold repository paths, which contracts and policies judge. `changed_by` names the URIs whose
    contents a committed event changes, for clients that subscribe, and `follow` tells of changes
    that are no event; `completions` offers values for a place; `listing` names the concrete ones of a family that a caller is shown.
    `reads_like` is the tool that answers the same: contracts, policies and locks that speak of it
    hold here too. Raises PluginError where URI and body do not fit.
    """

    def declare(body: ToolBody) -> Resource:
        template = UriTemplate(uri)
        function = declare_function(
            body,
            Surface.RESOURCE,
            reads=tuple(reads),
            paths=tuple(paths),
            timeout_s=timeout_s,
            converses=converses,
            max_result_bytes=max_result_bytes,
            reads_like=reads_like,
        )
        if function.result is not Contents:
            raise PluginError(f"resource {function.name}: the return annotation must be Contents")
        fields = function.parameters.model_fields
        if set(fields) != set(template.variables) or any(
            each.annotation is not str for each in fields.values()
        ):
            raise PluginError(
                f"resource {function.name}: the parameters must be the places of {uri!r}, as str"
            )
        completing = declare_completions(function, completions or {})
        lister = None if listing is None else _declare_listing(function, listing)
        return Resource(
            function, template, title, mime_type, changed_by, completing, lister, follow
        )

    return declare


def _declare_listing(function: Tool, body: ListingBody) -> Tool:
    async def list_links(call: ToolCall) -> Links:
        return await body(call)

    # Authorizers judge by the plugin that the function is from.
    list_links.__module__ = body.__module__
    return declare_function(
        list_links,
        Surface.LISTING,
        name=f"list_{function.name}_resources",
        description=f"Resources of the family {function.name}.",
        reads=tuple(function.reads),
        timeout_s=TIMEOUT_S,
        reads_like=function.reads_like,
    )


def find_resource(
    resources: Iterable[Resource], uri: str
) -> tuple[Resource, dict[str, str]] | None:
    """The resource that `uri` names and the values of its places; the most literal one wins."""
    found = [(each, values) for each in resources if (values := each.uri.match(uri)) is not None]
    return max(found, key=lambda pair: pair[0].uri.n_literal_chars, default=None)
