"""What plugins declare through hooks, collected and checked once, at start.

Above: the kernel. Below: pluggy. A declaration that cannot be used stops the start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import pluggy

from agentos.errors import ConfigurationError
from agentos.isolation.hooks import Isolation, implementations
from agentos.middleware import Authorizer, Middleware, Wrapper
from agentos.prompts import Prompt
from agentos.resources import Resource
from agentos.tools import Tool

T = TypeVar("T")
P = TypeVar("P", Resource, Prompt)


def flatten(answers: list[Any]) -> list[Any]:
    """The declarations of all plugins; None is "nothing of mine"."""
    return [item for answer in answers if answer is not None for item in answer]


@dataclass(frozen=True, slots=True)
class Declared:
    """What clients can reach, by name and sorted."""

    tools: dict[str, Tool]
    resources: dict[str, Resource]
    prompts: dict[str, Prompt]
    functions: dict[str, Tool]
    """All of it as the functions that pipelines run: tools, resources, prompts, completions."""


def collect_functions(plugins: pluggy.PluginManager) -> Declared:
    """Everything plugins publish; ConfigurationError where two claim one name or URI."""
    tools: list[Tool] = _declared(plugins.hook.register_tools(), "register_tools", Tool, "@tool")
    resources: list[Resource] = _declared(
        plugins.hook.register_resources(), "register_resources", Resource, "@resource"
    )
    prompts: list[Prompt] = _declared(
        plugins.hook.register_prompts(), "register_prompts", Prompt, "@prompt"
    )
    try:
        return arrange(tools, resources, prompts)
    except ValueError as error:
        raise ConfigurationError(f"{error}; disable one") from None


def arrange(
    tools: Sequence[Tool], resources: Sequence[Resource], prompts: Sequence[Prompt]
) -> Declared:
    """All of it by name; ValueError where two plugins claim one name or URI."""
    _refuse_second_uri(resources)
    functions: dict[str, Tool] = {}
    for function in chain(tools, _functions_of(resources), _functions_of(prompts)):
        if function.name in functions:
            raise ValueError(f"two plugins claim the {function.surface} name {function.name!r}")
        functions[function.name] = function
    return Declared(
        tools={each.name: each for each in sorted(tools, key=lambda tool: tool.name)},
        resources=_by_name(resources),
        prompts=_by_name(prompts),
        functions=functions,
    )


def _declared(answers: list[Any], hook: str, kind: type[T], decorator: str) -> list[T]:
    found = flatten(answers)
    for each in found:
        if not isinstance(each, kind):
            raise ConfigurationError(
                f"{hook} of a plugin answered {each!r}; declare it with {decorator}"
            )
    return found


def _refuse_second_uri(resources: Sequence[Resource]) -> None:
    forms = Counter(each.uri.template for each in resources)
    for uri, count in forms.items():
        if count > 1:
            raise ValueError(f"two plugins claim the resource {uri!r}")


def _functions_of(declared: Iterable[Resource | Prompt]) -> Iterator[Tool]:
    for each in declared:
        yield each.function
        yield from each.completions.values()
        if isinstance(each, Resource) and each.listing is not None:
            yield each.listing


def _by_name(declared: Iterable[P]) -> dict[str, P]:
    return {each.function.name: each for each in sorted(declared, key=_name_of)}


def _name_of(declared: Resource | Prompt) -> str:
    return declared.function.name


def wrappers_of(plugins: pluggy.PluginManager, tool: Tool, isolation: Isolation) -> list[Wrapper]:
    """What the plugins wrap around one tool, within its limits, in the order of their names."""
    wrappers: list[Wrapper] = []
    for plugin, wrap in implementations(plugins, "wrap_tool_call"):
        answer = wrap(tool=tool)
        if answer is None:
            continue
        for wrapper in answer if isinstance(answer, list | tuple) else [answer]:
            if not isinstance(wrapper, Authorizer | Middleware):
                raise ConfigurationError(
                    f"wrap_tool_call of a plugin answered {type(wrapper).__name__} for "
                    f"{tool.name}; it must be an Authorizer or a Middleware"
                )
            wrappers.append(isolation.wrap(plugin, wrapper))
    return wrappers
