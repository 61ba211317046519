"""Questions and answers in the protocol's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from mcp.types import (
    ClientCapabilities,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitationCapability,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequest,
    ListRootsRequest,
    ListRootsResult,
    RootsCapability,
    SamplingCapability,
    SamplingMessage,
)

from agentos.asking import Answer, Elicitation, Question, Roots, Sampling
from agentos.content import Message, Text
from agentos.mcp.blocks import wire_message

_NEEDS = {
    "elicitation": ClientCapabilities(elicitation=ElicitationCapability()),
    "sampling": ClientCapabilities(sampling=SamplingCapability()),
    "roots": ClientCapabilities(roots=RootsCapability()),
}


def wire_question(question: Question) -> InputRequest:
    """The protocol's request that asks it."""
    match question:
        case Elicitation():
            return ElicitRequest(
                params=ElicitRequestFormParams(
                    message=question.message, requested_schema=question.schema
                )
            )
        case Sampling():
            return CreateMessageRequest(
                params=CreateMessageRequestParams(
                    messages=[_sampling_message(each) for each in question.messages],
                    max_tokens=question.max_tokens,
                    system_prompt=question.system_prompt,
                )
            )
        case Roots():
            return ListRootsRequest()
        case _:
            assert_never(question)


def read_answer(question: Question, result: Mapping[str, Any]) -> Answer:
    """Our answer of the client's result; pydantic's ValidationError where it is none."""
    match question:
        case Elicitation():
            elicited = ElicitResult.model_validate(result)
            return Answer(action=elicited.action, content=dict(elicited.content or {}))
        case Sampling():
            sampled = CreateMessageResult.model_validate(result)
            text = getattr(sampled.content, "text", None)
            said = Text(text=text) if isinstance(text, str) else None
            return Answer(message=said, model=sampled.model)
        case Roots():
            listed = ListRootsResult.model_validate(result)
            return Answer(roots=tuple(str(each.uri) for each in listed.roots))
        case _:
            assert_never(question)


def needed_capability(capability: str) -> dict[str, Any]:
    """The protocol's ClientCapabilities with that one in it."""
    return _NEEDS[capability].model_dump(by_alias=True, mode="json", exclude_none=True)


def declares(capabilities: ClientCapabilities | None, question: Question) -> bool:
    """Whether the client declared what the question needs."""
    return capabilities is not None and getattr(capabilities, question.capability) is not None


def _sampling_message(message: Message) -> SamplingMessage:
    wired = wire_message(message.model_dump(mode="json"))
    return SamplingMessage.model_validate(wired.model_dump(by_alias=True, mode="json"))
