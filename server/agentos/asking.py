"""Questions that a running function puts to the person, or the model, behind the client.

    answers = await call.ask(name=Elicitation("What is your name?", NameForm))

Above: tool bodies ask through `ToolCall.ask`. Below: the edge's Correspondent carries the questions
in whatever way the client's protocol revision has. Where a client is answered and called again
(2026-07-28), the body runs again from its start with the answers so far: ask before you write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from agentos.content import Block, Message
from agentos.errors import InvalidArgumentError, InvalidStateError, ToolError

F = TypeVar("F", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Elicitation:
    """A form for the person: `form` is a flat model, or a JSON schema of the protocol's subset."""

    capability: ClassVar[str] = "elicitation"

    message: str
    form: type[BaseModel] | Mapping[str, Any]

    @property
    def schema(self) -> dict[str, Any]:
        """The form as the protocol's schema."""
        if isinstance(self.form, Mapping):
            return dict(self.form)
        schema = self.form.model_json_schema()
        schema.pop("title", None)
        for each in schema.get("properties", {}).values():
            each.pop("title", None)
        return schema


@dataclass(frozen=True, slots=True)
class Sampling:
    """A request to the client's own model."""

    capability: ClassVar[str] = "sampling"

    messages: tuple[Message, ...]
    max_tokens: int
    system_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Roots:
    """Which folders the client has open."""

    capability: ClassVar[str] = "roots"


Question = Elicitation | Sampling | Roots
"""Whatever `ToolCall.ask` takes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Of it only what belongs to the kind of question is set."""

    action: Literal["accept", "decline", "cancel"] = "accept"
    """What the person did with a form; "accept" for other questions."""
    content: Mapping[str, Any] = field(default_factory=dict)
    """The fields of an accepted form."""
    message: Block | None = None
    """What the client's model said."""
    model: str | None = None
    roots: tuple[str, ...] = ()
    """URIs of folders."""

    def filled(self, form: type[F]) -> F | None:
        """The accepted form; None where the person declined or closed it.

        InvalidArgumentError where the client sent fields that do not fit.
        """
        if self.action != "accept":
            return None
        try:
            return form.model_validate(dict(self.content))
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False)
            said = "; ".join(f"`{'.'.join(map(str, p['loc']))}`: {p['msg']}" for p in problems)
            raise InvalidArgumentError(f"the form was filled wrongly: {said}") from None


class Correspondent(Protocol):
    """The client at the other end of one call."""

    def can_answer(self, question: Question) -> bool:
        """Whether the client declared what the question needs."""
        ...

    async def ask(self, questions: Mapping[str, Question]) -> Mapping[str, Answer]:
        """The answers by the questions' names; InputRequiredError where they come with a repeat."""
        ...


class InputRequiredError(ToolError):
    """The client has to answer questions and to repeat the call with the answers."""

    code = "input_required"

    def __init__(self, questions: Mapping[str, Question]) -> None:
        super().__init__(
            f"answers are needed to: {', '.join(questions)}",
            remedy="repeat the call with the answers",
        )
        self.questions = questions


class CannotAskError(InvalidStateError):
    """The client did not declare a capability that the function relies on."""

    def __init__(self, capability: str) -> None:
        super().__init__(
            f"the client cannot answer: it does not declare the capability {capability!r}",
            remedy="use a client that does, or another tool",
        )
        self.capability = capability
