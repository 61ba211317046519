"""The fabric plugin: a language model for the other plugins, at an endpoint of choice.

Above: the kernel loads it through the entry point `fabric`. Below: this package. Without
`[fabric.completer]`, or without the package `openai`, it provides nothing and says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import structlog

from agentos import Completer, Kernel, Service, Settings, SetupCheck, hookimpl
from agentos_fabric.completer import EndpointCompleter
from agentos_fabric.settings import CompleterSettings, parse_completer_settings

INSTALL = "pip install 'agentos[models]'"

_log = structlog.get_logger(__name__)


@hookimpl
def register_services() -> Sequence[Service]:
    return [Service(Completer, _make_completer)]


@hookimpl(optionalhook=True)
def register_price_tables(kernel: Kernel) -> Sequence[Mapping[str, Any]]:
    settings = parse_completer_settings(kernel.settings.fabric)
    if settings is None or settings.prices is None:
        return []
    return [settings.prices.document(settings.model)]


@hookimpl
def check_setup(settings: Settings) -> Sequence[SetupCheck]:
    found = parse_completer_settings(settings.fabric)
    if found is None:
        detail = "no model is configured ([fabric.completer]); answers are made from facts alone"
        return [SetupCheck("fabric", True, detail)]
    where = f"{found.model} at {found.url}"
    if not _has_client():
        return [SetupCheck("fabric", False, f"{where}: the package openai is missing", INSTALL)]
    return [SetupCheck("fabric", True, f"{where}, {_key_state(found)}")]


@hookimpl
def shutdown(kernel: Kernel) -> Callable[[], Awaitable[None]] | None:
    completer = kernel.find_service(Completer)  # type: ignore[type-abstract]
    return completer.close if isinstance(completer, EndpointCompleter) else None


def _make_completer(kernel: Kernel) -> EndpointCompleter | None:
    settings = parse_completer_settings(kernel.settings.fabric)
    if settings is None:
        return None
    if not _has_client():
        _log.warning(
            "completer_not_available", reason="the package openai is missing", remedy=INSTALL
        )
        return None
    # A key file that will not do stops the start, not the first answer.
    return EndpointCompleter(kernel, settings, settings.api_key())


def _has_client() -> bool:
    return find_spec("openai") is not None


def _key_state(settings: CompleterSettings) -> str:
    if settings.api_key() is None:
        return f"without a key ({settings.api_key_env} is not set)"
    return f"with the key in {settings.api_key_file or settings.api_key_env}"
