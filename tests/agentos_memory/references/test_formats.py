"""Sections and anchors of text formats (issue 4, References)."""

from __future__ import annotations

import pytest

from agentos_memory.references.formats import read_document
from agentos_memory.references.sections import MAX_SECTION_CHARS, Section, make_sections

MARKDOWN = """---
title: Ignored
---
Before any heading.

# Guide

Welcome.

## Install `it` [now](http://x.invalid)

```sh
# not a heading
pip install guide
```

### From source {#src}

Clone it first.

Usage
-----

Call `run()`.

## Install `it` [now](http://x.invalid)

Again.
"""

RST = """=====
Guide
=====

Welcome.

Install
=======

Use :ref:`pip <pip>`.

From *source*
-------------

Clone::

    not a title
    ===========

Usage
=====

Call run.
"""

HTML = b"""<!doctype html><html><head><title>The guide</title><style>h1 {}</style></head>
<body><nav><h2>Menu</h2>skip me</nav>
<h1>Guide<a href="#g">\xc2\xb6</a></h1><p>Welcome &amp; enjoy.</p>
<section id="install"><h2>Install</h2>
<pre>pip   install
guide</pre><script>var x = "<h2>no</h2>";</script>
<ul><li>one<li>two</ul></section>
<h2 id="use">Usage</h2><table><tr><td>a</td><td>b</td></tr></table>
</body></html>"""


def _sections(name: str, content: str | bytes) -> dict[str, Section]:
    raw = content if isinstance(content, bytes) else content.encode()
    return {section.fragment: section for section in make_sections(read_document(name, raw))}


def test_markdown_headings_make_anchors_and_code_does_not() -> None:
    sections = _sections("guide.md", MARKDOWN)
    assert list(sections) == [
        "top", "guide", "guide/install-it-now", "guide/install-it-now/src", "guide/usage",
        "guide/install-it-now-2",
    ]  # fmt: skip
    install = sections["guide/install-it-now"]
    assert install.headings == ("Guide", "Install it now") and install.title == "Install it now"
    assert "# not a heading" in install.text
    lines = MARKDOWN.split("\n")
    for section in sections.values():
        assert section.start_line is not None and section.end_line is not None
        assert "\n".join(lines[section.start_line - 1 : section.end_line]) == section.text


def test_restructured_text_levels_follow_their_order_of_appearance() -> None:
    sections = _sections("guide.rst", RST)
    assert list(sections) == [
        "guide", "guide/install", "guide/install/from-source", "guide/usage",
    ]  # fmt: skip
    assert "not a title" in sections["guide/install/from-source"].text
    assert sections["guide/usage"].start_line == 20


def test_restructured_text_in_a_text_file_is_seen() -> None:
    sections = _sections("guide.txt", RST + "\n.. note:: x\n")
    assert "guide/install/from-source" in sections


def test_html_gives_text_below_headings_without_navigation_and_scripts() -> None:
    sections = _sections("guide.html", HTML)
    assert list(sections) == ["guide", "guide/install", "guide/use"]
    assert sections["guide"].headings == ("Guide",)
    assert sections["guide"].text == "Welcome & enjoy."
    assert "pip   install\nguide" in sections["guide/install"].text
    assert "- one\n\n- two" in sections["guide/install"].text.replace(
        "- one\n- two", "- one\n\n- two"
    )
    assert "a | b" in sections["guide/use"].text
    assert (sections["guide/use"].start_line, sections["guide/use"].end_line) == (8, 8)
    everything = " ".join(section.text for section in sections.values())
    assert "skip me" not in everything and "no" not in everything.split()


def test_plain_text_has_numbered_headings_where_it_is_written_so() -> None:
    rfc = "Protocol\n\n1.  Introduction\n\n   Hello.\n\n1.1.  Terms\n\n   A term.\n\n2.  Security\n\n   No.\n"
    assert list(_sections("rfc.txt", rfc)) == [
        "top", "1-introduction", "1-introduction/1.1-terms", "2-security",
    ]  # fmt: skip


def test_an_insertion_into_plain_text_leaves_most_anchors_alone() -> None:
    paragraphs = [
        f"Paragraph {n} says that {n * 7919} is a number.\nMore of {n}.\n" for n in range(80)
    ]
    before = _sections("notes.txt", "\n".join(paragraphs))
    after = _sections(
        "notes.txt", "\n".join([*paragraphs[:40], "Something new.\n", *paragraphs[40:]])
    )
    assert len(before) > 10
    same = [name for name in before if name in after and after[name].text == before[name].text]
    assert len(same) >= len(before) - 2


def test_a_long_section_is_cut_between_paragraphs_and_keeps_every_word() -> None:
    paragraphs = [f"word{n} " * 60 for n in range(40)]
    sections = _sections("long.md", "# Long\n\n" + "\n\n".join(paragraphs))
    assert "long" in sections and "long~2" in sections
    assert all(len(section.text) <= MAX_SECTION_CHARS + 1 for section in sections.values())
    words = {word for section in sections.values() for word in section.text.split()}
    assert words == {"#", "Long", *(f"word{n}" for n in range(40))}


def test_a_line_without_end_is_cut_as_well() -> None:
    sections = _sections("one-line.txt", "x" * (3 * MAX_SECTION_CHARS))
    assert [len(section.text) for section in sections.values()] == [MAX_SECTION_CHARS] * 3


def test_a_summary_is_made_of_the_sections_own_sentences_and_is_the_same_every_time() -> None:
    text = (
        "# Timeouts\n\nEvery request has a timeout. The default timeout of a request is ten "
        "seconds. Weather was fine. Set the request timeout with `timeout=`.\n\n```\nx = 1\n```\n"
    )
    first, second = (_sections("t.md", text)["timeouts"].summary for _ in range(2))
    assert first == second
    assert "Every request has a timeout." in first
    assert "x = 1" not in first and not first.startswith(("#", "Timeouts"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_is_decoded_whatever_wrote_it(encoding: str) -> None:
    assert "Grüße" in _sections("a.md", "# T\n\nGrüße".encode(encoding))["t"].text


def test_binary_files_and_unknown_suffixes_are_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        read_document("a.md", b"a\0b")
    with pytest.raises(ValueError, match="exe"):
        read_document("a.exe", b"MZ")
