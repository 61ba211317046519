"""Stored form of a `FileAnalysis`, so that an unchanged file is never parsed again.

Compressed JSON, column by column: a column is made and read back without a step of Python for
each value. Expressions stand in one table of distinct rows whose operands are positions of
earlier rows, so that one that occurs a hundred times is stored, and held after decoding, once;
nothing nests, however deep an expression does. Unlike pickle or marshal, decoding can make nothing
but the classes of `model` and `expressions`, and no stored byte reaches code that trusts it.

Above: the reader of files. Below: `model`, `expressions`, `mentions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Literal, TypeAlias, get_args

import orjson

from agentos_memory import model
from agentos_memory.compression import compress, decompress
from agentos_memory.expressions import Attribute, Defined, Expression, Name
from agentos_memory.identity import identity
from agentos_memory.mentions import Mentions, last_part

# How a field is stored: as it is, as a tuple of plain values, or as positions of expressions.
_Form: TypeAlias = Literal["plain", "tuple", "one", "many", "pairs"]

_FORMS: dict[str, _Form] = {
    "Expression": "one",
    "Expression | None": "one",
    "tuple[Expression, ...]": "many",
    "tuple[tuple[str, Expression], ...]": "pairs",
}


def _form(annotation: str) -> _Form:
    return _FORMS.get(annotation, "tuple" if annotation.startswith("tuple[") else "plain")


def _fields(kind: type[Any]) -> tuple[tuple[str, _Form], ...]:
    """Names and forms of the fields; annotations are text, since evaluation is postponed."""
    return tuple((field.name, _form(str(field.type))) for field in fields(kind))


_EXPRESSIONS: tuple[type[Any], ...] = get_args(Expression)
_EXPRESSION_FIELDS = tuple(_fields(kind) for kind in _EXPRESSIONS)
_TAGS = {kind: tag for tag, kind in enumerate(_EXPRESSIONS)}
_NAME, _ATTRIBUTE, _DEFINED = _TAGS[Name], _TAGS[Attribute], _TAGS[Defined]
# The fields of a file that hold records, with the records' class.
_RECORDS: dict[str, type[Any]] = {
    "imports": model.Import,
    "calls": model.CallSite,
    "references": model.Reference,
    "bindings": model.Binding,
    "functions": model.FunctionFacts,
    "classes": model.ClassFacts,
    "fixtures": model.FixtureNote,
}
_RECORD_FIELDS = {name: _fields(kind) for name, kind in _RECORDS.items()}
_FILE_FIELDS = tuple(
    (name, form)
    for name, form in _fields(model.FileAnalysis)
    if name not in _RECORDS and name != "symbols"
)
_SYMBOL_FIELDS = _fields(model.Symbol)


def encode_symbols(symbols: Sequence[model.Symbol]) -> bytes:
    """The stored form of a file's symbols, kept apart since the graph needs them alone."""
    columns = [list(map(attrgetter(name), symbols)) for name, _ in _SYMBOL_FIELDS]
    return compress(orjson.dumps(columns))


def decode_symbols(stored: bytes) -> tuple[model.Symbol, ...]:
    """What `encode_symbols` was given."""
    columns = [
        _decode_column(column, form, [])
        for (_, form), column in zip(_SYMBOL_FIELDS, orjson.loads(decompress(stored)), strict=True)
    ]
    return tuple(map(model.Symbol, *columns))


@dataclass(frozen=True, slots=True)
class EncodedFacts:
    """The stored form of a file's facts, and what all of their expressions mention."""

    stored: bytes
    mentions: Mentions


def encode_facts(analysis: model.FileAnalysis) -> EncodedFacts | None:
    """The stored form of `analysis` without its symbols; `decode_facts` gives an equal value.

    None for an expression nested deeper than recursion can
    follow, or text that JSON cannot hold; such a file is parsed on every run.
    """
    try:
        table = _ExpressionTable()
        plain = [getattr(analysis, name) for name, _ in _FILE_FIELDS]
        records = [
            [_encode_column(getattr(analysis, name), *field, table) for field in record_fields]
            for name, record_fields in _RECORD_FIELDS.items()
        ]
        document = orjson.dumps([list(table.rows), plain, records])
    except (RecursionError, orjson.JSONEncodeError):
        return None
    return EncodedFacts(compress(document), table.mentions())


def decode_facts(stored: bytes, symbols: bytes) -> model.FileAnalysis:
    """What `encode_facts` and `encode_symbols` were given, by the same `analyser_version`.

    Equal expressions of a file are one object.
    """
    rows, plain, columns = orjson.loads(decompress(stored))
    table = _decode_table(rows)
    made: dict[str, Any] = {"symbols": decode_symbols(symbols)}
    made |= {
        name: tuple(value) if form == "tuple" else value
        for (name, form), value in zip(_FILE_FIELDS, plain, strict=True)
    }
    for (name, record_fields), stored_columns in zip(_RECORD_FIELDS.items(), columns, strict=True):
        decoded = [
            _decode_column(column, form, table)
            for (_, form), column in zip(record_fields, stored_columns, strict=True)
        ]
        made[name] = tuple(map(_RECORDS[name], *decoded))
    return model.FileAnalysis(**made)


class _ExpressionTable:
    """Distinct expressions as rows `(tag, field, ...)` in which expressions are positions."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], int] = {}
        # Shared expressions are one object, so that looking at its identity saves walking it.
        self.positions: dict[int, int] = {}

    def position(self, expression: Any) -> int | None:
        if expression is None:
            return None
        found = self.positions.get(identity(expression))
        if found is None:
            row = _ENCODERS[type(expression)](expression, self)
            found = self.rows.setdefault(row, len(self.rows))
            self.positions[identity(expression)] = found
        return found

    def stored(self, value: Any, form: _Form) -> Any:
        if form == "one":
            return self.position(value)
        if form == "many":
            return tuple([self.position(each) for each in value])
        if form == "pairs":
            return tuple([(name, self.position(each)) for name, each in value])
        return value

    def mentions(self) -> Mentions:
        """What `mentions_in` finds in the expressions."""
        bare = {row[1] for row in self.rows if row[0] == _NAME}
        attributes = {row[2] for row in self.rows if row[0] == _ATTRIBUTE}
        attributes |= {last_part(row[1]) for row in self.rows if row[0] == _DEFINED}
        return Mentions(frozenset(bare), frozenset(attributes))


def _encoder(tag: int) -> Callable[[Any, _ExpressionTable], tuple[Any, ...]]:
    """What makes the row of one expression; the common shapes without a loop over fields."""
    forms = [form for _, form in _EXPRESSION_FIELDS[tag]]
    getters = [attrgetter(name) for name, _ in _EXPRESSION_FIELDS[tag]]
    if forms == ["plain"]:
        first = getters[0]
        return lambda value, table: (tag, first(value))
    if forms == ["one", "plain"]:
        first, second = getters
        return lambda value, table: (tag, table.position(first(value)), second(value))
    steps = tuple(zip(getters, forms, strict=True))
    return lambda value, table: (tag, *[table.stored(get(value), form) for get, form in steps])


_ENCODERS = {kind: _encoder(tag) for kind, tag in _TAGS.items()}


def _encode_column(
    records: Sequence[Any], name: str, form: _Form, table: _ExpressionTable
) -> list[Any]:
    values = map(attrgetter(name), records)
    if form == "one":
        known, position = table.positions.get, table.position
        return [
            found if (found := known(identity(value))) is not None else position(value)
            for value in values
        ]
    if form in ("many", "pairs"):
        return [table.stored(value, form) if value else () for value in values]
    return list(values)


def _decode_table(rows: Sequence[Sequence[Any]]) -> list[Any]:
    table: list[Any] = []
    for row in rows:
        tag = row[0]
        table.append(_DECODERS[tag](row, table))
    return table


def _decoder(tag: int) -> Callable[[Sequence[Any], list[Any]], Any]:
    """What makes the expression of one row; the common shapes without a loop over fields."""
    kind = _EXPRESSIONS[tag]
    forms = [form for _, form in _EXPRESSION_FIELDS[tag]]
    if forms == ["plain"]:
        return lambda row, table: kind(row[1])
    if forms == ["one"]:
        return lambda row, table: kind(table[row[1]])
    if forms == ["one", "plain"]:
        return lambda row, table: kind(table[row[1]], row[2])
    return lambda row, table: kind(
        *[_decode_value(value, form, table) for value, form in zip(row[1:], forms, strict=True)]
    )


_DECODERS = tuple(_decoder(tag) for tag in range(len(_EXPRESSIONS)))


def _decode_column(column: list[Any], form: _Form, table: list[Any]) -> list[Any]:
    if form == "plain":
        return column
    if form == "tuple":
        return list(map(tuple, column))
    if form == "one":
        return [None if position is None else table[position] for position in column]
    return [_decode_value(value, form, table) for value in column]


def _decode_value(value: Any, form: _Form, table: list[Any]) -> Any:
    if form == "one":
        return None if value is None else table[value]
    if form == "many":
        return tuple([table[position] for position in value])
    if form == "pairs":
        return tuple([(name, table[position]) for name, position in value])
    return tuple(value) if form == "tuple" else value
