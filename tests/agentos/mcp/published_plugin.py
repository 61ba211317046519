"""The plugin behind the tests of resources, prompts and questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel

from agentos import (
    Completions,
    Content,
    Contents,
    Elicitation,
    Event,
    EventType,
    Image,
    Messages,
    NewEvent,
    NotFoundError,
    Prompt,
    Resource,
    Roots,
    Tool,
    ToolCall,
    Verdict,
    Wrapper,
    authorizer,
    hookimpl,
    prompt,
    resource,
    tool,
)

SHELF = {"dune": "Arrakis", "a/b": "A slash", "blob": "?"}


class Said(BaseModel):
    text: str


class Order(BaseModel):
    title: str
    copies: int = 1


async def complete_title(call: ToolCall, typed: str, chosen: Mapping[str, str]) -> Completions:
    return Completions.of(sorted(SHELF), typed)


def changed_books(event: Event) -> Iterable[str]:
    if event.type == "book.renamed":
        yield f"shelf://books/{event.data['title']}"


@resource("shelf://index", title="Index", mime_type="text/plain")
async def shelf_index(call: ToolCall) -> Contents:
    """The titles, a line each."""
    return Contents(text="\n".join(SHELF))


@resource(
    "shelf://books/{title}",
    mime_type="text/plain",
    changed_by=changed_books,
    completions={"title": complete_title},
)
async def book(call: ToolCall, title: str) -> Contents:
    """One book."""
    if title not in SHELF:
        raise NotFoundError(f"no book is called {title!r}")
    if title == "blob":
        return Contents(data=b"\x00\xff", mime_type="application/octet-stream")
    return Contents(text=SHELF[title])


@resource("shelf://books/special", mime_type="text/plain")
async def special_book(call: ToolCall) -> Contents:
    """The one that is no template."""
    return Contents(text="special")


@resource("shelf://vault", mime_type="text/plain", reads=["vault"])
async def vault(call: ToolCall) -> Contents:
    """What nobody may read."""
    raise AssertionError("the body of a refused read ran")


@prompt(title="Review", completions={"title": complete_title})
async def review_book(call: ToolCall, title: str, tone: str = "kind") -> Messages:
    """Review a book."""
    return Messages.of(f"Write a {tone} review of {title}.")


@tool()
async def cover(call: ToolCall) -> Content:
    """The cover as text and picture."""
    return Content.of("the cover", Image(data=b"\x89PNG", mime_type="image/png"))


def _renamed(call: ToolCall, stream: str, title: str) -> NewEvent:
    actor = call.principal.name
    return NewEvent(f"book/{stream}", "book.renamed", actor, call.now(), {"title": title})


@tool(writes=["book"])
async def rename_book(call: ToolCall, title: str) -> Said:
    """Record that a book has another name now."""
    transaction = await call.begin()
    await transaction.append(_renamed(call, title, title))
    return Said(text=title)


@tool(writes=["book"], converses=True)
async def order_book(call: ToolCall, shop: str) -> Said:
    """Ask which book, and write something."""
    answer = (await call.ask(order=Elicitation(f"Which book from {shop}?", Order)))["order"]
    order = answer.filled(Order)
    transaction = await call.begin()
    await transaction.append(_renamed(call, shop, shop))
    return Said(text="nothing" if order is None else f"{order.copies} x {order.title}")


@tool(converses=True)
async def order_twice(call: ToolCall) -> Said:
    """Ask twice, the second time about the first answer."""
    first = (await call.ask(first=Elicitation("First?", Order)))["first"].filled(Order)
    assert first is not None
    asked = Elicitation(f"After {first.title}?", Order)
    second = (await call.ask(second=asked))["second"].filled(Order)
    assert second is not None
    return Said(text=f"{first.title}, {second.title}")


@tool(writes=["book"], converses=True)
async def ask_too_late(call: ToolCall) -> Said:
    """Asks while it holds what it wrote."""
    transaction = await call.begin()
    await transaction.append(_renamed(call, "late", "late"))
    await call.ask(order=Elicitation("Which?", Order))
    return Said(text="unreachable")


@tool(converses=True)
async def open_folders(call: ToolCall) -> Said:
    """Which folders the client has open."""
    return Said(text=" ".join((await call.ask(roots=Roots()))["roots"].roots))


@tool()
async def ask_unannounced(call: ToolCall) -> Said:
    """Asks without being declared as one that does."""
    await call.ask(order=Elicitation("Which?", Order))
    return Said(text="unreachable")


async def decide(call: ToolCall) -> Verdict:
    if "vault" in call.tool.reads:
        return Verdict.deny("closed", "the vault is closed", remedy="ask the keeper")
    return Verdict.allow("open")


@hookimpl
def wrap_tool_call(tool: Tool) -> Wrapper:
    return authorizer(decide)


@hookimpl
def register_event_types() -> Sequence[EventType]:
    return [EventType("book.renamed", "A book got another name.")]


@hookimpl
def register_tools() -> Sequence[Tool]:
    return [each for each in globals().values() if isinstance(each, Tool)]


@hookimpl
def register_resources() -> Sequence[Resource]:
    return [each for each in globals().values() if isinstance(each, Resource)]


@hookimpl
def register_prompts() -> Sequence[Prompt]:
    return [each for each in globals().values() if isinstance(each, Prompt)]
