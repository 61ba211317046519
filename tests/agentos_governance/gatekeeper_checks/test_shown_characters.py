"""What cannot be seen in a path or a quoted text is shown as an escape, so that none reads as another."""

from __future__ import annotations

import pytest

from agentos import Finding
from agentos_governance.gatekeeper.finding import numbered
from agentos_governance.workspace.shown_paths import known_path, shown_path

RIGHT_TO_LEFT = "\u202e"
NEXT_LINE = "\x85"
ZERO_WIDTH = "\u200b"


@pytest.mark.parametrize(
    "name",
    [
        f"src/{RIGHT_TO_LEFT}yp.tset",
        f"a{NEXT_LINE}b.py",
        f"a{ZERO_WIDTH}b.py",
        "back\\slash\\x41.py",
        "br\u00fccke.py",
        "\udc85raw.py",
        "tab\tnew\nline",
    ],
)
def test_a_path_is_shown_without_what_cannot_be_seen_and_found_again(name: str) -> None:
    shown = shown_path(name.encode("utf-8", "surrogateescape"))
    assert shown.isprintable()
    assert known_path(shown) == name


def test_two_paths_are_never_shown_alike() -> None:
    raw, character = b"a\x85b", f"a{NEXT_LINE}b".encode()
    assert shown_path(raw) == "a\\x85b"
    assert shown_path(character) == "a\\xc2\\x85b"


def test_a_finding_shows_what_a_worker_hid_in_its_words() -> None:
    hidden = f"ok{RIGHT_TO_LEFT}deliaf{ZERO_WIDTH}"
    [found] = numbered(
        [Finding("tests_kept", "blocking", hidden, hidden, f"a{NEXT_LINE}.py", 1, 1)]
    )
    assert found.message == "ok\\xe2\\x80\\xaedeliaf\\xe2\\x80\\x8b"
    assert found.claim == found.message
    assert found.path == "a\\xc2\\x85.py"
