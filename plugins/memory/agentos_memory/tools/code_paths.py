"""`explain_code_path`: how one symbol leads to another, with the code of every hop.

Above: the plugin's tools. Below: the shortest path through the symbol graph, the files, and the
service `Completer` for prose, where a plugin registers one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from agentos import Completer, InvalidArgumentError, ToolCall, tool
from agentos_memory.adjacency import Relation
from agentos_memory.cited_prose import Span, write_prose
from agentos_memory.definition import Definition
from agentos_memory.memory import Memory
from agentos_memory.path_code import Excerpt, read_excerpts
from agentos_memory.ranked import CodeQuery
from agentos_memory.tools.code import IS_TEST, IndexStateResult, RepositoryName
from agentos_memory.tools.named_symbols import (
    Found,
    SymbolName,
    SymbolResult,
    find_definitions,
    index_state,
    place_of,
)
from agentos_memory.traced_kinds import TracedKind
from agentos_memory.tracing import shortest_path

_CALLS: frozenset[TracedKind] = frozenset({"calls"})
_CALLS_AND_REFERENCES: frozenset[TracedKind] = frozenset({"calls", "references"})
# How many answers to a question are tried as the end of a path.
TRIED_ANSWERS = 20
_NO_CODE = "(not shown: the file changed since it was indexed, or may not be read)"


class CodeResult(BaseModel):
    """Lines as they are in the file, which is still what was indexed."""

    path: str
    start_line: int
    end_line: int
    text: str
    redacted: bool = Field(
        default=False, description="Something that looks like a secret was taken out of the text."
    )


class StepResult(BaseModel):
    """One symbol on the way."""

    symbol: str
    path: str
    start_line: int
    end_line: int
    is_test: bool = Field(default=False, description=IS_TEST)
    why: str
    code: CodeResult | None = Field(
        default=None,
        description="Around the call that leads here; of the first step its head. Null where the "
        "file has changed since it was indexed, or may not be read.",
    )


class CodePathResult(BaseModel):
    """A way through the code."""

    steps: list[StepResult]
    explanation: str
    model: str | None = Field(description="The model that wrote the explanation; null for none.")
    citations: list[str] = Field(
        description="`path:line` of every call on the way, and what a model cites besides."
    )
    n_rejected_citations: int = Field(
        default=0, description="Places the model cited that are not on the path; left out."
    )
    candidates: list[SymbolResult]
    index: IndexStateResult


@tool(reads=["code"], profiles=[])
async def explain_code_path(
    call: ToolCall,
    from_symbol: SymbolName,
    to_symbol: SymbolName | None = None,
    question: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=1_000,
            description="Instead of to_symbol: what the code at the end of the path does.",
        ),
    ] = None,
    repo: RepositoryName | None = None,
) -> CodePathResult:
    """How one symbol leads to another: the shortest chain of calls, each with file and line.

    Give to_symbol, or a question that describes where the path should end. Steps are proven by
    the call graph and come with their code. The explanation is made from them; where a language
    model is installed it is prose, of which only what cites lines of the path is kept.
    """
    if to_symbol is None and question is None:
        raise InvalidArgumentError(
            "give `to_symbol` or `question`", remedy="name the end of the path, or describe it"
        )
    memory = call.service(Memory)
    start = await find_definitions(memory, from_symbol, repo)
    index = await index_state(memory, start.repository)
    if start.is_ambiguous:
        return _no_path(index, f"{from_symbol!r} is ambiguous", start.candidates)
    if to_symbol is not None:
        end = await find_definitions(memory, to_symbol, start.repository.name)
        if end.is_ambiguous:
            return _no_path(index, f"{to_symbol!r} is ambiguous", end.candidates)
        goals = [end.positions]
    else:
        goals = await _answers(call, start, question or "")
    # A function that is handed over (a callback, a thread's target) is reached by a reference.
    for kinds in (_CALLS, _CALLS_AND_REFERENCES):
        for goal in goals:
            relations = await asyncio.to_thread(
                shortest_path, start.graph, start.positions, goal, kinds=kinds
            )
            if relations is not None:
                return await _path_result(call, index, start, goal, relations, question)
    return _no_path(index, _why_no_path(start, to_symbol or question or ""), [])


async def _answers(call: ToolCall, start: Found, question: str) -> list[list[int]]:
    """Symbols that answer the question, the best first."""
    forbidden = tuple(call.forbidden_reads)
    query = CodeQuery(
        question, repo=start.repository.name, limit=TRIED_ANSWERS, forbidden=forbidden
    )
    found = await call.service(Memory).search.run(query)
    goals = []
    for hit in found.hits:
        goal = start.graph.find(f"{hit.chunk.path}:{hit.chunk.start_line}")
        if goal and goal != start.positions and hit.chunk.kind != "module":
            goals.append(goal)
    return goals


async def _path_result(
    call: ToolCall,
    index: IndexStateResult,
    start: Found,
    goal: list[int],
    relations: list[Relation],
    question: str | None,
) -> CodePathResult:
    definitions = start.graph.definitions
    first, last = definitions[start.positions[0]], definitions[goal[0]]
    excerpts = await read_excerpts(
        call.kernel.database,
        start.repository,
        start.graph,
        start.positions[0],
        relations,
        call.may_read,
    )
    steps = [_step(first, "the path starts here", excerpts[0])]
    for relation, excerpt in zip(relations, excerpts[1:], strict=True):
        steps.append(_step(definitions[relation.target], _why(start, relation), excerpt))
    result = CodePathResult(
        steps=steps,
        explanation=_facts(first, last, steps, excerpts),
        model=None,
        citations=[f"{relation.path}:{relation.line}" for relation in relations],
        candidates=[],
        index=index,
    )
    completer = call.kernel.find_service(Completer)  # type: ignore[type-abstract]
    if completer is not None:
        await _add_prose(completer, result, question)
    return result


async def _add_prose(completer: Completer, result: CodePathResult, question: str | None) -> None:
    spans = [Span(step.path, step.start_line, step.end_line) for step in result.steps]
    spans += [
        Span(step.code.path, step.code.start_line, step.code.end_line)
        for step in result.steps
        if step.code is not None
    ]
    asked = f"The question: {question}\n\n" if question is not None else ""
    prose = await write_prose(completer, f"{asked}{result.explanation}", spans)
    if prose is not None:
        result.explanation = prose.text
        result.model = prose.model
        result.citations = list(dict.fromkeys([*result.citations, *prose.citations]))
        result.n_rejected_citations = prose.n_rejected


def _why(start: Found, relation: Relation) -> str:
    verb = "called" if relation.kind in ("calls", "constructs") else "handed over"
    source = start.graph.definitions[relation.source].name
    return f"{verb} by {source} at {relation.path}:{relation.line} ({relation.tier})"


def _facts(
    first: Definition,
    last: Definition,
    steps: Sequence[StepResult],
    excerpts: Sequence[Excerpt | None],
) -> str:
    """The steps with their code as text; the same for the same index."""
    names = " -> ".join(step.symbol for step in steps)
    lines = [
        f"{first.qualified_name} reaches {last.qualified_name} in {len(steps) - 1} steps: {names}"
    ]
    for number, (step, excerpt) in enumerate(zip(steps, excerpts, strict=True), 1):
        place = f"{step.path}:{step.start_line}-{step.end_line}"
        lines.append(f"\n{number}. {step.symbol} ({place}): {step.why}")
        code = f"{excerpt.path}\n{excerpt.text()}" if excerpt is not None else _NO_CODE
        lines.append(code)
    return "\n".join(lines)


def _no_path(
    index: IndexStateResult, explanation: str, candidates: list[SymbolResult]
) -> CodePathResult:
    return CodePathResult(
        steps=[],
        explanation=explanation,
        model=None,
        citations=[],
        candidates=candidates,
        index=index,
    )


def _why_no_path(start: Found, end: str) -> str:
    name = start.graph.definitions[start.positions[0]].qualified_name
    return (
        f"no chain of resolved calls leads from {name} to {end!r}; calls on receivers of unknown "
        "type are not followed, so one may still exist"
    )


def _step(definition: Definition, why: str, excerpt: Excerpt | None) -> StepResult:
    place = place_of(definition)
    del place["kind"]
    code = None
    if excerpt is not None:
        code = CodeResult(
            path=excerpt.path,
            start_line=excerpt.start_line,
            end_line=excerpt.end_line,
            text="\n".join(excerpt.lines),
            redacted=excerpt.is_redacted,
        )
    return StepResult(**place, why=why, code=code)
