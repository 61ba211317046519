"""Code that nests or inherits far deeper than real code does is resolved, or left open, in time."""

from __future__ import annotations

import time
from textwrap import dedent

import pytest

from agentos_memory.analysis import analyse_file
from agentos_memory.model import Edge, FileAnalysis
from agentos_memory.resolution import resolve
from agentos_memory.resolution.hierarchy import MAX_ORDER


def _resolved(files: dict[str, str]) -> list[Edge]:
    analyses = [analyse_file(path, text.encode()) for path, text in files.items()]
    return list(resolve([each for each in analyses if isinstance(each, FileAnalysis)]).edges)


def _calls(edges: list[Edge]) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in edges if edge.kind == "calls"}


@pytest.mark.parametrize("step", [1, -1])
def test_a_chain_of_thousands_of_classes_is_resolved_in_seconds(step: int) -> None:
    """Bases before what inherits from them, and after."""
    names = range(4_000)[::step]
    source = "".join(f"class K{n}(K{n - 1}):\n    def m{n}(self): ...\n" for n in names)
    source += f"def near(k: K3999): k.m{3999 - MAX_ORDER + 1}()\n"
    source += f"def far(k: K3999): k.m{3999 - MAX_ORDER}()\n"
    started = time.thread_time()
    edges = _resolved({"a.py": source})
    assert time.thread_time() - started < 5
    assert sum(edge.kind == "inherits" for edge in edges) == 3_999
    sources = {source for source, _ in _calls(edges)}
    assert "a.near" in sources and not any(e.source == "a.far" and e.tier == "typed" for e in edges)


def test_classes_of_hundreds_of_bases_are_resolved_in_seconds() -> None:
    bases = [f"B{n}" for n in range(300)]
    source = "class O: ...\n" + "".join(f"class {base}(O): ...\n" for base in bases)
    source += "".join(f"class C{n}({', '.join(bases)}): ...\n" for n in range(50))
    started = time.thread_time()
    assert len(_resolved({"a.py": source})) == 300 + 50 * 300
    assert time.thread_time() - started < 5


def test_cycles_and_bases_that_depend_on_each_other_end() -> None:
    source = dedent(
        """
        class A(B): ...
        class B(C): ...
        class C(A):
            def m(self): ...
        class D(D, A): ...
        class E(F.Inner): ...
        class F(E):
            class Inner(E): ...
        def f(a: A): a.m()
        """
    )
    assert ("a.f", "a.C.m") in _calls(_resolved({"a.py": source}))


@pytest.mark.parametrize("imported", ["x", "*"])
def test_a_thousand_re_exports_stop_no_other_file(imported: str) -> None:
    files = {f"m{n}.py": f"from m{n + 1} import {imported}\nx()\n" for n in range(1_000)}
    files["m1000.py"] = "def x(): ...\nx()\n"
    calls = _calls(_resolved(files))
    assert {("m1000", "m1000.x"), ("m990", "m1000.x")} <= calls


@pytest.mark.parametrize("depth", [50, 100, 200, 300, 400, 1_000])
def test_types_of_any_depth_stop_no_other_file(depth: int) -> None:
    files = {
        "a.ts": f"let x: {'Array<' * depth}B{'>' * depth};\nx.f();\nfor (const y of x) y.g();\n",
        "b.py": f"x: {'list[' * depth}B{']' * depth}\nx.f()\nfor y in x: y.g()\n",
        "c.py": "def f(): ...\nf()\n",
    }
    assert ("c", "c.f") in _calls(_resolved(files))
