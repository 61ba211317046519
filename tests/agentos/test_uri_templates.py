"""Which URIs a template names, and how long it takes to say that it names none."""

from __future__ import annotations

import time

import pytest

from agentos import PluginError
from agentos.resources import UriTemplate


@pytest.mark.parametrize(
    ("template", "uri", "values"),
    [
        ("a://index", "a://index", {}),
        ("a://index", "a://index/", None),
        ("a://{x}", "a://1", {"x": "1"}),
        ("a://{x}.json", "a://b.json.json", {"x": "b.json"}),
        ("a://{x}/y/{z}", "a://1/y/2", {"x": "1", "z": "2"}),
        ("a://{x}/y/{z}", "a://1/2/y/3", None),
        ("a://{x}-{y}", "a://1-2-3", {"x": "1", "y": "2-3"}),
        ("a://{x}-{y}.md", "a://1-2.md.md", {"x": "1", "y": "2.md"}),
        ("a://{x}", "a://..%2Fetc%0A", {"x": "../etc\n"}),
        ("a://(.*)/{x}", "a://abc/1", None),
    ],
)
def test_a_uri_gives_the_decoded_values_of_its_places(
    template: str, uri: str, values: dict[str, str] | None
) -> None:
    assert UriTemplate(template).match(uri) == values


@pytest.mark.parametrize("template", ["a://{x}-{y}-{z}-{w}!", "a://{x}.{y}.{z}.{w}!"])
def test_a_uri_that_almost_fits_is_turned_down_at_once(template: str) -> None:
    began = time.thread_time()
    for text in ("-" * 2_000, "." * 2_000, "a-" * 1_000, "a." * 1_000):
        assert UriTemplate(template).match(f"a://{text}") is None
    assert time.thread_time() - began < 1


@pytest.mark.parametrize("template", ["a://{x}{y}", "a://{x", "{x}", "a://{x}/{x}", "a://{X}"])
def test_a_template_of_another_form_is_a_fault_of_its_plugin(template: str) -> None:
    with pytest.raises(PluginError):
        UriTemplate(template)


def test_what_was_expanded_is_matched_again() -> None:
    template = UriTemplate("a://{x}/{y}")
    values = {"x": "a/b?c#d%", "y": "\u00e9\n"}
    assert template.match(template.expand(values)) == values
