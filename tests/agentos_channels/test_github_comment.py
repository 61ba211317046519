"""The comment: readable within GitHub's limit, and nothing in it that others wrote becomes markup."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from agentos_channels.github.comment import MAX_CHARS, headline, plain, render
from agentos_channels.github.same_work import difference_between

HEAD = "c" * 40


def card(**changes: Any) -> dict[str, Any]:
    return {
        "id": "RV-1",
        "kind": "work",
        "title": "Add a cache",
        "state": "open",
        "outcome": None,
        "verdict": None,
        "reason": None,
        "decided_by": None,
        "needs": "1 of 1 approvals",
        "version": 1,
        "sha256": "a" * 64,
        "workers": [{"worker": "w1", "role": "executor", "person": None, "model": "m"}],
        "contract_line": "may write src/",
        "diff": {"files": 1, "insertions": 2, "deletions": 1, "paths": ["a.py"], "n_paths": 1},
        "blast_radius": {"symbols": 3, "files": 2, "modules": 1, "tests": 1, "untested": 1},
        "gates": [{"name": "evidence_required", "passed": True, "n_findings": 0}],
        "findings": [],
        "n_blocking": 0,
        "cost": {"spent_usd": "0.10", "budget_usd": "1"},
        "opened_at": "2026-03-01T09:00:00Z",
        "link": None,
        **changes,
    }


def finding(**changes: Any) -> dict[str, Any]:
    found = {"id": "F-1", "check": "tests_kept", "severity": "blocking", "claim": "A test is gone"}
    place = {"path": "tests/a.py", "start_line": 3, "end_line": 4, "by": "check"}
    return {**found, **place, "message": "test_add was deleted", **changes}


def test_it_says_what_a_person_needs_to_decide() -> None:
    text = render(card(findings=[finding()], n_blocking=1), HEAD, None)
    for said in ("Add a cache", "w1, executor, m", "1 files, \\+2 \\-1", "0.10 of 1 USD"):
        assert said in text
    assert "1 findings, 1 blocking" in text and "A test is gone" in text
    assert "a" * 64 in text and "Override: why" in text and HEAD[:12] in text


def test_an_ended_review_does_not_ask_any_more() -> None:
    text = render(card(state="ended", outcome="expired"), HEAD, None)
    assert "Expired without a decision" in text and "to decide" not in text


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ({"outcome": "approved", "decided_by": "Ada"}, "Approved by Ada"),
        ({"outcome": "rejected", "verdict": "reject"}, "Rejected"),
        ({"outcome": "rejected", "verdict": "request_changes"}, "Changes requested"),
        ({"outcome": "expired"}, "Expired without a decision"),
        ({"outcome": "cancelled"}, "Cancelled"),
        ({"outcome": "superseded"}, "Superseded"),
    ],
)
def test_each_outcome_is_told_as_what_it_is(ended: dict[str, Any], said: str) -> None:
    assert said in headline(card(state="ended", **ended))


ATTACKS = [
    "<img src=x onerror=alert(1)>",
    "<!-- agentos-review AAAA.0000 -->",
    "@everyone look",
    "[click](https://evil.example)",
    "https://evil.example/x www.evil.example",
    "**bold** `code` ~~gone~~ #12 acme/shop#12",
    "| a | b |\n|---|---|\n# Approved by Ada",
    "\u202eevorppa\u200b\x1b[2K",
    "![x](https://evil.example/pixel.png)",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_others_wrote_stays_text(attack: str) -> None:
    shown = plain(attack)
    assert "\n" not in shown and "<" not in shown and "\x1b" not in shown and "\u202e" not in shown
    for mark in ("](", "://", "@e", "**", "#1", "<!--"):
        assert mark not in shown
    unescaped = [i for i, c in enumerate(shown) if c in "`*_[]|#" and shown[i - 1 : i] != "\\"]
    assert unescaped == []
    text = render(card(title=attack, findings=[finding(message=attack)], reason=attack), HEAD, None)
    assert "<img" not in text and "](" not in text and "@everyone" not in text


def test_a_huge_card_fits_into_a_comment() -> None:
    findings = [finding(id=f"F-{n}", message="&" * 10_000) for n in range(100)]
    huge = card(title="T" * 10_000, findings=findings, contract_line="c" * 10_000)
    text = render(huge, HEAD, None)
    assert len(text) <= MAX_CHARS and " more\n" in text and "exactly the submitted work" in text


async def compare(tmp_path: Path, *files: dict[str, Any], n_files: int = 1) -> str | None:
    comparison = {"merge_base_commit": {"sha": "base"}, "files": list(files)}
    return await difference_between(comparison, tmp_path, "base", n_files)


def blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@pytest.mark.anyio
async def test_a_commit_shows_the_work_only_where_every_file_is_the_worktree_s(
    tmp_path: Path,
) -> None:
    outside = tmp_path / "outside.py"
    outside.write_bytes(b"x")
    work = tmp_path / "work"
    work.mkdir()
    (work / "a.py").write_bytes(b"one\r\n")
    (work / "link").symlink_to("a.py")
    (work / "folder").symlink_to(tmp_path)
    same = {"filename": "a.py", "status": "modified", "sha": blob(b"one\n")}
    assert await compare(work, same) is None
    assert await compare(work, {**same, "sha": blob(b"two\n")}) == "a.py is not as it was submitted"
    assert await compare(work, same, n_files=2) == "it changes 1 files, the submitted work 2"
    link = {"filename": "link", "status": "added", "sha": blob(b"a.py")}
    assert await compare(work, link) is None
    gone = {"filename": "b.py", "status": "removed", "sha": "0" * 40}
    assert await compare(work, gone) is None
    assert await compare(work, {**gone, "filename": "a.py"}) is not None
    for escape in ("../outside.py", "folder/outside.py", "", str(outside)):
        leading_out = {"filename": escape, "status": "modified", "sha": blob(b"x")}
        assert await compare(work, leading_out) is not None
    many = [{**same, "filename": f"{n}.py"} for n in range(300)]
    assert "too many" in str(await compare(work, *many, n_files=300))
    other = {"merge_base_commit": {"sha": "other"}, "files": [same]}
    assert "another commit" in str(await difference_between(other, work, "base", 1))
