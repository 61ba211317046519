"""What `agentos doctor` finds of the interpreter."""

from __future__ import annotations

import asyncio

import pytest

from agentos.cli.checks import check_python
from agentos.settings import Settings

SLOW = "built without --enable-optimizations"


@pytest.mark.parametrize(
    ("arguments", "is_optimised"),
    [
        ("'--enable-shared' '--enable-optimizations' '--with-lto'", True),
        ("'--prefix=/opt/python' '--enable-shared'", False),
        (None, None),
    ],
)
def test_an_interpreter_built_without_profiles_is_told_of_and_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, arguments: str | None, is_optimised: bool | None
) -> None:
    monkeypatch.setattr("sysconfig.get_config_var", {"CONFIG_ARGS": arguments}.get)
    check = asyncio.run(check_python(Settings()))
    assert check.ok
    assert check.facts == {"is_optimised": is_optimised}
    assert (SLOW in check.detail) == (is_optimised is False)
