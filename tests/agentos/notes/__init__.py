"""A small real plugin for tests: notes in tables that are read models of `note.taken` events."""

from __future__ import annotations

from pydantic import BaseModel

from agentos import (
    Event,
    EventType,
    MigrationSet,
    NewEvent,
    ProjectionWriter,
    ReadModel,
    ToolCall,
    tool,
)
from tests.agentos.plugin_factory import Plugin, allow_everything

INSERT_NOTE = "insert into notes.note (call, text, at) values ($1, $2, $3)"
COUNT_WORD = (
    "insert into notes.word_count (word, n) values ($1, 1)"
    " on conflict (word) do update set n = notes.word_count.n + 1"
)


class Note(BaseModel):
    """A note as stored."""

    call: str
    text: str


async def project_note(writer: ProjectionWriter, event: Event) -> None:
    """Keep `notes.note` and `notes.word_count`."""
    await writer.execute(INSERT_NOTE, event.data["call"], event.data["text"], event.at)
    for word in event.data["text"].split():
        await writer.execute(COUNT_WORD, word)


async def store_note(call: ToolCall, text: str) -> Note:
    """Append `note.taken` in the call's transaction."""
    transaction = await call.begin()
    data = {"call": call.id, "text": text}
    await transaction.append(NewEvent("notes", "note.taken", call.principal.name, call.now(), data))
    return Note(call=call.id, text=text)


@tool(writes=["notes"])
async def take_note(call: ToolCall, text: str) -> Note:
    """Store a note."""
    return await store_note(call, text)


@tool(reads=["notes"])
async def echo(call: ToolCall, text: str) -> Note:
    """Say the text again."""
    return Note(call=call.id, text=text)


NOTE_TAKEN = EventType("note.taken", "A note was stored.", project_note)
MIGRATIONS = MigrationSet("notes", "tests.agentos.notes")
READ_MODEL = ReadModel("notes", ("note", "word_count"))


def notes_plugin() -> Plugin:
    """Everything above, for everybody."""
    return Plugin(
        tools=[take_note, echo],
        wrappers=[allow_everything],
        event_types=[NOTE_TAKEN],
        migrations=[MIGRATIONS],
        read_models=[READ_MODEL],
    )
