"""XML that a stranger wrote costs little, fetches nothing and expands nothing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agentos import InvalidArgumentError, LimitExceededError
from agentos_governance.evidence.xml_reading import (
    MAX_ATTRIBUTES,
    MAX_DEPTH,
    MAX_XML_BYTES,
    read_xml,
)


def _names(content: bytes) -> list[str]:
    names: list[str] = []
    read_xml(content, lambda name, attributes: names.append(name), lambda name: None)
    return names


def _laughs() -> bytes:
    declarations = ['<!ENTITY a0 "lol">']
    declarations += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 11)]
    text = f"<!DOCTYPE testsuite [{''.join(declarations)}]><testsuite>&a10;</testsuite>"
    return text.encode()


def _quadratic() -> bytes:
    entity = "x" * 50_000
    text = f'<!DOCTYPE a [<!ENTITY e "{entity}">]><a>{"&e;" * 50_000}</a>'
    return text.encode()


HOSTILE = {
    "billion laughs": _laughs(),
    "quadratic blow-up": _quadratic(),
    "external entity": b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
    "external parameter entity": b'<!DOCTYPE a [<!ENTITY % e SYSTEM "http://127.0.0.1:1/x"> %e;]><a/>',
    "undeclared entity": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a>&e;</a>',
    "default attributes": b'<!DOCTYPE a [<!ATTLIST a b CDATA "c">]><a/>',
    "a million nested elements": b"<a>" * 1_000_000,
    "a million nested elements, closed": b"<a>" * 1_000_000 + b"</a>" * 1_000_000,
    "many attributes": b"<a " + b" ".join(b'b%d=""' % n for n in range(MAX_ATTRIBUTES + 1)) + b"/>",
    "long name": b"<" + b"a" * 100_000 + b"/>",
    "many elements": b"<a>" + b"<b/>" * 1_000_001 + b"</a>",
    "too many bytes": b"<a>" + b" " * MAX_XML_BYTES + b"</a>",
    "unclosed": b"<a><b></b>",
    "two roots": b"<a/><b/>",
    "empty": b"",
    "no XML": b"1 passed",
    "unknown encoding": b'<?xml version="1.0" encoding="no-such-thing"?><a/>',
    "multi-byte encoding": b'<?xml version="1.0" encoding="utf-7"?><a/>',
    "broken bytes": b"<a>\xff\xfe</a>",
    "NUL": b"<a>\x00</a>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml_is_refused_in_a_second(name: str) -> None:
    started = time.thread_time()
    with pytest.raises((InvalidArgumentError, LimitExceededError)):
        _names(HOSTILE[name])
    assert time.thread_time() - started < 20


def test_no_file_is_read_for_an_external_document(tmp_path: Path) -> None:
    (tmp_path / "a.dtd").write_text('<!ENTITY e "read">', "utf-8")
    assert _names(f'<!DOCTYPE a SYSTEM "{tmp_path}/a.dtd"><a><b/></a>'.encode()) == ["a", "b"]


def test_namespaces_comments_and_every_allowed_depth_are_read() -> None:
    assert _names(b'<x:a xmlns:x="urn:x"><!-- c --><x:b/><![CDATA[<c>]]></x:a>') == ["a", "b"]
    deep = b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH
    assert len(_names(deep)) == MAX_DEPTH
    assert _names("<?xml version='1.0' encoding='latin-1'?><é/>".encode("latin-1")) == ["é"]
    assert _names("<a/>".encode("utf-16")) == ["a"]
