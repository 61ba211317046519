"""Policy texts and how they come to be compiled: names, modes, sizes, a cache by content.

Above: the organisation's and the repository's sources, contracts. Below: the rule language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from agentos import InvalidArgumentError, sha256_hex
from agentos_governance.rules import CompiledPolicy, Schema, compile_policy, parse_policy

SUFFIX = ".policy"
SHADOW_SUFFIX = ".shadow.policy"
MAX_FILES = 50
MAX_LAYER_BYTES = 256 * 1024
"""Of all files of a layer together."""
MAX_COMPILED = 500
_MODES = ("enforce", "shadow")


@dataclass(frozen=True, slots=True)
class PolicyText:
    """One policy as it was found; `name` is its file name, unique in its layer."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A compiled policy of a layer; what is in shadow is evaluated and recorded, never enforced."""

    name: str
    compiled: CompiledPolicy
    is_shadow: bool


class PolicyCompiler:
    """Compiles policies against one schema, each text once. Safe for several threads."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._compiled = lru_cache(MAX_COMPILED)(self._compile)

    def compile_all(self, texts: Sequence[PolicyText]) -> tuple[NamedPolicy, ...]:
        """Every text compiled, in order; PolicyError with the position of the first problem."""
        if len(texts) > MAX_FILES:
            raise InvalidArgumentError(f"a layer has at most {MAX_FILES} policy files")
        if sum(len(each.text.encode("utf-8", "replace")) for each in texts) > MAX_LAYER_BYTES:
            raise InvalidArgumentError(
                f"the policies of a layer have at most {MAX_LAYER_BYTES} bytes together"
            )
        return tuple(
            NamedPolicy(each.name, self._compiled(each.name, each.text), is_shadow(each))
            for each in texts
        )

    def _compile(self, name: str, text: str) -> CompiledPolicy:
        return compile_policy(parse_policy(text, source=name), self.schema)


def is_shadow(policy: PolicyText) -> bool:
    """Whether the file's name or its first comment lines (`# mode: shadow`) say so.

    Raises InvalidArgumentError for a mode that does not exist: a misspelt one must not enforce.
    """
    if policy.name.endswith(SHADOW_SUFFIX):
        return True
    for line in policy.text.splitlines():
        words = line.strip()
        if words and not words.startswith("#"):
            return False
        key, colon, mode = words.lstrip("# ").partition(":")
        if colon and key.strip() == "mode":
            if mode.strip() not in _MODES:
                raise InvalidArgumentError(
                    f"{policy.name}: `# mode:` is one of {', '.join(_MODES)}, not {mode.strip()!r}"
                )
            return mode.strip() == "shadow"
    return False


def digest_of_texts(texts: Sequence[PolicyText]) -> str:
    """The same for the same files with the same content."""
    return sha256_hex(repr([(each.name, each.text) for each in texts]).encode())
