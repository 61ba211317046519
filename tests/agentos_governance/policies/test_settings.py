"""Settings of policies: whoever made the working folder cannot take the organisation's rules away."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import ConfigurationError, load_settings


@pytest.mark.parametrize("line", ['policy = "mine.policy"', "facts = { unsafe = false }"])
def test_a_file_found_in_the_working_folder_may_not_decide_what_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """Policy shadowing by a checkout that brings its own agentos.toml."""
    (tmp_path / "agentos.toml").write_text(line)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="decides what is allowed"):
        load_settings(environment={})
    chosen = load_settings(config=tmp_path / "agentos.toml", environment={})
    assert chosen.policy is not None or chosen.facts == {"unsafe": False}


def test_facts_are_read_as_json_from_the_environment_with_their_types() -> None:
    text = (
        '{"unsafe": true, "tier": 2, "share": 0.5, "region": "eu", "frozen": {"type": "boolean"}}'
    )
    facts = load_settings(environment={"AGENTOS_FACTS": text}).facts
    assert facts["unsafe"] is True
    assert (facts["tier"], facts["share"], facts["region"]) == (2, 0.5, "eu")
    for bad in ("{", "[]", '{"a": []}', '{"a": {"type": "thing"}}'):
        with pytest.raises(ConfigurationError, match=r"FACTS|facts"):
            load_settings(environment={"AGENTOS_FACTS": bad})
