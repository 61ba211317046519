"""What an approval is bound to: who asks for which call, under which contracts and policy.

Above: asking. Below: canonical JSON. Another argument, worker, contract version or policy gives
another binding, and so another question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentos import ToolCall, digest_of
from agentos_governance.authority.mandate import Mandate


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked about: a tool call, or an action of a client's own tool."""

    tool: str
    arguments: Mapping[str, Any]
    arguments_sha256: str

    @classmethod
    def of_call(cls, call: ToolCall) -> Subject:
        """The call itself."""
        return cls(call.tool.name, call.arguments, call.arguments_sha256)

    @classmethod
    def of_action(cls, tool: str, action: Mapping[str, Any]) -> Subject:
        """An action that a client asks about; `action` is all of it that was judged."""
        return cls(tool, action, digest_of(dict(action)))


@dataclass(frozen=True, slots=True)
class Binding:
    """Everything that must be equal for an approval to hold."""

    worker: str
    person: str | None
    work_order: str | None
    contract_versions: Sequence[Sequence[str]]
    policy_hash: str | None
    subject: Subject
    is_action: bool
    leads_to: Sequence[str] = ()
    """What the call touches, links followed: a link may lead elsewhere once it is approved."""

    @property
    def key(self) -> str:
        """Equal for equal questions; SHA-256 in hexadecimal."""
        return digest_of(
            {
                "worker": self.worker,
                "person": self.person,
                "work_order": self.work_order,
                "contract_versions": [list(pair) for pair in self.contract_versions],
                "policy_hash": self.policy_hash,
                "tool": self.subject.tool,
                "arguments_sha256": self.subject.arguments_sha256,
                "is_action": self.is_action,
                "leads_to": list(self.leads_to),
            }
        )


def bind(
    call: ToolCall,
    subject: Subject | None,
    mandate: Mandate | None,
    policy_hash: str | None,
    leads_to: Sequence[str] = (),
) -> Binding:
    """The binding of a call, or of the action it asks about."""
    return Binding(
        call.principal.name,
        call.principal.person,
        mandate.own.work_order if mandate is not None else call.work_order,
        mandate.versions if mandate is not None else (),
        policy_hash,
        subject or Subject.of_call(call),
        subject is not None,
        leads_to,
    )
