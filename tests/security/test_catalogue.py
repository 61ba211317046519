"""Every class of attempts that docs/security.md names is tried, and there are many of them."""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path

from tests.security.actions import action_attempts
from tests.security.catalogue import KINDS, scenarios

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "security.md"


def _attempts() -> Counter[str]:
    for module in sorted(HERE.glob("test_*.py")):
        importlib.import_module(f"tests.security.{module.stem}")
    return scenarios + Counter(attempt.kind for attempt in action_attempts())


def test_every_class_is_tried() -> None:
    found = _attempts()
    assert [kind for kind in KINDS if not found[kind]] == []
    assert set(found) <= set(KINDS)


def test_the_page_lists_the_classes() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [k for k, what in KINDS.items() if f"| {k} | {what} |" not in page] == []
