"""The docs say what the code says."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import pytest

import agentos
from agentos.settings import Settings
from tests.docs.pages import PAGES, ROOT


def test_hooks_and_tools_in_the_docs_are_those_of_the_code() -> None:
    outcome = subprocess.run(
        [sys.executable, str(ROOT / "scripts/write_reference.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_every_name_of_the_public_api_says_what_it_is_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The page itself is compared with the code by the test above."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    reference = importlib.import_module("api_reference")
    assert reference.undocumented() == []
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^### (.+)$", page, re.MULTILINE)) == sorted(agentos.__all__)
    assert "`async open_kernel(settings: Settings" in page


def test_every_setting_is_described_for_operators() -> None:
    page = (ROOT / "docs/operators.md").read_text(encoding="utf-8")
    missing = [name for name in Settings.model_fields if f"`{name}`" not in page]
    assert missing == []


def test_every_error_code_is_explained_to_agents() -> None:
    page = (ROOT / "docs/agents.md").read_text(encoding="utf-8")
    codes = {
        error.code
        for name in agentos.__all__
        if isinstance(error := getattr(agentos, name), type)
        and issubclass(error, agentos.ToolError)
    } - {"internal"}
    assert [code for code in sorted(codes) if f"`{code}`" not in page] == []


def test_the_version_of_the_changelog_is_unreleased_or_the_package_s() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first = re.search(r"^## \[(.+?)\]", changelog, re.MULTILINE)
    assert first is not None and first[1] in ("Unreleased", agentos.__version__)


def test_links_between_pages_lead_to_files() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []
