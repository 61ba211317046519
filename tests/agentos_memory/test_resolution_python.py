"""Edges between Python symbols: what is resolved, how surely, and what stays open."""

from __future__ import annotations

from itertools import permutations
from textwrap import dedent

import pytest

from agentos_memory.resolution import resolve
from tests.agentos_memory.sources import (
    analyse_repository,
    edges,
    find_edge,
    graph_of,
    resolve_repository,
)

SHOP = {
    "src/shop/__init__.py": "from .cart import Cart as Basket\nfrom . import tools\n",
    "src/shop/cart.py": """
        class Item:
            def price(self) -> int: ...

        class Cart:
            item: Item
            def __init__(self, items: list[Item]) -> None:
                self.items = items
                self.first = Item()
            def total(self):
                self.check()
                self.first.price()
                return [each.price() for each in self.items]
            def check(self): ...
            @classmethod
            def empty(cls) -> "Cart":
                return cls([])
            @property
            def last(self) -> Item: ...
        """,
    "src/shop/tools.py": """
        def make(): return Cart([])
        from shop.cart import Cart
        """,
}


def resolve_with_shop(source: str) -> set[tuple[str, str]]:
    found = edges(resolve_repository({**SHOP, "main.py": source}))
    return {(source, target) for source, target in found if source.startswith("main")}


@pytest.mark.parametrize(
    "source",
    [
        "from shop import Basket\ndef run(): Basket.empty().total()",
        "import shop\ndef run(): shop.Basket([]).total()",
        "import shop.cart\ndef run(): shop.cart.Cart([]).total()",
        "import shop.cart as c\ndef run():\n    x = c.Cart([])\n    x.total()",
        "from shop.cart import *\ndef run(): Cart([]).total()",
        "from shop import tools\ndef run(): tools.make().total()",
        "from shop.cart import Cart\ndef run(x: Cart): x.total()",
        "from shop.cart import Cart\ndef run(x: 'Cart | None' = None): x.total()",
        "from typing import Optional\nimport shop\ndef run(x: Optional[shop.Basket]): x.total()",
        "from shop.cart import Cart\ndef run(*xs: Cart):\n    for x in xs: x.total()",
        "from shop.cart import Cart\ndef run(d: dict[str, Cart]):\n    d.get('a').total()",
        "from shop.cart import Cart\ndef run(d: dict[Cart, int]):\n    for x, n in d.items(): x.total()",
        "from shop.cart import Cart\ndef run(x):\n    if isinstance(x, Cart): x.total()",
        "from typing import cast\nfrom shop.cart import Cart\ndef run(x): cast('Cart', x).total()",
        "from shop.cart import Cart\ndef run(): (a := Cart([])).total()",
        "from shop.cart import Cart\ndef run(p: tuple[int, Cart]):\n    n, x = p\n    x.total()",
        "from shop.cart import Cart\ndef run(): [Cart([])][0].total()",
        "from shop.cart import Cart\nCARTS = [Cart([])]\ndef run():\n    for i, x in enumerate(CARTS): x.total()",
        "from shop.cart import Cart\nclass Sub(Cart): pass\ndef run(): Sub([]).total()",
        "import functools\nfrom shop.cart import Cart\ndef run(): functools.partial(Cart, [])().total()",
        "from copy import deepcopy\nfrom shop.cart import Cart\ndef run(x: Cart): deepcopy(x).total()",
        "from shop.cart import Cart\ndef run(xs: list[Cart]): max(xs, key=len).total()",
        "from shop.cart import Cart\ndef run(xs: list[Cart]):\n    for x in filter(None, xs): x.total()",
        "from shop.cart import Cart\ndef run(x: Cart):\n    x = x.last or x\n    x.total()",
        "import shop\nclass Sub(shop.Basket):\n    pass\ndef run():\n    def inner(): Sub([]).total()\n    inner()",
    ],
)
def test_a_method_is_found_behind_imports_types_and_containers(source: str) -> None:
    assert any(target == "shop.cart.Cart.total" for _, target in resolve_with_shop(source))


def test_self_attributes_and_comprehensions_are_typed_inside_a_class() -> None:
    found = edges(resolve_repository(SHOP))
    total = {target for source, target in found if source == "shop.cart.Cart.total"}
    assert total == {"shop.cart.Cart.check", "shop.cart.Item.price"}


def test_a_constructor_call_constructs_the_class_and_calls_its_initialiser() -> None:
    source = "from shop import Basket\ndef run(): Basket([])"
    resolution = resolve_repository({**SHOP, "main.py": source})
    assert ("main.run", "shop.cart.Cart") in edges(resolution, "constructs")
    assert ("main.run", "shop.cart.Cart.__init__") in edges(resolution)


def test_super_follows_the_method_resolution_order() -> None:
    found = edges(
        resolve_repository(
            {
                "m.py": """
                class A:
                    def go(self): ...
                class B(A):
                    pass
                class C(A):
                    def go(self): ...
                class D(B, C):
                    def go(self):
                        super().go()
                """
            }
        )
    )
    assert found == {("m.D.go", "m.C.go")}


def test_context_managers_and_self_types_give_the_subclass() -> None:
    found = edges(
        resolve_repository(
            {
                "m.py": """
                from typing import Self, TypeVar
                from contextlib import contextmanager
                T = TypeVar("T", bound="Base")
                class Base:
                    def __enter__(self: T) -> T: ...
                    def copy(self) -> Self: ...
                class Sub(Base):
                    def own(self): ...
                @contextmanager
                def opened():
                    yield Sub()
                def a():
                    with Sub() as s: s.own()
                def b():
                    with opened() as s: s.own()
                def c(s: Sub): s.copy().own()
                """
            }
        )
    )
    assert {source for source, target in found if target == "m.Sub.own"} == {"m.a", "m.b", "m.c"}


def test_a_known_receiver_without_the_method_gives_neither_edge_nor_open_site() -> None:
    resolution = resolve_repository(
        {**SHOP, "main.py": "from shop import Basket\ndef run(x: Basket): x.price()\n"}
    )
    assert not [e for e in resolution.edges if e.path == "main.py" and e.kind == "calls"]
    assert not resolution.unresolved


def test_a_name_imported_from_outside_is_never_matched_by_name() -> None:
    """The same method name in the repository must not attract a library's calls."""
    resolution = resolve_repository(
        {
            **SHOP,
            "main.py": "import requests\ndef run():\n    requests.get('u').total()\n    ''.check()\n",
        }
    )
    assert not [e for e in resolution.edges if e.path == "main.py"]
    assert not resolution.unresolved


def test_an_unknown_receiver_is_reported_as_open_and_guessed_only_in_the_lowest_tier() -> None:
    resolution = resolve_repository({**SHOP, "main.py": "def run(x):\n    x.total()\n"})
    (site,) = resolution.unresolved
    assert (site.caller, site.callee, site.receiver, site.path, site.line) == (
        "main.run",
        "total",
        "x",
        "main.py",
        2,
    )
    guess = find_edge(resolution, "main.run", "shop.cart.Cart.total")
    assert (guess.tier, guess.confidence) == ("name_only", 0.3)


HIERARCHY = """
    from abc import ABC
    class Base(ABC):
        def go(self): ...
        def stay(self): ...
    class Sub(Base):
        def go(self): ...
    class Deep(Sub):
        def go(self): ...
    def run(x: Base): x.go()
    def only_base(x: Sub): Base.go(x)
    """


@pytest.mark.parametrize("given", ["getattr(thing, 'cart')", "list(map(make, things))[0]"])
def test_what_a_builtin_may_take_from_anywhere_is_unknown_and_not_outside(given: str) -> None:
    resolution = resolve_repository({**SHOP, "main.py": f"def run(): {given}.discount()\n"})
    assert [(site.callee, site.line) for site in resolution.unresolved] == [("discount", 1)]


def test_a_decorator_that_is_called_is_named_with_what_it_decorates() -> None:
    source = "def route(path): ...\n@route('/')\ndef index(): ...\nclass View:\n    @route('/v')\n    def get(self): ...\n"
    resolution = resolve_repository({"m.py": source})
    assert edges(resolution, "decorates") == {("m.index", "m.route"), ("m.View.get", "m.route")}
    assert edges(resolution) == {("m", "m.route"), ("m.View", "m.route")}


HANDED_ON = """
    def go(): ...
    class Job:
        def run(self): ...
    def start(schedule, job: Job):
        schedule(go, after=job.run)
        return {"job": job.run}, [go], go
    """


def test_functions_handed_on_are_callbacks_with_the_line_that_hands_them_on() -> None:
    found = [e for e in resolve_repository({"m.py": HANDED_ON}).edges if e.kind == "callback"]
    assert [(e.source, e.target, e.line) for e in found] == [
        ("m.start", "m.Job.run", 6),
        ("m.start", "m.go", 6),
        ("m.start", "m.Job.run", 7),
        ("m.start", "m.go", 7),
    ]


def test_a_method_overrides_the_nearest_one_above_it() -> None:
    resolution = resolve_repository({"m.py": HIERARCHY})
    assert edges(resolution, "overrides") == {
        ("m.Sub.go", "m.Base.go"),
        ("m.Deep.go", "m.Sub.go"),
    }
    assert edges(resolution, "implements") == {("m.Sub", "m.Base")}
    assert find_edge(resolution, "m.run", "m.Base.go").tier == "typed"


def test_a_call_of_a_base_s_method_may_dispatch_to_every_override() -> None:
    graph = graph_of({"m.py": HIERARCHY})
    (deep,) = graph.find("m.Deep.go")
    callers = {(graph.definitions[r.source].name, r.tier) for r in graph.arriving(deep)}
    assert callers == {("run", "may_dispatch")}
    (run,) = graph.find("m.run")
    reached = {graph.definitions[r.target].qualified_name for r in graph.leaving(run)}
    assert {"m.Base.go", "m.Sub.go", "m.Deep.go"} <= reached


def test_a_wide_hierarchy_costs_no_edge_for_each_pair_of_caller_and_override() -> None:
    subclasses = "".join(f"class S{n}(Base):\n    def go(self): ...\n" for n in range(100))
    callers = "".join(f"def f{n}(x: Base): x.go()\n" for n in range(100))
    source = f"class Base:\n    def go(self): ...\n{subclasses}{callers}"
    assert len(resolve_repository({"m.py": source}).edges) == 300


def test_each_edge_names_tier_rule_and_line() -> None:
    resolution = resolve_repository(SHOP)
    edge = find_edge(resolution, "shop.cart.Cart.total", "shop.cart.Cart.check")
    assert (edge.kind, edge.tier, edge.rule, edge.confidence) == ("calls", "exact", "self", 1.0)
    assert (edge.path, edge.line, edge.target_path) == ("src/shop/cart.py", 11, "src/shop/cart.py")


def test_imports_inheritance_decorators_and_callbacks_make_edges_of_their_own() -> None:
    resolution = resolve_repository(
        {
            "p/__init__.py": "",
            "p/a.py": "LIMIT = 1\nclass Base: ...\ndef wrap(f): return f\n",
            "p/b.py": """
            from .a import Base, LIMIT, wrap
            from . import a
            class Sub(Base): ...
            @wrap
            def handler(): ...
            def run(schedule): schedule(handler, Base)
            """,
        }
    )
    assert edges(resolution, "inherits") == {("p.b.Sub", "p.a.Base")}
    assert edges(resolution, "imports") == {
        ("p.b", "p.a.Base"),
        ("p.b", "p.a.LIMIT"),
        ("p.b", "p.a.wrap"),
        ("p.b", "p.a"),
    }
    assert edges(resolution, "decorates") == {("p.b.handler", "p.a.wrap")}
    assert edges(resolution, "callback") == {("p.b.run", "p.b.handler")}
    assert edges(resolution, "references") == {("p.b.run", "p.a.Base")}


def test_a_test_reaches_what_its_fixture_yields() -> None:
    resolution = resolve_repository(
        {
            **SHOP,
            "tests/conftest.py": """
            import pytest
            from shop import Basket
            @pytest.fixture
            def cart():
                yield Basket([])
            """,
            "tests/unit/test_cart.py": "def test_total(cart):\n    cart.total()\n",
        }
    )
    source = "tests.unit.test_cart.test_total"
    assert (source, "shop.cart.Cart.total") in edges(resolution)
    assert (source, "tests.conftest.cart") in edges(resolution, "fixture")


def test_parameters_and_lambda_variables_hide_globals_of_the_same_name() -> None:
    found = resolve_with_shop(
        """
        from shop import Basket
        cart = Basket([])
        def run(cart): cart.total()
        def only(*, cart): cart.total()
        keyed = lambda cart: cart.total()
        """
    )
    assert not any(target.endswith("total") for _, target in found)


def test_modules_of_one_name_in_two_folders_are_kept_apart() -> None:
    files = {
        "a/app/__init__.py": "def go(): ...",
        "a/app/run.py": "from app import go\ndef main(): go()",
        "b/app/__init__.py": "def go(): ...",
        "b/app/run.py": "from app import go\ndef main(): go()",
    }
    calls = [e for e in resolve_repository(files).edges if e.kind == "calls"]
    assert [(e.path, e.target_path) for e in calls] == [
        ("a/app/run.py", "a/app/__init__.py"),
        ("b/app/run.py", "b/app/__init__.py"),
    ]


def test_a_library_is_not_taken_for_a_package_s_own_module_of_that_name() -> None:
    """Scripts see their own folder; modules inside a package do not."""
    found = edges(
        resolve_repository(
            {
                "p/__init__.py": "",
                "p/json.py": "def loads(text): ...",
                "p/use.py": "import json\ndef run(): json.loads('1')",
                "scripts/shared.py": "def go(): ...",
                "scripts/main.py": "import shared\ndef run(): shared.go()",
            }
        )
    )
    assert found == {("scripts.main.run", "scripts.shared.go")}


def test_edges_are_sorted_by_path_and_line() -> None:
    found = resolve_repository(SHOP).edges
    places = [(edge.path, edge.line, edge.kind, edge.source, edge.target) for edge in found]
    assert places == sorted(places)


def test_the_result_does_not_depend_on_the_order_of_files() -> None:
    results = {resolve(order) for order in permutations(analyse_repository(SHOP))}
    assert len(results) == 1


@pytest.mark.parametrize(
    "source",
    [
        "class A(B): ...\nclass B(A): ...\nA().go()",
        "x = y\ny = x\nx.go()",
        "def f(): return g()\ndef g(): return f()\nf().go()",
        "from m import *\ngo()",
        "T = 'T'\ndef f(x: T): x.go()",
        "class A(A): ...\nA().go()",
    ],
)
def test_cyclic_definitions_come_to_an_end(source: str) -> None:
    resolve_repository({"m.py": dedent(source)})
