"""Every error AgentOS raises on purpose.

    AgentOSError                  code + message: what happened, which limit, what to do next
    |-- ToolError                 the model can act on it -> a result with isError
    |   |-- InvalidArgumentError, NotFoundError, ConflictError, InvalidStateError
    |   |-- LimitExceededError, LeaseLostError, UnavailableError
    |   `-- CallRefusedError      rule, contract version, remedy; every refusal is an event
    |       |-- ApprovalRequiredError
    |       `-- BudgetExceededError
    |-- RequestError              no model can fix it (unauthenticated, forged) -> protocol error
    |-- PluginError               our bug or a plugin's -> fail closed
    |-- ConfigurationError        at start: one line on stderr, exit code 2
    `-- VerificationError         an audit chain, read model or packet does not verify; exit code 4

`ToolError.code` is one of the codes of INTERFACE section 2; clients switch on it.
"""

from __future__ import annotations

from typing import Any, ClassVar


class AgentOSError(Exception):
    """Base of all deliberate errors; `code` is stable, `message` is for people and models."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ToolError(AgentOSError):
    """A failure the caller can act on; becomes a tool result with `isError`."""

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy

    def to_error(self) -> dict[str, Any]:
        """The `error` object of a refused or failed result, without absent fields."""
        fields: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.remedy is not None:
            fields["remedy"] = self.remedy
        return fields


class InvalidArgumentError(ToolError):
    """An argument is unknown, missing, of the wrong type or out of range; the message names it."""

    code = "invalid_argument"


class NotFoundError(ToolError):
    """Nothing has that id, name or path."""

    code = "not_found"


class ConflictError(ToolError):
    """Somebody else changed it first, or the same key came with other arguments."""

    code = "conflict"


class InvalidStateError(ToolError):
    """The thing exists but is not in a state that allows this."""

    code = "invalid_state"


class LimitExceededError(ToolError):
    """A documented limit was reached; the message names the limit and its value."""

    code = "limit_exceeded"


class LeaseLostError(ToolError):
    """The caller's lease on the work order expired or was taken over."""

    code = "lease_lost"


class UnavailableError(ToolError):
    """Something the call needs (the database, a deadline) is not there now; a retry may work."""

    code = "unavailable"


class CallRefusedError(ToolError):
    """The call is not allowed; `rule` says by what, `contract_version` by which contract."""

    code = "call_refused"

    def __init__(
        self,
        message: str,
        *,
        rule: str,
        contract_version: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.rule = rule
        self.contract_version = contract_version

    def to_error(self) -> dict[str, Any]:
        fields = super().to_error()
        fields["rule"] = self.rule
        if self.contract_version is not None:
            fields["contract_version"] = self.contract_version
        return fields


class ApprovalRequiredError(CallRefusedError):
    """A person must approve first; the identical call may be repeated after the review."""

    code = "approval_required"

    def __init__(
        self,
        message: str,
        *,
        rule: str,
        review_id: str | None = None,
        contract_version: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message, rule=rule, contract_version=contract_version, remedy=remedy)
        self.review_id = review_id

    def to_error(self) -> dict[str, Any]:
        fields = super().to_error()
        if self.review_id is not None:
            fields["review_id"] = self.review_id
        return fields


class BudgetExceededError(CallRefusedError):
    """The call would spend more than a budget allows; `retry_after_s` says when there is room."""

    code = "budget_exceeded"

    def __init__(
        self,
        message: str,
        *,
        rule: str,
        contract_version: str | None = None,
        remedy: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, rule=rule, contract_version=contract_version, remedy=remedy)
        self.retry_after_s = retry_after_s

    def to_error(self) -> dict[str, Any]:
        fields = super().to_error()
        if self.retry_after_s is not None:
            fields["retry_after_s"] = round(self.retry_after_s, 3)
        return fields


class RequestError(AgentOSError):
    """The request itself is unacceptable (bad token, forged header); no model can repair it."""

    code = "unauthenticated"


class InsufficientScopeError(RequestError):
    """The caller is known, and its access token gives it no role here."""

    code = "insufficient_scope"


class PluginError(AgentOSError):
    """A plugin, or the kernel itself, broke its own promise; the call fails closed."""

    code = "internal"


class ConfigurationError(AgentOSError):
    """The server cannot start like this; printed as one line, exit code 2."""

    code = "configuration"


class VerificationError(AgentOSError):
    """Something that should verify does not; exit code 4."""

    code = "verification_failed"
