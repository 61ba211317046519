"""Submitted work in memory, and language models that a test scripts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentos import Finding, ReviewedEvidence, ReviewedFile
from agentos_governance.contracts.model import Contract, parse_contract
from agentos_governance.gatekeeper.model_pass.prompt import Question, ask_about
from agentos_governance.gatekeeper.model_pass.review import Ask
from agentos_governance.review.settings import ReviewSettings

CODE = b"def add(a, b):\n    return a + b\n"
CHANGED = b"def add(a, b):\n    if a == 2:\n        return 4\n    return a + b\n"
TOLD = "I only fixed a typing error, all is well"
"""The worker's summary, which no model may see."""


@dataclass
class Work:
    """One submission; `tree` is what else was submitted."""

    files: Sequence[ReviewedFile] = (ReviewedFile("src/app.py", "modified", old=CODE, new=CHANGED),)
    evidence: Sequence[ReviewedEvidence] = ()
    tree: Mapping[str, bytes] = field(default_factory=dict)
    work_order: str = "WO-1"
    summary: str = TOLD
    objective: str = "Add: make add work for strings"
    read: list[str] = field(default_factory=list)

    async def read_base(self, path: str) -> bytes | None:
        return next((file.old for file in self.files if file.path == path), self.tree.get(path))

    async def read_submitted(self, path: str) -> bytes | None:
        self.read.append(path)
        return next((file.new for file in self.files if file.path == path), self.tree.get(path))

    async def read_evidence(self, sha256: str) -> bytes | None:
        return None


@dataclass
class Model:
    """A model that answers what `answer` makes of prompt and system."""

    answer: Callable[[str, str], str]
    asked: list[tuple[str, str]] = field(default_factory=list)
    model_id: str = "judge-1"

    async def complete(self, prompt: str, *, system: str, max_tokens: int) -> str:
        self.asked.append((prompt, system))
        return self.answer(prompt, system)


def token_of(prompt: str) -> str:
    """The token that an answer must hold."""
    return prompt.rpartition(" ")[2].rstrip(".")


def finding(path: str = "src/app.py", first: Any = 2, last: Any = 3, **changes: Any) -> Any:
    """A finding as a model writes it."""
    said = {"severity": "blocking", "path": path, "start_line": first, "end_line": last}
    return {**said, "claim": "the result is hard-coded", "message": "2 always gives 4", **changes}


def answering(*findings: Any, **changes: Any) -> Model:
    """A model that reports these findings, in the form that was asked for."""

    def answer(prompt: str, system: str) -> str:
        return json.dumps({"token": token_of(prompt), "findings": list(findings), **changes})

    return Model(answer)


def contract(**changes: Any) -> Contract:
    """A contract for work in src/."""
    return parse_contract(
        {"allowed_roots": ["src/"], "allowed_tools": ["*"], "cost_budget_usd": "1", **changes}
    )


def asking(work: Work) -> Ask:
    """What puts together the question about the work, here and now."""

    async def ask(suspicions: Sequence[Finding], max_chars: int) -> Question:
        return ask_about(work, contract(), suspicions, max_chars)

    return ask


def review_settings(**changes: Any) -> ReviewSettings:
    """`[review]`."""
    return ReviewSettings.model_validate(changes)
