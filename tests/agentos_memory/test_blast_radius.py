"""What a change may break, and which of it are tests (issue 4, Memory)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest

from agentos_memory.adjacency import Relation
from agentos_memory.blast_radius import FOLLOWED, MAX_NAMED, BlastRadius, blast_radius
from agentos_memory.definition import Definition
from agentos_memory.graph import SymbolGraph
from agentos_memory.model import EdgeKind
from agentos_memory.naming_of_tests import is_test_symbol
from tests.agentos_memory.sources import graph_of

PROGRAM = {
    "shop/__init__.py": "",
    "shop/goods.py": """
        class Item:
            def __init__(self): self.weigh()
            def price(self): return 1
            def weigh(self): return 2
        class Book(Item):
            def price(self): return 3
        def free(): ...
        """,
    "shop/till.py": """
        from shop.goods import Book, Item
        def ring(item: Item): return item.price()
        def read(book: Book): return book.price()
        def weigh_all(item: Item): return item.weigh()
        def build(): return Item()
        """,
    "shop/report.py": "from shop import goods\n",
    "tests/test_till.py": """
        from shop.till import ring
        from shop.goods import Item
        def test_ring(): ring(Item())
        """,
}


def reaching(graph: SymbolGraph, symbol: str) -> tuple[BlastRadius, set[str]]:
    """The radius, and the names of all that the walk reached, by asking for each symbol."""
    radius = blast_radius(graph, graph.find(symbol)[:1], frozenset({"calls"}))
    return radius, {graph.definitions[p].name for p in (*radius.tests, *radius.entry_points)}


def test_a_class_stands_for_its_methods_and_their_callers() -> None:
    graph = graph_of(PROGRAM)
    radius, named = reaching(graph, "shop.goods.Item")
    # Book inherits, and overrides price; who reads a Book's price never runs Item's.
    assert named == {"test_ring", "Book", "ring", "weigh_all", "build"}
    assert radius.n_direct == 6 and radius.n_tests == 1
    method, named = reaching(graph, "shop.goods.Item.price")
    assert named == {"test_ring", "ring"} and method.n_symbols == 3


def test_a_call_by_the_base_reaches_the_override() -> None:
    graph = graph_of(PROGRAM)
    _, named = reaching(graph, "shop.goods.Book.price")
    assert named == {"test_ring", "ring", "read"}


def test_a_module_stands_for_its_file_and_with_what_imports_it() -> None:
    graph = graph_of(PROGRAM)
    radius, named = reaching(graph, "shop/goods.py")
    assert named >= {"test_ring", "read", "weigh_all", "build", "report"}
    assert radius.n_files == 3 and radius.n_modules == 2
    function, named = reaching(graph, "shop.goods.free")
    assert named == set() and function.n_symbols == 0


@pytest.mark.parametrize("is_cyclic", [True, False])
def test_landmarks_change_no_answer(is_cyclic: bool) -> None:
    """Against a walk that keeps nothing, over graphs with and without a core of cycles."""
    graph = _random_graph(is_cyclic)
    used = graph.used_outside_tests(FOLLOWED)
    for start in range(0, len(graph.definitions), 7):
        distance = _walked(graph, graph.inside([start]))
        radius = blast_radius(graph, [start], frozenset({"calls"}))
        assert radius.n_symbols == sum(d > 0 for d in distance.values())
        assert radius.n_direct == sum(d == 1 for d in distance.values())
        for found, total, wanted in (
            (radius.tests, radius.n_tests, graph.is_test),
            (
                radius.entry_points,
                radius.n_entry_points,
                ~graph.is_in_tests & graph.is_public & ~used,
            ),
        ):
            nearest = [p for p, d in distance.items() if d > 0 and wanted[p]]
            nearest.sort(key=lambda p: (distance[p], graph.source_order[p]))
            assert (list(found), total) == (nearest[:MAX_NAMED], len(nearest))


def _random_graph(is_cyclic: bool) -> SymbolGraph:
    chance = Random(5)
    definitions = [
        Definition(
            f"{'tests' if n % 4 == 0 else f'p{n // 80}'}/m{n // 8}.py", f"m{n // 8}.C{n // 4}.f{n}",
            f"f{n}", "method", n % 8 * 10 + 1, n % 8 * 10 + 9, "", n % 4 == 0,
        )
        for n in range(600)
    ]  # fmt: skip
    kinds: Sequence[EdgeKind] = ("calls", "calls", "calls", "overrides", "references", "imports")
    relations = []
    for _ in range(1800):
        source = chance.randrange(1, 600)
        target = chance.randrange(600 if is_cyclic else source)
        kind = chance.choice(kinds)
        relations.append(Relation(source, target, kind, "typed", "a.py", 1, 0.95, "receiver"))
    return SymbolGraph(definitions, relations, [])


def _walked(graph: SymbolGraph, start: Sequence[int]) -> dict[int, int]:
    follows, edges = graph.follows(FOLLOWED, guesses=False), graph.edges
    distance, circle = dict.fromkeys(start, 0), list(start)
    beside = {o for p in start for o in graph.overrides_of(p)}
    while circle:
        beyond = []
        for position in circle:
            near = edges.arriving(np.array([position]))
            found = edges.source[near[follows[near]]].tolist()
            for base in graph.bases_of(position):
                calls = edges.arriving(np.array([base]))
                found += edges.source[calls[follows[calls] & graph.dispatches[calls]]].tolist()
            for each in found:
                if each not in distance:
                    distance[each] = distance[position] + 1
                    beyond.append(each)
        circle = beyond
    return distance | {p: min(distance.get(p, 1), 1) for p in beside if p not in start}


def test_what_a_runner_runs_is_a_test() -> None:
    for path, name, kind, signature, decorators in (
        ("tests/test_a.py", "tests.test_a.test_x", "function", "def test_x()", ()),
        ("tests/test_a.py", "tests.test_a.TestX.test_y", "method", "def test_y(self)", ("slow",)),
        ("shop/tests.py", "shop.tests.T.test_y", "method", "def test_y(self)", ()),
        ("disk_test.go", "disk_test.go:TestLoad", "function", "func TestLoad(t *testing.T)", ()),
        ("disk_test.go", "disk_test.go:Suite.TestLoad", "method", "func (s *S) TestLoad()", ()),
        ("disk_test.go", "disk_test.go:ExampleLoad", "function", "func ExampleLoad()", ()),
        ("src/app.test.ts", "src/app.test.ts", "module", "", ()),
        ("src/test/java/AT.java", "AT.java:AT.adds", "method", "@Test public void adds()", ()),
        ("Net.Tests/ATests.cs", "ATests.cs:N.A.Adds", "method", "[Fact] public void Adds()", ()),
        ("crate/src/lib.rs", "crate/src/lib.rs:tests.adds", "function", "fn adds()", ()),
        ("test/cart_test.rb", "cart_test.rb:CartTest.test_total", "method", "def test_total", ()),
    ):
        assert is_test_symbol(path, name, kind, signature, decorators), path


def test_fixtures_helpers_and_products_are_no_tests() -> None:
    for path, name, kind, signature, decorators in (
        ("tests/test_a.py", "tests.test_a.test_x", "function", "def test_x()", ("pytest.fixture",)),
        (
            "tests/test_a.py",
            "tests.test_a.test_x",
            "function",
            "def test_x()",
            ("fixture(scope='module')",),
        ),
        ("tests/test_a.py", "tests.test_a.TestX", "class", "class TestX", ()),
        ("tests/test_a.py", "tests.test_a.make", "function", "def make()", ()),
        ("tests/test_a.py", "test_a.test_x.test_y", "function", "def test_y()", ()),
        ("shop/probe.py", "shop.probe.test_speed", "function", "def test_speed()", ()),
        ("disk_test.go", "disk_test.go:TestHelper", "function", "func TestHelper(n int)", ()),
        ("disk_test.go", "disk_test.go:Testify", "function", "func Testify(t *testing.T)", ()),
        ("disk.go", "disk.go:TestLoad", "function", "func TestLoad(t *testing.T)", ()),
        ("src/app.test.ts", "src/app.test.ts:make", "function", "function make()", ()),
        ("src/app.ts", "src/app.ts", "module", "", ()),
        ("src/test/java/AT.java", "AT.java:AT.setUp", "method", "@Before void setUp()", ()),
        ("crate/src/lib.rs", "crate/src/lib.rs:adds", "function", "fn adds()", ()),
    ):
        assert not is_test_symbol(path, name, kind, signature, decorators), (path, name)
