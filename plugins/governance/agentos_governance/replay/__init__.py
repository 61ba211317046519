"""Replay of a work order: its events folded from nothing, its calls served as recorded.

Above: `agentos replay`. Below: the kernel's fold and the results that it kept. Levels, and what is
never done: docs/audit.md. Nothing here writes but re-executed reads, which are calls like any.
"""
