"""What a file of data answers to which key: JSON, YAML, CSV and TOML, as pairs of literals in one form.

Above: answers_in_data. Below: the parsers, read and never run. YAML is read line by line: a pair that is
one line is found, wherever it is nested.
"""

from __future__ import annotations

import ast
import csv
import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

MAX_BYTES = 256 * 1024
MAX_ENTRIES = 20_000
MAX_DEPTH = 4
SUFFIXES = (".json", ".yaml", ".yml", ".csv", ".tsv", ".toml")

Entries = dict[tuple[str, ...], str]
"""Answers by their inputs; `('2000',)`: `'590'`. A text that says a number is that number."""

_YAML = re.compile(
    r"^\s{0,40}(?:-\s)?([\"']?)([^\"'#:{}\[\]]{1,200})\1\s{0,9}:\s{1,9}([\"']?)([^\"'#{}\[\]&*|>]{1,200})\3\s*(?:#.*)?$"
)


def data_entries(path: str, content: bytes | None) -> Entries:
    """The entries of a file; none of what is too large, or cannot be read."""
    if content is None or len(content) > MAX_BYTES:
        return {}
    text = content.decode("utf-8", "replace")
    found: Entries = {}
    try:
        for inputs, answer in _pairs(path, text):
            if len(found) >= MAX_ENTRIES:
                break
            found[inputs] = answer
    except (ValueError, RecursionError, csv.Error):
        return {}
    return found


def _pairs(path: str, text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    if path.endswith(".json"):
        yield from _of_value(json.loads(text), 0)
    elif path.endswith(".toml"):
        yield from _of_value(tomllib.loads(text), 0)
    elif path.endswith((".csv", ".tsv")):
        delimiter = "\t" if path.endswith(".tsv") else ","
        for row in csv.reader(text.splitlines(), delimiter=delimiter):
            if len(row) > 1:
                yield tuple(map(one_form, row[:-1])), one_form(row[-1])
    else:
        for match in filter(None, map(_YAML.match, text.splitlines())):
            yield (one_form(match[2]),), one_form(match[4])


def _of_value(value: Any, depth: int) -> Iterator[tuple[tuple[str, ...], str]]:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, dict):
        plain = [each for each in value.values() if _is_plain(each)]
        for key, each in value.items():
            if _is_plain(each):
                yield (one_form(key),), one_form(each)
            else:
                yield from _of_value(each, depth + 1)
        if len(plain) == len(value) > 1:
            # `{"weight": 2000, "cents": 590}`: a row with names.
            yield tuple(map(one_form, plain[:-1])), one_form(plain[-1])
    elif isinstance(value, list):
        if len(value) > 1 and all(map(_is_plain, value)):
            yield tuple(map(one_form, value[:-1])), one_form(value[-1])
        for each in value:
            yield from _of_value(each, depth + 1)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def one_form(value: str | float) -> str:
    """A literal in one form: `'2000'`, `" 2_000"` and `2000` are the number."""
    if not isinstance(value, str):
        return repr(value)
    plain = value.strip()
    try:
        number = ast.literal_eval(plain)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return repr(plain)
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return repr(number) if is_number else repr(plain)
