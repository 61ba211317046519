"""Which Go files a build takes together: file names and build constraints."""

from __future__ import annotations

import re

SYSTEMS = frozenset({
    "aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux",
    "nacl", "netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows", "zos",
})  # fmt: skip
ARCHITECTURES = frozenset({
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64",
    "ppc64le", "riscv64", "s390x", "sparc64", "wasm",
})  # fmt: skip
# What most builds and every language server take.
DEFAULT_TAGS = frozenset({"linux", "amd64", "unix", "cgo", "gc"})
_TOKEN = re.compile(r"&&|\|\||[!()]|[\w.]+")


def variant_of(path: str, constraint: str) -> str:
    """What tells a file's build apart from others; "" for a file of every build."""
    return " && ".join([*_name_tags(path), *([constraint] if constraint else [])])


def is_default_build(variant: str) -> bool:
    """Whether a build for Linux on amd64 without extra tags takes files of this variant."""
    return not variant or _Constraint(variant).holds()


def _name_tags(path: str) -> list[str]:
    stem = path.rsplit("/", 1)[-1].removesuffix(".go").removesuffix("_test")
    *_, system, architecture = ["", "", *stem.split("_")[1:]]
    if architecture in ARCHITECTURES:
        return [system, architecture] if system in SYSTEMS else [architecture]
    return [architecture] if architecture in SYSTEMS else []


class _Constraint:
    """`a && (b || !c)` over the default tags; a broken constraint holds."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._position = 0

    def holds(self) -> bool:
        return self._any()

    def _next(self) -> str:
        token = self._tokens[self._position] if self._position < len(self._tokens) else ""
        self._position += 1
        return token

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _any(self) -> bool:
        holds = self._all()
        while self._peek() == "||":
            self._next()
            holds = self._all() or holds
        return holds

    def _all(self) -> bool:
        holds = self._one()
        while self._peek() == "&&":
            self._next()
            holds = self._one() and holds
        return holds

    def _one(self) -> bool:
        token = self._next()
        if token == "!":
            return not self._one()
        if token == "(":
            holds = self._any()
            self._next()
            return holds
        return token in DEFAULT_TAGS or token.startswith("go1") or not token
