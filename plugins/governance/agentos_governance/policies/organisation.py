"""The organisation's policies: files that are re-read when they change, and refuse while broken.

Above: the service of policies in force. Below: the file system, layers. What does not parse, or
is gone although it was there, refuses every call until it is repaired: no rules is never what a
broken edit means.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from agentos import CallRefusedError, ConfigurationError, InvalidArgumentError, Settings
from agentos_governance.policies.layers import Layer
from agentos_governance.policies.texts import (
    MAX_FILES,
    MAX_LAYER_BYTES,
    SUFFIX,
    PolicyCompiler,
    PolicyText,
    digest_of_texts,
)

NAME = "organisation"
DEFAULT_FOLDER = "policy"
CHECK_EVERY_S = 1.0

_Signature = tuple[tuple[str, int, int, int], ...]
_UNREAD: _Signature = ()
_log = structlog.get_logger(__name__)


class OrganisationPolicies:
    """The organisation's layer, as its files say at most a second ago.

    Raises ConfigurationError where they cannot be used at the start.
    """

    def __init__(self, settings: Settings, compiler: PolicyCompiler) -> None:
        self.path = settings.policy or settings.home / DEFAULT_FOLDER
        self.check_every_s = CHECK_EVERY_S
        self._compiler = compiler
        self._layer: Layer | None = None
        self._problem: str | None = None
        self._digest = ""
        self._signature: _Signature | None = _UNREAD
        self._must_be_there = settings.policy is not None
        self._checked_at = time.monotonic()
        self._checking = asyncio.Lock()
        self._is_started = False
        self._load()
        self._is_started = True
        if self._problem is not None:
            raise ConfigurationError(f"the organisation's policy cannot be used: {self._problem}")

    async def layer(self) -> Layer | None:
        """The layer in force; None where the organisation has no policy.

        Raises CallRefusedError while its files cannot be used.
        """
        if time.monotonic() - self._checked_at >= self.check_every_s:
            async with self._checking:
                if time.monotonic() - self._checked_at >= self.check_every_s:
                    await asyncio.to_thread(self._load)
                    self._checked_at = time.monotonic()
        if self._problem is not None:
            raise CallRefusedError(
                f"the organisation's policy cannot be used, so nothing is allowed: {self._problem}",
                rule=NAME,
                remedy=f"repair {self.path}; `agentos policy check` says what is wrong",
            )
        return self._layer

    def _load(self) -> None:
        """Read the files again where they changed; never raises."""
        try:
            signature = _signature_of(self.path)
            if signature == self._signature:
                return
            texts = None if signature is None else read_texts(self.path)
            if signature is None and self._must_be_there:
                raise InvalidArgumentError(f"{self.path} is not there")
            self._use(texts or ())
            # A change between the two leaves a signature that the next check finds different.
            self._signature = signature
        except (OSError, UnicodeDecodeError, InvalidArgumentError) as error:
            self._signature = _UNREAD
            message = str(error)
            if self._is_started and message != self._problem:
                _log.error("organisation_policy_broken", path=str(self.path), problem=message)
            self._problem = message

    def _use(self, texts: Sequence[PolicyText]) -> None:
        digest = digest_of_texts(texts)
        if digest != self._digest:
            policies = self._compiler.compile_all(texts)
            self._layer = Layer(NAME, NAME, policies) if policies else None
            self._digest = digest
            if self._is_started:
                _log.info("organisation_policy_loaded", path=str(self.path), files=len(texts))
        self._problem = None
        self._must_be_there = self._must_be_there or bool(texts)


def read_texts(path: Path) -> list[PolicyText]:
    """A policy file, or those `*.policy` in a folder, sorted by name.

    Raises OSError, UnicodeDecodeError, and InvalidArgumentError for more than a layer may hold.
    """
    files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if len(files) > MAX_FILES or sum(file.stat().st_size for file in files) > MAX_LAYER_BYTES:
        raise InvalidArgumentError(
            f"{path} holds more than {MAX_FILES} policy files, or {MAX_LAYER_BYTES} bytes of them"
        )
    return [PolicyText(file.name, file.read_text(encoding="utf-8")) for file in files]


def _signature_of(path: Path) -> _Signature | None:
    """What changes when a file does; None where nothing is there."""
    if not path.exists():
        return None
    files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
    found = [(file.name, file.stat()) for file in files]
    return tuple((name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in found) or (
        ("", 0, 0, 0),
    )
