"""Method names of built-in and everyday library types, which say nothing about a receiver."""

from __future__ import annotations

BUILTIN_TYPES: tuple[type, ...] = (str, bytes, list, dict, set, frozenset, int, float, tuple)

# Files, paths, patterns, loggers, threads, queues, clocks, sockets; arrays and maps of JavaScript.
LIBRARY_METHODS = frozenset({
    "acquire", "cache_clear", "close", "connect", "debug", "error", "exception", "execute",
    "exists", "fetch", "flush", "group", "groups", "info", "is_dir", "is_file", "match", "mkdir",
    "now", "open", "parse", "put", "read", "recv", "release", "run", "search", "send", "set",
    "start", "stop", "submit", "today", "unlink", "utcnow", "wait", "warn", "warning", "write",
    "apply", "bind", "call", "catch", "concat", "entries", "every", "filter", "finally", "find",
    "forEach", "has", "includes", "map", "push", "reduce", "shift", "slice", "some", "splice",
    "test", "then", "toString", "trim", "unshift",
})  # fmt: skip

BUILTIN_METHODS = LIBRARY_METHODS.union(*(dir(each) for each in BUILTIN_TYPES))
