"""Assertions that a function, a class or a module of the product is there, and say nothing of what it does.

Above: weakened. Below: cases. That something is there shows wherever it is called; a test of the
names that a package exports says so in its own name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from agentos_governance.gatekeeper.cases import Case

_NAME = r"([A-Za-z_$][\w$]*)(?:\.[\w$.]+)?"
_WRAPPED = re.compile(r"^self\.assert(?:True|_)\((.*)\)$")
_EXISTS = re.compile(
    rf"^(?:callable\({_NAME}\)|hasattr\({_NAME}, '[^']*'\)|{_NAME} is not None|{_NAME}|{_NAME}\.__(?:name|doc)__\b.*"
    rf"|isinstance\({_NAME}, (?:type|object|Callable|(?:types\.|typing\.|abc\.|collections\.abc\.)?(?:FunctionType|ModuleType|Callable))\)"
    rf"|inspect\.is(?:function|class|module|callable|coroutinefunction|routine)\({_NAME}\)|self\.assertIsNotNone\({_NAME}\)"
    rf"|expect\(typeof {_NAME}\)\.[\w.]+\([\"'`](?:function|object)[\"'`]\)"
    rf"|expect\({_NAME}\)\.(?:toBeDefined|toBeTruthy|not\.toBeNull|not\.toBeUndefined)\(\)"
    rf"|expect\({_NAME}\)\.(?:toBeInstanceOf\(Function\)|toEqual\(expect\.any\(Function\)\)|to\.be\.an?\([\"'`]function[\"'`]\)|to\.exist))$"
)
_IS_VALUE = re.compile(r"^(?:[\w$]+\.)*(?:[A-Z][A-Z0-9_]+|__\w+__)\b")
_EXPORTS = re.compile(r"(?i)export|public|namespace|surface|entry_?point|re_?expos")


def asserts_existence(case: Case, imports: Mapping[str, str]) -> bool:
    """Whether every assertion that can fail asks only whether something imported is there."""
    found = case.effective
    return bool(found) and all(_is_about_existence(each.text, imports) for each in found)


def is_about_exports(case: Case) -> bool:
    """Whether its name says that it is about what a package offers."""
    return _EXPORTS.search(case.short_name) is not None


def _is_about_existence(text: str, imports: Mapping[str, str]) -> bool:
    inner = _WRAPPED.match(text)
    text = inner[1] if inner is not None else text
    match = _EXISTS.match(text)
    if match is None or _IS_VALUE.match(text):
        return False
    return any(name in imports for name in match.groups() if name)
