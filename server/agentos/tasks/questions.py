"""Questions and answers as text, for the time between a process that asks and one that answers.

Above: the store. Below: `agentos.asking`. A form becomes its schema, which is all that a client
is ever shown of it.
"""

from __future__ import annotations

from typing import Any, assert_never

import orjson
from pydantic import TypeAdapter

from agentos.asking import Answer, Elicitation, Question, Roots, Sampling
from agentos.canonical import digest_of
from agentos.content import Block, Message

_BLOCK: TypeAdapter[Block] = TypeAdapter(Block)


def encode_question(question: Question) -> str:
    """A question as JSON."""
    return orjson.dumps(_fields_of(question)).decode()


def decode_question(text: str) -> Question:
    """The question that `encode_question` wrote."""
    fields = orjson.loads(text)
    match fields["kind"]:
        case "elicitation":
            return Elicitation(fields["message"], fields["schema"])
        case "sampling":
            messages = tuple(Message.model_validate(each) for each in fields["messages"])
            return Sampling(messages, fields["max_tokens"], fields["system_prompt"])
        case _:
            return Roots()


def question_digest(question: Question) -> str:
    """Names a question by what it asks."""
    return digest_of(_fields_of(question))


def encode_answer(answer: Answer) -> str:
    """An answer as JSON."""
    message = None if answer.message is None else answer.message.model_dump(mode="json")
    fields = [answer.action, dict(answer.content), message, answer.model, list(answer.roots)]
    return orjson.dumps(fields).decode()


def decode_answer(text: str) -> Answer:
    """The answer that `encode_answer` wrote."""
    action, content, message, model, roots = orjson.loads(text)
    said = None if message is None else _BLOCK.validate_python(message)
    return Answer(action, content, said, model, tuple(roots))


def _fields_of(question: Question) -> dict[str, Any]:
    match question:
        case Elicitation():
            schema = question.schema
            return {"kind": "elicitation", "message": question.message, "schema": schema}
        case Sampling():
            return {
                "kind": "sampling",
                "messages": [each.model_dump(mode="json") for each in question.messages],
                "max_tokens": question.max_tokens,
                "system_prompt": question.system_prompt,
            }
        case Roots():
            return {"kind": "roots"}
        case _:
            assert_never(question)
