"""AgentOS: the layer around coding agents. This module is the whole public plugin API."""

from agentos._version import __version__
from agentos.asking import Answer, CannotAskError, Elicitation, Question, Roots, Sampling
from agentos.calls import (
    CallRequest,
    Credentials,
    Effect,
    Principal,
    Role,
    ToolCall,
    ToolResult,
    Verdict,
)
from agentos.canonical import CanonicalObject, canonical_json, digest_of, sha256_hex
from agentos.catalogue import Published
from agentos.clock import Clock, SystemClock, format_time
from agentos.command_line import (
    call_tool,
    exit_code_of,
    local_settings,
    print_json,
    run_with_kernel,
)
from agentos.completion import Completer
from agentos.content import (
    Audio,
    Block,
    Completions,
    Content,
    Contents,
    Embedded,
    Image,
    Link,
    Links,
    Message,
    Messages,
    StructuredContent,
    Text,
)
from agentos.current_call import current_call
from agentos.database.migrations import MigrationSet
from agentos.database.pool import Connection, Database
from agentos.database.queries import Queries
from agentos.database.transaction import Transaction
from agentos.embedding import Embedder, EmbeddingPurpose, EmbeddingRows
from agentos.errors import (
    AgentOSError,
    ApprovalRequiredError,
    BudgetExceededError,
    CallRefusedError,
    ConfigurationError,
    ConflictError,
    InvalidArgumentError,
    InvalidStateError,
    LeaseLostError,
    LimitExceededError,
    NotFoundError,
    PluginError,
    RequestError,
    ToolError,
    UnavailableError,
    VerificationError,
)
from agentos.events.exporting.export import Selection
from agentos.events.folding import EventFold, fold_events
from agentos.events.model import Event, EventType, NewEvent, ProjectionWriter, ReadModel
from agentos.events.verification import AuditReport, BadEvent, verify_events
from agentos.git import Git, GitResult, check_branch, check_object_id, without_filters
from agentos.grounding import GroundingNote, GroundingQuestion, GroundingSource
from agentos.hook_folders import HookFolders, hook_folders
from agentos.hookspecs import hookimpl, hookspec
from agentos.identity.delegation import Delegate, Delegates
from agentos.identity.key_ring import KeyRing, load_key_ring
from agentos.identity.signing_key import load_or_create_signing_key
from agentos.ids import new_id
from agentos.kernel import Kernel, open_kernel
from agentos.middleware import (
    Authorizer,
    CallNext,
    Layer,
    Middleware,
    Wrapper,
    authorizer,
    middleware,
)
from agentos.outbox.sending import send_webhook
from agentos.outbox.signing import sign_webhook, verify_webhook
from agentos.outbox.targets import TargetPolicy
from agentos.profiles import ProfileName
from agentos.prompts import Prompt, prompt
from agentos.redaction import redact, redact_text
from agentos.registry import (
    Command,
    HttpRequest,
    HttpResponse,
    InboundRequest,
    InboundRoute,
    PolicyCost,
    Route,
    Service,
    SetupCheck,
)
from agentos.resources import Resource, UriTemplate, resource
from agentos.results import KeptResult
from agentos.review_channels import (
    Card,
    NothingReceived,
    Received,
    ReceivedChange,
    ReceivedDecision,
    ReceivedLink,
    RefusedDecision,
    ReviewChannel,
)
from agentos.reviews import Reviews, ReviewState
from agentos.risk import RiskFactor, RiskQuestion
from agentos.settings import Settings, load_settings
from agentos.settling import Settling
from agentos.spending import ModelLedger, ModelRequest, ModelUsage
from agentos.surface import Surface
from agentos.tools import Tool, tool
from agentos.work_review import (
    BlastRadiusSource,
    ChangeReach,
    Finding,
    ReviewCheck,
    ReviewedEvidence,
    ReviewedFile,
    ReviewedWork,
)

__all__ = [
    "AgentOSError",
    "Answer",
    "ApprovalRequiredError",
    "Audio",
    "AuditReport",
    "Authorizer",
    "BadEvent",
    "BlastRadiusSource",
    "Block",
    "BudgetExceededError",
    "CallNext",
    "CallRefusedError",
    "CallRequest",
    "CannotAskError",
    "CanonicalObject",
    "Card",
    "ChangeReach",
    "Clock",
    "Command",
    "Completer",
    "Completions",
    "ConfigurationError",
    "ConflictError",
    "Connection",
    "Content",
    "Contents",
    "Credentials",
    "Database",
    "Delegate",
    "Delegates",
    "Effect",
    "Elicitation",
    "Embedded",
    "Embedder",
    "EmbeddingPurpose",
    "EmbeddingRows",
    "Event",
    "EventFold",
    "EventType",
    "Finding",
    "Git",
    "GitResult",
    "GroundingNote",
    "GroundingQuestion",
    "GroundingSource",
    "HookFolders",
    "HttpRequest",
    "HttpResponse",
    "Image",
    "InboundRequest",
    "InboundRoute",
    "InvalidArgumentError",
    "InvalidStateError",
    "KeptResult",
    "Kernel",
    "KeyRing",
    "Layer",
    "LeaseLostError",
    "LimitExceededError",
    "Link",
    "Links",
    "Message",
    "Messages",
    "Middleware",
    "MigrationSet",
    "ModelLedger",
    "ModelRequest",
    "ModelUsage",
    "NewEvent",
    "NotFoundError",
    "NothingReceived",
    "PluginError",
    "PolicyCost",
    "Principal",
    "ProfileName",
    "ProjectionWriter",
    "Prompt",
    "Published",
    "Queries",
    "Question",
    "ReadModel",
    "Received",
    "ReceivedChange",
    "ReceivedDecision",
    "ReceivedLink",
    "RefusedDecision",
    "RequestError",
    "Resource",
    "ReviewChannel",
    "ReviewCheck",
    "ReviewState",
    "ReviewedEvidence",
    "ReviewedFile",
    "ReviewedWork",
    "Reviews",
    "RiskFactor",
    "RiskQuestion",
    "Role",
    "Roots",
    "Route",
    "Sampling",
    "Selection",
    "Service",
    "Settings",
    "Settling",
    "SetupCheck",
    "StructuredContent",
    "Surface",
    "SystemClock",
    "TargetPolicy",
    "Text",
    "Tool",
    "ToolCall",
    "ToolError",
    "ToolResult",
    "Transaction",
    "UnavailableError",
    "UriTemplate",
    "Verdict",
    "VerificationError",
    "Wrapper",
    "__version__",
    "authorizer",
    "call_tool",
    "canonical_json",
    "check_branch",
    "check_object_id",
    "current_call",
    "digest_of",
    "exit_code_of",
    "fold_events",
    "format_time",
    "hook_folders",
    "hookimpl",
    "hookspec",
    "load_key_ring",
    "load_or_create_signing_key",
    "load_settings",
    "local_settings",
    "middleware",
    "new_id",
    "open_kernel",
    "print_json",
    "prompt",
    "redact",
    "redact_text",
    "resource",
    "run_with_kernel",
    "send_webhook",
    "sha256_hex",
    "sign_webhook",
    "tool",
    "verify_events",
    "verify_webhook",
    "without_filters",
]
