"""The plugin that docs/plugins.md builds from nothing is one, file by file as the page has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT, snippets_of


def test_the_plugin_of_the_guide_passes_its_tests_and_the_check(tmp_path: Path) -> None:
    files = [snippet for snippet in snippets_of(ROOT / "docs/plugins.md") if snippet.file]
    assert len(files) == 6
    for snippet in files:
        path = tmp_path / snippet.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(snippet.text, encoding="utf-8")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AGENTOS_", "PYTEST"))}
    for command in (
        ["pytest", "-q", "-p", "no:cacheprovider"],
        ["agentos", "plugins", "check", "agentos_glossary.plugin"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env=kept | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout + done.stderr
