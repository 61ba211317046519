"""What plugins declare through hooks, collected and checked once, at start.

Above: the kernel. Below: pluggy. A declaration that cannot be used stops the start.
"""

from __future__ import annotations

from typing import Any

import pluggy

from agentos.errors import ConfigurationError
from agentos.middleware import Authorizer, Middleware, Wrapper
from agentos.tools import Tool


def flatten(answers: list[Any]) -> list[Any]:
    """The declarations of all plugins; None is "nothing of mine"."""
    return [item for answer in answers if answer is not None for item in answer]


def collect_tools(plugins: pluggy.PluginManager) -> dict[str, Tool]:
    """Every tool by name, sorted; ConfigurationError where two plugins claim a name."""
    tools: dict[str, Tool] = {}
    for tool in flatten(plugins.hook.register_tools()):
        if not isinstance(tool, Tool):
            raise ConfigurationError(
                f"register_tools of a plugin answered {tool!r}; declare it with @tool"
            )
        if tool.name in tools:
            raise ConfigurationError(f"two plugins claim the tool name {tool.name!r}; disable one")
        tools[tool.name] = tool
    return dict(sorted(tools.items()))


def wrappers_of(plugins: pluggy.PluginManager, tool: Tool) -> list[Wrapper]:
    """What the plugins wrap around one tool, in the order of their names."""
    wrappers: list[Wrapper] = []
    for answer in plugins.hook.wrap_tool_call(tool=tool):
        if answer is None:
            continue
        for wrapper in answer if isinstance(answer, list | tuple) else [answer]:
            if not isinstance(wrapper, Authorizer | Middleware):
                raise ConfigurationError(
                    f"wrap_tool_call of a plugin answered {type(wrapper).__name__} for "
                    f"{tool.name}; it must be an Authorizer or a Middleware"
                )
            wrappers.append(wrapper)
    return wrappers
