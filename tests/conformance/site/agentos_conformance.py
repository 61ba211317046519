"""The fixtures that the official MCP conformance suite asks of a server, as an ordinary plugin.

Names, texts and types are the suite's (`modelcontextprotocol/conformance`). That they can all be
said through the plugin API is the point: what MCP can express, a plugin can.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from agentos import (
    Answer,
    Audio,
    Completions,
    Content,
    Contents,
    Elicitation,
    Embedded,
    Event,
    Image,
    InvalidStateError,
    Message,
    Messages,
    Prompt,
    Question,
    Resource,
    Roots,
    Sampling,
    Text,
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

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
SILENCE = base64.b64decode("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=")


@tool()
async def test_simple_text(call: ToolCall) -> Content:
    """Answers plain text."""
    return Content.of("This is a simple text response for testing.")


@tool()
async def test_image_content(call: ToolCall) -> Content:
    """Answers a picture."""
    return Content.of(Image(data=PIXEL, mime_type="image/png"))


@tool()
async def test_audio_content(call: ToolCall) -> Content:
    """Answers a sound."""
    return Content.of(Audio(data=SILENCE, mime_type="audio/wav"))


@tool()
async def test_embedded_resource(call: ToolCall) -> Content:
    """Answers the contents of a resource."""
    return Content.of(
        Embedded(
            uri="test://embedded-resource",
            mime_type="text/plain",
            text="This is an embedded resource content.",
        )
    )


@tool()
async def test_multiple_content_types(call: ToolCall) -> Content:
    """Answers text, a picture and a resource."""
    return Content.of(
        "Multiple content types test:",
        Image(data=PIXEL, mime_type="image/png"),
        Embedded(
            uri="test://mixed-content-resource",
            mime_type="application/json",
            text='{"test":"data","value":123}',
        ),
    )


@tool()
async def test_error_handling(call: ToolCall) -> Content:
    """Fails."""
    raise InvalidStateError("This tool intentionally returns an error for testing")


@tool()
async def test_tool_with_progress(call: ToolCall) -> Content:
    """Reports its progress three times."""
    for done in (0, 50, 100):
        await call.progress(done, 100)
        await asyncio.sleep(0.05)
    return Content.of("Done.")


@tool(converses=True)
async def test_tool_with_logging(call: ToolCall) -> Content:
    """Logs three times."""
    await call.log("info", "Tool execution started")
    await asyncio.sleep(0.05)
    await call.log("info", "Tool processing data")
    await asyncio.sleep(0.05)
    await call.log("info", "Tool execution completed")
    return Content.of("Done.")


@tool(converses=True)
async def test_logging_tool(call: ToolCall) -> Content:
    """Logs once."""
    await call.log("info", "A message")
    return Content.of("Done.")


@tool(converses=True)
async def test_sampling(call: ToolCall, prompt: str) -> Content:
    """Asks the client's model."""
    said = await _sample(call, prompt, 100)
    return Content.of(f"LLM response: {said}")


class UserForm(BaseModel):
    """Who answers."""

    model_config = ConfigDict(json_schema_extra={"description": "Who answers."})

    username: str = Field(description="User's response")
    email: str = Field(description="User's email address")


@tool(converses=True)
async def test_elicitation(call: ToolCall, message: str) -> Content:
    """Asks the person for a name and an address."""
    answers = await call.ask(user=Elicitation(message, UserForm))
    return Content.of(_told("User response", answers["user"]))


class DefaultsForm(BaseModel):
    """Every primitive type, with a default."""

    name: str = "John Doe"
    age: int = 30
    score: float = 95.5
    status: Literal["active", "inactive", "pending"] = "active"
    verified: bool = True


@tool(converses=True)
async def test_elicitation_sep1034_defaults(call: ToolCall) -> Content:
    """Asks with defaults."""
    answers = await call.ask(form=Elicitation("Confirm", DefaultsForm))
    return Content.of(_told("Elicitation completed", answers["form"]))


ENUMS = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
        "titledSingle": {
            "type": "string",
            "oneOf": [
                {"const": "value1", "title": "First Option"},
                {"const": "value2", "title": "Second Option"},
                {"const": "value3", "title": "Third Option"},
            ],
        },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {
            "type": "array",
            "items": {"type": "string", "enum": ["option1", "option2", "option3"]},
        },
        "titledMulti": {
            "type": "array",
            "items": {
                "anyOf": [
                    {"const": "value1", "title": "First Choice"},
                    {"const": "value2", "title": "Second Choice"},
                    {"const": "value3", "title": "Third Choice"},
                ]
            },
        },
    },
}


@tool(converses=True)
async def test_elicitation_sep1330_enums(call: ToolCall) -> Content:
    """Asks with every form of enumeration."""
    answers = await call.ask(form=Elicitation("Choose", ENUMS))
    return Content.of(_told("Elicitation completed", answers["form"]))


class NameForm(BaseModel):
    """A name."""

    name: str


class OkForm(BaseModel):
    """A confirmation."""

    ok: bool


class ColorForm(BaseModel):
    """A colour."""

    color: str


class ContextForm(BaseModel):
    """A context."""

    context: str


async def _name(call: ToolCall, question: str, key: str = "user_name") -> str:
    answers = await call.ask(**{key: Elicitation(question, NameForm)})
    form = answers[key].filled(NameForm)
    return "nobody" if form is None else form.name


async def _sample(call: ToolCall, prompt: str, max_tokens: int, key: str = "sample") -> str:
    asked = Sampling((Message(content=Text(text=prompt)),), max_tokens)
    message = (await call.ask(**{key: asked}))[key].message
    return message.text if isinstance(message, Text) else ""


def _told(what: str, answer: Answer) -> str:
    return f"{what}: action={answer.action}, content={json.dumps(dict(answer.content))}"


@tool(converses=True)
async def test_input_required_result_elicitation(call: ToolCall) -> Content:
    """Asks for a name."""
    return Content.of(f"Hello, {await _name(call, 'What is your name?')}!")


@tool(converses=True)
async def test_input_required_result_sampling(call: ToolCall) -> Content:
    """Asks the client's model."""
    return Content.of(
        await _sample(call, "What is the capital of France?", 100, "capital_question")
    )


@tool(converses=True)
async def test_input_required_result_list_roots(call: ToolCall) -> Content:
    """Asks for the client's folders."""
    roots = (await call.ask(client_roots=Roots()))["client_roots"].roots
    return Content.of(f"Roots: {', '.join(roots)}")


@tool(converses=True)
async def test_input_required_result_request_state(call: ToolCall) -> Content:
    """Asks for a confirmation, with state."""
    await call.ask(confirm=Elicitation("Please confirm", OkForm))
    return Content.of("state-ok")


@tool(converses=True)
async def test_input_required_result_tampered_state(call: ToolCall) -> Content:
    """Asks for a confirmation, with state that nobody may change."""
    await call.ask(confirm=Elicitation("Please confirm", OkForm))
    return Content.of("state-ok")


@tool(converses=True)
async def test_input_required_result_multiple_inputs(call: ToolCall) -> Content:
    """Asks three things at once."""
    answers = await call.ask(
        user_name=Elicitation("What is your name?", NameForm),
        greeting=Sampling((Message(content=Text(text="Generate a greeting")),), 50),
        client_roots=Roots(),
    )
    return Content.of(f"Answered: {', '.join(answers)}")


@tool(converses=True)
async def test_input_required_result_multi_round(call: ToolCall) -> Content:
    """Asks twice, one after the other."""
    name = await _name(call, "Step 1: What is your name?", "step1")
    answers = await call.ask(step2=Elicitation("Step 2: What is your favorite color?", ColorForm))
    color = answers["step2"].filled(ColorForm)
    return Content.of(f"{name} likes {color.color if color else 'nothing'}")


@tool(converses=True)
async def test_input_required_result_capabilities(call: ToolCall) -> Content:
    """Asks only what the client can answer."""
    questions: dict[str, Question] = {
        "user_name": Elicitation("What is your name?", NameForm),
        "greeting": Sampling((Message(content=Text(text="Generate a greeting")),), 50),
    }
    answers = await call.ask(**{k: q for k, q in questions.items() if call.can_ask(q)})
    return Content.of(f"Answered: {', '.join(answers)}")


@tool(converses=True)
async def test_missing_capability(call: ToolCall) -> Content:
    """Relies on sampling."""
    return Content.of(await _sample(call, "Anything", 10))


@tool(converses=True)
async def test_streaming_elicitation(call: ToolCall) -> Content:
    """Asks for a name, wherever its answer streams."""
    return Content.of(f"Hello, {await _name(call, 'What is your name?')}!")


@tool(task="never")
async def greet(call: ToolCall, name: str) -> Content:
    """Greets, at once."""
    return Content.of(f"Hello, {name}!")


@tool(task="always", timeout_s=120)
async def slow_compute(call: ToolCall, seconds: float = 1.0, label: str = "") -> Content:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return Content.of(f"{label} took {seconds} s")


@tool(task="required")
async def failing_job(call: ToolCall) -> Content:
    """Fails after a second."""
    await asyncio.sleep(1)
    raise InvalidStateError("this job always fails")


@tool(task="always", converses=True)
async def protocol_error_job(call: ToolCall) -> Content:
    """Relies on what the suite does not declare, which is an error of the protocol."""
    await call.ask(client_roots=Roots())
    return Content.of("never")


class ConfirmForm(BaseModel):
    """A confirmation."""

    confirm: bool


@tool(task="always", converses=True)
async def confirm_delete(call: ToolCall, filename: str) -> Content:
    """Asks, in its task, whether to delete."""
    answers = await call.ask(confirm=Elicitation(f"Delete {filename}?", ConfirmForm))
    return Content.of(_told("Delete", answers["confirm"]))


@tool(task="always", converses=True)
async def multi_input(call: ToolCall) -> Content:
    """Asks two things at once, in its task."""
    answers = await call.ask(
        first=Elicitation("The first?", ConfirmForm), second=Elicitation("The second?", ConfirmForm)
    )
    return Content.of(f"Answered: {', '.join(answers)}")


@tool(converses=True)
async def test_tool_with_task(call: ToolCall) -> Content:
    """Asks for a name, and then goes on as a task."""
    name = await _name(call, "What is your name?")
    await call.detach()
    return Content.of(f"Hello, {name}!")


@prompt(title="Asks", converses=True)
async def test_input_required_result_prompt(call: ToolCall) -> Messages:
    """A prompt that asks for its context."""
    asked = Elicitation("What context should the prompt use?", ContextForm)
    form = (await call.ask(user_context=asked))["user_context"].filled(ContextForm)
    return Messages.of(f"Context: {form.context if form else 'none'}")


@resource("test://static-text", title="Static text", mime_type="text/plain")
async def static_text(call: ToolCall) -> Contents:
    """A text that never changes."""
    return Contents(text="This is the content of the static text resource.")


@resource("test://static-binary", title="Static picture", mime_type="image/png")
async def static_binary(call: ToolCall) -> Contents:
    """A picture that never changes."""
    return Contents(data=PIXEL)


@tool(writes=["watched"])
async def touch_watched_resource(call: ToolCall) -> Content:
    """Changes what `test://watched-resource` says."""
    return Content.of("Touched.")


def _touched(event: Event) -> Iterable[str]:
    if event.type == "call.finished" and event.data.get("tool") == "touch_watched_resource":
        yield "test://watched-resource"


@resource("test://watched-resource", title="Watched", mime_type="text/plain", changed_by=_touched)
async def watched_resource(call: ToolCall) -> Contents:
    """A text to subscribe to."""
    return Contents(text="Watched resource content.")


@resource("test://template/{id}/data", title="Template", mime_type="application/json")
async def template_data(call: ToolCall, id: str) -> Contents:
    """Data of one id."""
    return Contents(text=f'{{"id":"{id}","templateTest":true,"data":"Data for ID: {id}"}}')


@prompt(title="Simple")
async def test_simple_prompt(call: ToolCall) -> Messages:
    """A prompt without arguments."""
    return Messages.of("This is a simple prompt for testing.")


async def complete_first(call: ToolCall, typed: str, chosen: Mapping[str, str]) -> Completions:
    """Cities."""
    return Completions.of(["paris", "park", "party", "testville"], typed)


@prompt(title="With arguments", completions={"arg1": complete_first})
async def test_prompt_with_arguments(call: ToolCall, arg1: str, arg2: str) -> Messages:
    """A prompt with two arguments."""
    return Messages.of(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")


@prompt(title="With a resource")
async def test_prompt_with_embedded_resource(
    call: ToolCall,
    resourceUri: str,
) -> Messages:
    """A prompt that embeds a resource."""
    embedded = Embedded(
        uri=resourceUri, mime_type="text/plain", text="Embedded resource content for testing."
    )
    question = "Please process the embedded resource above."
    return Messages.of(Message(content=embedded), question)


@prompt(title="With a picture")
async def test_prompt_with_image(call: ToolCall) -> Messages:
    """A prompt that holds a picture."""
    picture = Image(data=PIXEL, mime_type="image/png")
    return Messages.of(
        Message(content=picture), Message(content=Text(text="Please analyze the image above."))
    )


@hookimpl
def register_tools() -> Sequence[Tool]:
    """Every tool above."""
    return [each for each in globals().values() if isinstance(each, Tool)]


@hookimpl
def register_resources() -> Sequence[Resource]:
    """Every resource above."""
    return [each for each in globals().values() if isinstance(each, Resource)]


@hookimpl
def register_prompts() -> Sequence[Prompt]:
    """Every prompt above."""
    return [each for each in globals().values() if isinstance(each, Prompt)]


@hookimpl
def wrap_tool_call(tool: Tool) -> Wrapper:
    """Let everybody in: nothing here is worth guarding."""
    return authorizer(allow)


async def allow(call: ToolCall) -> Verdict:
    """Yes."""
    return Verdict.allow("conformance")
