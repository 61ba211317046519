"""What the embedding model is trained on: pairs from real git history, pinned sources, no leaks."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from bench.retrieval.docstring_set import squeezed
from bench.retrieval.sources import read_sources
from bench.retrieval.training_pairs import (
    Pair,
    docstring_pairs,
    issue_pairs,
    leaked,
    prose_pairs,
    unique_pairs,
)
from bench.retrieval.training_sources import (
    PERMISSIVE,
    PinnedWheel,
    read_training_sources,
    wheel_code,
    wheel_documents,
)
from tests.agentos_memory.repositories import git, write_files

BEFORE = '''"""Prices."""


def parse_price(text: str) -> int:
    """Turn the text of a price into whole cents."""
    whole, _, cents = text.partition(".")
    return int(whole) * 100 + int(cents)


def format_price(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
'''
AFTER = BEFORE.replace("int(cents)\n", "int(cents or 0)\n")
PAIR = Pair("a", "issue", "Prices without cents crash", "parse price", "prices", "p.py:000001")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository whose last commit fixes `parse_price`."""
    root = tmp_path / "shop"
    root.mkdir()
    git(root, "init", "-q")
    for text, message in [
        (BEFORE, "Add prices"),
        (AFTER, "fix(parsing): prices without cents crash (#12)\n\nThe sum was never shown then."),
        (AFTER + "\n", "Fix typo in a comment"),
    ]:
        write_files(root, {"prices.py": text, "tests/test_prices.py": text})
        git(root, "add", ".")
        git(root, "commit", "-q", "-m", message)
    return root


def test_a_docstring_asks_for_its_function_without_the_docstring(shop: Path) -> None:
    (pair,) = docstring_pairs("shop", read_sources(shop), most=10)
    assert pair.query == "Turn the text of a price into whole cents"
    assert pair.name == "prices parse price"
    assert pair.text.startswith("prices parse price def parse price text str int whole cents")
    assert "turn" not in pair.text.split()


def test_a_fix_asks_for_the_function_as_it_was_before(shop: Path) -> None:
    pairs = issue_pairs("shop", shop, "HEAD", most=10)
    assert [pair.query for pair in pairs] == [
        "prices without cents crash",
        "The sum was never shown then",
    ]
    assert {pair.name for pair in pairs} == {"prices parse price"}
    assert {pair.text.split()[-2:] == ["int", "cents"] for pair in pairs} == {True}


def test_sections_answer_their_heading_or_their_first_sentence() -> None:
    rest = (
        "It is read once at the start. " + "Every value has a default that suits small teams. " * 5
    )
    text = (
        f"# Guide\n\n## Where settings live\n\nSettings live in one file. {rest}\n\n```\nx\n```\n"
    )
    rst = f"Limits\n======\n\nA request may take ten seconds at most. {rest}"
    pairs = prose_pairs("shop", {"docs/set_up.md": text.encode(), "b.rst": rst.encode()}, most=10)
    asked = {pair.query for pair in pairs}
    assert asked == {"Settings live in one file", "b Limits"}
    assert all(pair.text.startswith("It is read once") for pair in pairs)


def test_what_the_model_is_measured_with_is_no_pair() -> None:
    assert leaked(PAIR, {squeezed("prices, without cents, CRASH.")}, set())
    assert leaked(PAIR, set(), {squeezed("Parse: price")})
    assert not leaked(PAIR, {squeezed("prices crash")}, {squeezed("format price")})


def test_the_same_pair_counts_once() -> None:
    again = Pair("b", "issue", "prices without cents crash!", "parse price", "other", "q.py:000001")
    assert list(unique_pairs([PAIR, again])) == [PAIR]


def test_every_training_source_is_pinned_and_permissive() -> None:
    sources = read_training_sources()
    assert len({wheel.name for wheel in sources.wheels}) == len(sources.wheels) > 30
    assert {len(wheel.sha256) for wheel in sources.wheels} == {64}
    assert {len(repository.commit) for repository in sources.repositories} == {40}
    assert {each.licence for each in sources.wheels} <= PERMISSIVE


def test_a_source_under_another_licence_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "sources.toml"
    file.write_text('[[repository]]\nname = "a/b"\nlicence = "GPL-3.0"\ncommit = "0"\n')
    with pytest.raises(ValueError, match=r"a/b has the licence GPL-3\.0"):
        read_training_sources(file)


def test_only_the_pinned_wheel_is_read_and_only_its_product_code(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "shop.whl", "w") as archive:
        archive.writestr("shop/prices.py", BEFORE)
        archive.writestr("shop/tests/test_prices.py", BEFORE)
        archive.writestr("shop/_vendor/other.py", BEFORE)
        archive.writestr("shop-1.dist-info/METADATA", "Name: shop\n\n# Shop\n\nSells.\n")
    digest = hashlib.sha256((tmp_path / "shop.whl").read_bytes()).hexdigest()
    wheel = PinnedWheel("shop", "1", "MIT", "shop.whl", digest)
    assert wheel_code(wheel, tmp_path) == {"shop/prices.py": BEFORE.encode()}
    assert wheel_documents(wheel, tmp_path) == {"shop.md": b"# Shop\n\nSells.\n"}
    with pytest.raises(ValueError, match=r"shop\.whl has sha256"):
        wheel_code(PinnedWheel("shop", "1", "MIT", "shop.whl", "0" * 64), tmp_path)
