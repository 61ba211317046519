"""Which tools a client is shown: a profile for each kind of work, small enough to choose from.

Above: the MCP edge lists by it, `agentos doctor` measures it. Below: roles. A profile is no
authority: whatever it leaves out may still be called by whoever may call it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, get_args

from agentos.calls import Principal, Role
from agentos.errors import InvalidArgumentError

if TYPE_CHECKING:
    from agentos.tools import Tool

ProfileName = Literal["worker", "reviewer", "planner", "admin", "bot"]
"""What a tool may name as a place where it is listed."""

ALL = "all"
"""Shows every tool, for clients that search tools instead of reading all of them."""

AnyProfile = Literal["worker", "reviewer", "planner", "admin", "bot", "all"]
"""What a caller may be shown."""

LISTABLE: tuple[str, ...] = get_args(ProfileName)
PROFILES: tuple[str, ...] = get_args(AnyProfile)

_OF_ROLE = {
    Role.WORKER: "worker",
    Role.REVIEWER: "reviewer",
    Role.BOT: "bot",
    Role.PLANNER: "planner",
    Role.ADMIN: "admin",
}
_WITHIN = {
    "worker": {"worker"},
    "reviewer": {"reviewer", "worker"},
    "planner": {"planner", "worker"},
    "bot": {"bot"},
    "admin": set(LISTABLE),
    ALL: set(PROFILES),
}


def profile_of(principal: Principal) -> str:
    """What a caller is shown: what its token was made for, else what fits its role."""
    return principal.profile or _OF_ROLE[principal.role]


def narrowed(profile: str, wanted: str | None) -> str:
    """`wanted` where `profile` has it within; InvalidArgumentError where it would show more."""
    if wanted is None:
        return profile
    if wanted not in _WITHIN[profile]:
        known = ", ".join(name for name in PROFILES if name in _WITHIN[profile])
        raise InvalidArgumentError(
            f"the profile {wanted[:40]!r} is not within {profile!r}; this caller may ask for: "
            f"{known}",
            remedy="ask an admin for `agentos token create --profile NAME`",
        )
    return wanted


def check_profile(name: str) -> str:
    """`name`, where it is a profile; InvalidArgumentError where not."""
    if name not in PROFILES:
        raise InvalidArgumentError(
            f"profile must be one of {', '.join(PROFILES)}, got {name[:40]!r}"
        )
    return name


def is_listed(tool: Tool, profile: str) -> bool:
    """Whether `profile` shows the tool; one that names no profiles is in each of them."""
    return profile == ALL or tool.profiles is None or profile in tool.profiles


def listed(tools: Iterable[Tool], profile: str) -> list[Tool]:
    """What `profile` shows, sorted by name, so that a listing never changes by itself."""
    return sorted((each for each in tools if is_listed(each, profile)), key=_name_of)


def _name_of(tool: Tool) -> str:
    return tool.name
