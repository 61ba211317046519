"""What is stored of a file comes back as it was, whichever process made it (issue 4, Memory)."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import agentos_memory
from agentos_memory.analysis import analyse_file
from agentos_memory.expressions import Expression
from agentos_memory.facts import decode_facts, encode_facts, encode_symbols
from agentos_memory.frames import pack_frame, read_frame
from agentos_memory.model import FileAnalysis, Resolution
from agentos_memory.relations import decode_relations, encode_relations
from agentos_memory.resolution import resolve
from agentos_memory.resolution.outlines import outline_of

pytestmark = pytest.mark.anyio

PACKAGE = Path(agentos_memory.__file__).parent


def _analyses() -> list[FileAnalysis]:
    paths = sorted(PACKAGE.glob("*.py"))[:40]
    found = [analyse_file(path.name, path.read_bytes()) for path in paths]
    return [each for each in found if isinstance(each, FileAnalysis)]


def test_facts_come_back_equal_with_equal_expressions_as_one_object() -> None:
    for analysis in _analyses():
        facts = encode_facts(analysis)
        assert facts is not None
        decoded = decode_facts(facts.stored, encode_symbols(analysis.symbols))
        assert decoded == analysis
        functions: dict[Expression, Expression] = {}
        for call in decoded.calls:
            assert functions.setdefault(call.function, call.function) is call.function


def test_names_met_while_storing_facts_are_those_of_the_outline() -> None:
    for analysis in _analyses():
        facts = encode_facts(analysis)
        assert facts is not None
        assert outline_of(analysis, facts.mentions) == outline_of(analysis)


def test_an_expression_that_nests_deeper_than_json_allows_is_stored() -> None:
    analysis = analyse_file("deep.py", b"x = a" + b".b()" * 150 + b"\n")
    assert isinstance(analysis, FileAnalysis)
    facts = encode_facts(analysis)
    assert facts is not None
    assert decode_facts(facts.stored, encode_symbols(analysis.symbols)) == analysis


def test_relations_come_back_by_file() -> None:
    analyses = _analyses()
    resolution = resolve(analyses)
    stored = encode_relations(resolution, [analysis.path for analysis in analyses])
    edges, sites = [], []
    for each in stored:
        own_edges, own_sites = decode_relations(each.path, each.stored)
        assert len(own_edges) == each.edge_count
        edges += own_edges
        sites += own_sites
    assert set(edges) == set(resolution.edges) and len(edges) == len(resolution.edges)
    assert set(sites) == set(resolution.unresolved)


def test_the_digest_of_relations_depends_on_nothing_but_them() -> None:
    (one,) = encode_relations(Resolution((), ()), ["a.py"])
    (two,) = encode_relations(Resolution((), ()), ["b.py"])
    assert one.digest == two.digest and one.edge_count == 0


def test_a_frame_that_ends_early_is_the_end() -> None:
    frame = pack_frame(["content", 1], [b"blob", b""])
    assert read_frame(io.BytesIO(frame)) == (["content", 1], [b"blob", b""])
    for cut in (0, 3, 7, len(frame) - 1):
        assert read_frame(io.BytesIO(frame[:cut])) is None
