"""The rows of an answer as they are found: projected at once, counted, cut, sorted.

Holds values of columns only, at most MAX_VALUES of them, and no more rows than an answer without
order can show. Above: execution. Below: the query's form.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentos_memory.knowledge.query_form import Property, Query, Value

MAX_VALUES = 100_000


class QueryTable:
    """The columns of a query's answer; rows that differ in counts only are counted as one."""

    def __init__(self, query: Query) -> None:
        self.wanted: Sequence[Property] = [
            item.property for item in query.items if item.property is not None
        ]
        self.is_over = False
        self._query = query
        self._counts = any(item.is_count for item in query.items)
        self._is_sorted = bool(query.order)
        self._n_wanted = query.skip + query.limit
        self._n_values = 0
        self._listed: list[tuple[Value, ...]] = []
        self._distinct: dict[tuple[Value, ...], None] = {}
        self._groups: dict[tuple[Value, ...], list[int | set[Value]]] = {}

    @property
    def is_full(self) -> bool:
        """Whether further rows cannot change what is shown, or may no longer be held."""
        if self.is_over:
            return True
        if self._counts or self._is_sorted:
            return False
        held = self._distinct if self._query.is_distinct else self._listed
        return len(held) > self._n_wanted

    def add(self, values: Sequence[Value]) -> None:
        """Take in one row: the values of `wanted`."""
        if self._counts:
            self._count(values)
        elif self._query.is_distinct:
            if tuple(values) not in self._distinct:
                self._hold(len(values))
                self._distinct[tuple(values)] = None
        else:
            self._hold(len(values))
            self._listed.append(tuple(values))

    def rows(self) -> tuple[list[tuple[Value, ...]], bool]:
        """The rows in order, and whether there are more than the query's limit shows."""
        table = self._counted() if self._counts else [*self._distinct, *self._listed]
        if self._query.is_distinct:
            table = list(dict.fromkeys(table))
        for position, descends in reversed(self._query.order):
            table.sort(key=lambda row: _sort_key(row[position]), reverse=descends)
        return table[self._query.skip : self._n_wanted], len(table) > self._n_wanted

    def _hold(self, n_values: int) -> None:
        self._n_values += n_values
        self.is_over = self._n_values > MAX_VALUES

    def _count(self, values: Sequence[Value]) -> None:
        given = iter(values)
        own = [None if item.property is None else next(given) for item in self._query.items]
        key = tuple(v for v, item in zip(own, self._query.items, strict=True) if not item.is_count)
        counted = self._groups.get(key)
        if counted is None:
            counted = self._groups[key] = self._start()
            self._hold(len(own))
        counts = [item for item in self._query.items if item.is_count]
        found = [v for v, item in zip(own, self._query.items, strict=True) if item.is_count]
        for n, (item, value) in enumerate(zip(counts, found, strict=True)):
            held = counted[n]
            if isinstance(held, set):
                if value is not None and value not in held:
                    self._hold(1)
                    held.add(value)
            else:
                counted[n] = held + (item.property is None or value is not None)

    def _start(self) -> list[int | set[Value]]:
        return [
            set[Value]() if item.is_distinct else 0 for item in self._query.items if item.is_count
        ]

    def _counted(self) -> list[tuple[Value, ...]]:
        if not self._groups and all(item.is_count for item in self._query.items):
            self._groups[()] = self._start()
        return [self._row(key, counts) for key, counts in self._groups.items()]

    def _row(self, key: Sequence[Value], counts: Sequence[int | set[Value]]) -> tuple[Value, ...]:
        plain, counted = iter(key), iter(counts)
        return tuple(
            _number(next(counted)) if item.is_count else next(plain) for item in self._query.items
        )


def _number(count: int | set[Value]) -> int:
    return len(count) if isinstance(count, set) else count


def _sort_key(value: Value) -> tuple[int, float, str]:
    """Numbers before texts, null last."""
    if value is None:
        return 2, 0.0, ""
    return (1, 0.0, value) if isinstance(value, str) else (0, float(value), "")
