"""What is read off one file, and which files are left out."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from agentos_memory.analysis import analyse_file
from agentos_memory.expressions import Attribute
from agentos_memory.languages.collector import FactCollector
from agentos_memory.model import FileAnalysis, SkippedFile
from agentos_memory.python_modules import package_directories, python_module_name
from tests.agentos_memory.sources import analyse

PYTHON_SOURCE = '''
    """About shapes."""
    from .units import Metre as M
    import os.path

    LIMIT = 3

    @register("square")
    class Square(Shape, Generic[T]):
        """Four sides.

        All equal.
        """

        side: M

        def __init__(self, side: M, *, name="s") -> None:
            self.side = side

        @property
        async def area(self) -> "Area":
            return await self.side.squared(
                2)

    def build():
        def inner():
            return Square(M(1))
        return inner()
'''


def test_python_symbols_carry_names_lines_signatures_and_docstrings() -> None:
    analysis = analyse("shapes.py", PYTHON_SOURCE)
    found = {s.qualified_name: s for s in analysis.symbols}
    assert {name: s.kind for name, s in found.items()} == {
        "shapes": "module",
        "shapes.LIMIT": "variable",
        "shapes.Square": "class",
        "shapes.Square.__init__": "method",
        "shapes.Square.area": "method",
        "shapes.build": "function",
        "shapes.build.inner": "function",
    }
    square = found["shapes.Square"]
    assert (square.start_line, square.name_line, square.end_line) == (8, 9, 23)
    assert square.signature == "class Square(Shape, Generic[T])"
    assert square.docstring == "Four sides.\n\nAll equal."
    assert square.bases == ("Shape", "Generic[T]")
    assert square.decorators == ("register",)
    assert found["shapes"].docstring == "About shapes."
    area = found["shapes.Square.area"]
    assert area.signature == 'async def area(self) -> "Area"'
    assert area.parent == "shapes.Square"


def test_calls_name_their_caller_callee_receiver_and_line() -> None:
    analysis = analyse("shapes.py", PYTHON_SOURCE)
    sites = {(c.caller, c.callee, c.receiver, c.line) for c in analysis.calls}
    assert sites == {
        ("shapes", "register", None, 8),
        ("shapes.Square.area", "squared", "self.side", 22),
        ("shapes.build.inner", "Square", None, 27),
        ("shapes.build.inner", "M", None, 27),
        ("shapes.build", "inner", None, 28),
    }


def test_text_beyond_ascii_is_read_as_it_is_written() -> None:
    analysis = analyse(
        "tür.py", "# größer\nclass Öffner:\n    'Öffnet ✓'\nx = Öffner('✓').grüße()\n"
    )
    assert [s.name for s in analysis.symbols] == ["tür", "Öffner", "x"]
    assert analysis.symbols[1].docstring == "Öffnet ✓"
    assert [(c.callee, c.receiver) for c in analysis.calls] == [
        ("Öffner", None),
        ("grüße", "Öffner('✓')"),
    ]


def test_equal_names_of_a_file_are_one_expression() -> None:
    """Memory, storage and evaluation rest on it."""
    analysis = analyse("m.py", "def f(a):\n    a.b.c()\n    a.b.c(a.b)\n    a.b.d()\n")
    first, second, third = (call.function for call in analysis.calls)
    assert first is second
    assert isinstance(first, Attribute) and isinstance(third, Attribute)
    assert first.value is third.value is analysis.references[0].value


def test_python_imports_keep_level_alias_and_bound_name() -> None:
    analysis = analyse("shapes.py", PYTHON_SOURCE)
    found = [(i.module, i.name, i.bound_name, i.level) for i in analysis.imports]
    assert found == [("units", "Metre", "M", 1), ("os.path", None, "os", 0)]


def test_broken_code_still_gives_the_definitions_that_the_parser_recovers() -> None:
    analysis = analyse(
        "broken.py",
        """
        def first():
            return helper()

        total = = 3

        class Later:
            def method(self):
                first()

        def half(
        """,
    )
    names = {s.name for s in analysis.symbols}
    assert analysis.has_errors
    assert {"first", "Later", "method"} <= names


@pytest.mark.parametrize(
    ("path", "source", "reason"),
    [
        ("notes.txt", b"hello", "unsupported"),
        ("a.py", b"x = 1\0", "binary"),
        ("a.py", b"x = '\xff'", "encoding"),
        ("a.py", b"#" * (1024 * 1024 + 1), "too_large"),
        ("a.js", b"var a='" + b"x" * 20_001 + b"'", "minified"),
        ("a.js", b"f();\n" * 9_000 + b"x" * 20_001 + b"\n" + b"g();\n" * 9_000, "minified"),
        ("a.ts", b"let x: " + b"A<" * 3_000 + b"B" + b">" * 3_000, "too_deeply_nested"),
    ],
)
def test_files_that_cannot_be_read_as_source_are_skipped_with_a_reason(
    path: str, source: bytes, reason: str
) -> None:
    skipped = analyse_file(path, source)
    assert isinstance(skipped, SkippedFile)
    assert (skipped.path, skipped.reason) == (path, reason)


@pytest.mark.parametrize(
    "source",
    [
        b"# " + b"x" * 19_998 + b"\n" + b"x = 1\n" * 9_000,
        # More bytes than characters, and lines that end in carriage returns alone.
        "x = '{}'\n".format("\u00e9" * 15_000).encode() * 3,
        b"x = 1\r" * 9_000,
    ],
    ids=["longest", "characters", "returns"],
)
def test_lines_that_are_as_long_as_they_may_be_are_read(source: bytes) -> None:
    analysis = analyse_file("a.py", source)
    assert isinstance(analysis, FileAnalysis)


@pytest.mark.parametrize(
    ("source", "n_lines"),
    [
        (b"", 0),
        (b"x", 1),
        (b"x\n", 1),
        (b"x\ny", 2),
        (b"x\r\ny\r\n", 2),
        (b"x\ry", 2),
        (b"\n\n", 2),
    ],
)
def test_lines_are_counted_by_all_their_ends(source: bytes, n_lines: int) -> None:
    analysis = analyse_file("a.py", source)
    assert isinstance(analysis, FileAnalysis)
    assert analysis.line_count == n_lines


def test_an_empty_file_is_a_module_of_one_line() -> None:
    (module,) = analyse("empty.py", "").symbols
    assert (module.kind, module.start_line, module.end_line) == ("module", 1, 1)


@pytest.mark.parametrize(
    "nest",
    [
        lambda n: "x = " + "(" * n + "f()" + ")" * n,
        lambda n: "x = " + " + ".join(["f()"] * n),
        lambda n: "x = " + "f(" * n + ")" * n,
        lambda n: "x = f()" + ".g()" * n,
    ],
    ids=["parentheses", "sum", "calls", "chain"],
)
def test_deeply_nested_code_is_analysed_without_exhausting_the_stack(
    nest: Callable[[int], str],
) -> None:
    assert analyse("deep.py", nest(3000)).symbols[0].name == "deep"


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("src/shop/cart.py", "shop.cart"),
        ("src/shop/__init__.py", "shop"),
        ("src/shop/plain/deep.py", "shop.plain.deep"),
        ("src/alone.py", "alone"),
        ("plugins/memory/store/index.py", "store.index"),
        ("tests/conftest.py", "tests.conftest"),
        ("setup.py", "setup"),
    ],
)
def test_python_modules_are_named_from_the_highest_package(path: str, module: str) -> None:
    """A folder without `__init__.py` inside a package belongs to it (PEP 420)."""
    packages = package_directories(["src/shop/__init__.py", "plugins/memory/store/__init__.py"])
    assert python_module_name(path, packages) == module


def test_typescript_symbols_cover_classes_interfaces_types_and_arrow_functions() -> None:
    analysis = analyse(
        "web/cart.ts",
        """
        /** What can be bought. */
        export interface Item { price(): number }
        type Money = number;
        enum Size { S, L }
        export abstract class Cart<T> extends Base<T> implements Item {
          private items: Item[] = [];
          static empty(): Cart { return new Cart(); }
          handler = (event: Event) => this.items.push(event);
          price(): number { return 1; }
        }
        export const open = async (id: string): Promise<Cart> => load(id);
        const limit = 3;
        """,
    )
    found = {s.qualified_name.removeprefix("web/cart.ts"): s for s in analysis.symbols}
    assert {name: s.kind for name, s in found.items()} == {
        "": "module",
        ":Item": "interface",
        ":Item.price": "method",
        ":Money": "type",
        ":Size": "enum",
        ":Cart": "class",
        ":Cart.empty": "method",
        ":Cart.handler": "method",
        ":Cart.price": "method",
        ":open": "function",
        ":limit": "variable",
    }
    assert found[":Item"].docstring == "What can be bought."
    assert found[":Cart"].bases == ("Base", "Item")
    assert found[":open"].signature == "open = async (id: string): Promise<Cart>"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("a.py", "def f(x):\n    return [lambda: g(y) for y in x]\n"),
        ("a.ts", "export const f = (x: T) => x.map((y) => g(y));\n"),
        ("a.go", "package a\n\nfunc f(x T) { go func() { g(x) }() }\n"),
        ("a.rb", "def f(x)\n  x.map { |y| g(y) }\nend\n"),
        ("A.java", "class A { void f(T x) { x.map(y -> g(y)); } }\n"),
    ],
)
def test_an_analysis_leaves_nothing_to_the_cycle_collector_which_rests_in_bulk_work(
    path: str, source: str
) -> None:
    gc.collect()
    gc.disable()
    try:
        analyse(path, source)
        assert not [each for each in gc.get_objects() if type(each) is FactCollector]
    finally:
        gc.enable()
