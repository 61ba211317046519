"""Resolving what a change can have reached gives what resolving everything gives."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from random import Random
from textwrap import dedent

import pytest

from agentos_memory.model import Edge, FileAnalysis, Resolution, UnresolvedSite
from agentos_memory.resolution import resolve
from agentos_memory.resolution.incremental import resolve_changed
from agentos_memory.resolution.outlines import outline_of
from tests.agentos_memory.sources import analyse_repository

FILES = {
    "shop/__init__.py": "from .cart import Cart as Basket\nfrom .tools import *\n",
    "shop/cart.py": """
        from .base import Held, Priced
        class Item(Priced):
            def price(self): return self.amount()
        class Cart(Held):
            def __init__(self):
                self.first = Item()
                self.items = [self.first]
            def __iter__(self): return iter(self.items)
            def __enter__(self): return self
            def total(self):
                for each in self: each.price()
                return self.held()
            def copy(self): return self
            @property
            def last(self): return self.items[-1]
        """,
    "shop/base.py": """
        class Priced:
            def amount(self): return 1
            def price(self): return self.amount()
        class Held(Priced):
            def held(self): return Holder()
        class Holder:
            def drop(self): return self.keep()
            def keep(self): return Priced()
        """,
    "shop/tools.py": """
        from .cart import Cart
        def make(): return Cart()
        def fill(cart): return make().copy()
        def wrap(function): return function
        """,
    "use.py": """
        import shop
        from shop import Basket, fill, make as build
        from shop.tools import wrap
        @wrap
        def run():
            with build() as cart:
                cart.total().drop()
                cart.last.price()
            return fill(cart)
        def again():
            result = run()
            result.copy().total()
            unknown.held()
        class Big(Basket):
            def total(self):
                super().total()
                for each in self: each.amount()
        """,
    "deep.py": """
        from use import Big, again, run
        def deeper(big: Big):
            big.total().keep().amount()
            run().first.price()
            big.first.price()
            return [x.price() for x in run()]
        """,
    "tests/conftest.py": """
        import pytest
        from shop import make
        @pytest.fixture
        def cart(): return make()
        @pytest.fixture(name="full")
        def make_full(cart): return cart
        """,
    "tests/cases.py": """
        import pytest
        @pytest.mark.usefixtures("full")
        class Cases:
            @pytest.fixture
            def item(self, cart): return cart.last
        """,
    "tests/test_cases.py": """
        import pytest
        from cases import Cases
        class TestCart(Cases):
            def test_item(self, item, request):
                item.price()
                request.getfixturevalue("full")
            @pytest.mark.parametrize("full", [1])
            def test_full(self, full): full.total()
        def test_again(full): full.total()
        """,
    "tests/test_cart.py": """
        def test_total(cart):
            cart.total()
            for item in cart: item.price()
        """,
}

Found = dict[str, tuple[tuple[Edge, ...], tuple[UnresolvedSite, ...]]]


def analysed(files: Mapping[str, str]) -> dict[str, FileAnalysis]:
    return {each.path: each for each in analyse_repository(files)}


def by_path(resolution: Resolution) -> Found:
    edges: defaultdict[str, list[Edge]] = defaultdict(list)
    sites: defaultdict[str, list[UnresolvedSite]] = defaultdict(list)
    for edge in resolution.edges:
        edges[edge.path].append(edge)
    for site in resolution.unresolved:
        sites[site.path].append(site)
    return {p: (tuple(edges[p]), tuple(sites[p])) for p in edges.keys() | sites.keys()}


def resolved_after(
    before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[Found, Found, set[str]] | None:
    """What stands after the change, all resolved anew, and the files resolved for it."""
    old, new = analysed(before), analysed(after)
    changed = {p for p in old.keys() | new.keys() if before.get(p) != after.get(p)}
    result = resolve_changed(
        {path: outline_of(each) for path, each in new.items()},
        {path: old[path] for path in changed & old.keys()},
        {path: new[path] for path in changed & new.keys()},
        new.__getitem__,
    )
    if result is None:
        return None
    found = {p: each for p, each in by_path(resolve([*old.values()])).items() if p in new}
    found |= {path: (each.edges, each.unresolved) for path, each in result.items()}
    found = {path: each for path, each in found.items() if each != ((), ())}
    return found, by_path(resolve([*new.values()])), set(result)


def edited(files: Mapping[str, str], random: Random) -> dict[str, str]:
    """One random edit: lines removed, doubled or taken from elsewhere, a name changed, a file."""
    path = random.choice(sorted(files))
    lines = files[path].split("\n")
    at = random.randrange(len(lines))
    words = re.findall(r"\b[a-zA-Z_]\w+\b", files[path])
    other = random.choice(random.choice(sorted(files.values())).split("\n"))
    match random.randrange(7):
        case 0:
            del lines[at : at + random.randint(1, 3)]
        case 1:
            lines.insert(at, lines[at])
        case 2:
            lines.insert(at, other)
        case 3 | 4 if words and re.findall(r"\w+", other):
            word = random.choice(re.findall(r"\w+", other))
            lines = re.sub(rf"\b{random.choice(words)}\b", word, files[path]).split("\n")
        case 5:
            return {p: text for p, text in files.items() if p != path}
        case _:
            return {**files, f"new{at}.py": "\n".join(lines)}
    return {**files, path: "\n".join(lines)}


@pytest.mark.parametrize("seed", range(8))
def test_what_a_random_edit_reaches_is_resolved_as_with_everything_else(seed: int) -> None:
    """Over a history of edits; most are local, so most are resolved in part."""
    random = Random(seed)
    files = {path: dedent(text) for path, text in FILES.items()}
    n_partial = 0
    for _ in range(25):
        after = edited(files, random)
        resolved = resolved_after(files, after)
        if resolved is not None:
            n_partial += 1
            found, expected, _paths = resolved
            assert found == expected
        if len(after) > 4:
            files = after
    assert n_partial > 10


def test_a_changed_body_reaches_no_other_file() -> None:
    text = FILES["shop/tools.py"].replace("return make", "make().total(); return make")
    after = FILES | {"shop/tools.py": text}
    resolved = resolved_after(FILES, after)
    assert resolved is not None
    assert resolved[2] == {"shop/tools.py"}


def test_a_changed_return_reaches_those_that_only_use_what_hangs_on_it() -> None:
    """`deep.py` mentions neither `make` nor its file, only `run`, whose result hangs on it."""
    after = FILES | {"shop/tools.py": FILES["shop/tools.py"].replace("Cart()", "None")}
    resolved = resolved_after(FILES, after)
    assert resolved is not None
    found, expected, paths = resolved
    assert found == expected
    assert "deep.py" in paths


def test_a_special_method_reaches_those_that_run_it_without_naming_it() -> None:
    files = {
        "a.py": """
            class A:
                def __enter__(self): return B()
            class B:
                def go(self): ...
            class C:
                def go(self): ...
            """,
        "b.py": "from a import A\ndef run():\n    with A() as opened: opened.go()\n",
    }
    after = files | {"a.py": files["a.py"].replace("return B()", "return C()")}
    resolved = resolved_after(files, after)
    assert resolved is not None
    found, expected, paths = resolved
    assert found == expected
    assert paths == {"a.py", "b.py"}


def test_another_name_of_a_fixture_reaches_the_tests_that_ask_for_either() -> None:
    files = {
        "cases.py": "import pytest\n@pytest.fixture(name='one')\ndef make(): ...\n",
        "test_a.py": "from cases import *\ndef test_a(one): ...\n",
        "test_b.py": "from cases import *\ndef test_b(two): ...\n",
        "test_c.py": "from cases import *\ndef test_c(three): ...\n",
    }
    after = files | {"cases.py": files["cases.py"].replace("'one'", "'two'")}
    resolved = resolved_after(files, after)
    assert resolved is not None
    found, expected, paths = resolved
    assert found == expected
    assert paths == {"cases.py", "test_a.py", "test_b.py"}


@pytest.mark.parametrize(
    "change",
    [
        {"more/__init__.py": ""},
        {"web/app.ts": "export const x = 1;"},
        {"use.py": "from shop.tools import *\nmake()\n"},
        {"tests/conftest.py": "import pytest\n@pytest.fixture(autouse=True)\ndef clean(): ...\n"},
        {"tests/conftest.py": "pytest_plugins = ['cases']\n"},
    ],
)
def test_what_changes_how_any_name_is_found_is_left_to_resolving_everything(
    change: dict[str, str],
) -> None:
    assert resolved_after(FILES, FILES | change) is None
