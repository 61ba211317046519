"""Packages, modules, builds and symbols of Go."""

from __future__ import annotations

from agentos_memory.analysis import analyse_file
from agentos_memory.languages.go_imports import default_name
from agentos_memory.model import FileAnalysis
from tests.agentos_memory.go_sources import DISK, ITEM, MODULE, STORE, called_by_run, resolution_of
from tests.agentos_memory.sources import analyse, edges, find_edge, resolve_repository


def test_imports_are_followed_under_the_packages_own_name_an_alias_or_a_dot() -> None:
    for imports, name in (
        ('"example.org/shop/store"', "store."),
        ('(\n\tkeep "example.org/shop/store"\n)', "keep."),
        ('. "example.org/shop/store"', ""),
    ):
        assert called_by_run(f"func run() {{ {name}NewDisk(nil) }}", imports) == {"NewDisk"}
    resolution = resolution_of("func run() { store.NewDisk(nil) }")
    assert ("main.go", "store/disk.go") in edges(resolution, "imports")
    assert ("main.go", "store/store.go") not in edges(resolution, "imports")


def test_a_package_is_bound_by_its_clause_and_not_by_the_folder() -> None:
    found = edges(
        resolve_repository(
            {
                **MODULE,
                "go-json/v2/json.go": "package fastjson\n\nfunc Parse() {}\n",
                "main.go": """
                package main

                import "example.org/shop/go-json/v2"

                func run() { fastjson.Parse() }
                """,
            }
        )
    )
    assert found == {("main.go:run", "go-json/v2/json.go:Parse")}


def test_the_name_of_a_package_outside_is_guessed_from_its_path() -> None:
    for path, name in (
        ("github.com/go-chi/chi/v5", "chi"),
        ("gopkg.in/yaml.v3", "yaml"),
        ("github.com/mattn/go-isatty", "isatty"),
        ("fmt", "fmt"),
    ):
        assert default_name(path) == name


def test_tests_share_their_package_and_external_tests_import_it() -> None:
    resolution = resolve_repository(
        {
            **STORE,
            "store/disk_test.go": """
            package store

            func TestLoad(t *testing.T) { NewDisk(nil).Load("") }
            """,
            "store/example_test.go": """
            package store_test

            import "example.org/shop/store"

            func NewDisk() {}
            func ExampleNewDisk() { NewDisk(); store.NewDisk(nil) }
            """,
        }
    )
    found = {(s.rpartition(":")[2], t) for s, t in edges(resolution)}
    assert ("TestLoad", "store/disk.go:NewDisk") in found
    assert ("TestLoad", f"{DISK}.Load") in found
    assert ("ExampleNewDisk", "store/example_test.go:NewDisk") in found
    assert ("ExampleNewDisk", "store/disk.go:NewDisk") in found


def test_files_for_other_systems_are_called_under_a_build_constraint() -> None:
    resolution = resolve_repository(
        {
            **MODULE,
            "open.go": "package main\n\nfunc run() { open() }\n",
            "open_linux.go": "package main\n\nfunc open() {}\n",
            "open_windows.go": "package main\n\nfunc open() { check() }\n\nfunc check() {}\n",
            "open_other.go": "// +build !linux,!windows js\n// +build !ignore\n\npackage main\n\nfunc open() {}\n",
            "check.go": "//go:build !windows\n\npackage main\n\nfunc check() {}\n",
        }
    )
    assert edges(resolution) == {
        ("open.go:run", "open_linux.go:open"),
        ("open_windows.go:open", "open_windows.go:check"),
    }
    stand_ins = edges(resolution, "overrides", tiers=("may_dispatch",))
    assert stand_ins == {
        ("open_windows.go:open", "open_linux.go:open"),
        ("open_other.go:open", "open_linux.go:open"),
        ("open_windows.go:check", "check.go:check"),
    }
    # A graph follows the overrides of this rule from callers to what stands in.
    assert find_edge(resolution, "open.go:run", "open_linux.go:open").rule == "build constraint"


def test_modules_of_a_workspace_replaced_and_vendored_packages_are_found() -> None:
    resolution = resolve_repository(
        {
            "go.work": "go 1.21\n\nuse (\n\t./api\n\t./web\n)\n",
            "api/go.mod": "module example.org/api/v2\n",
            "api/types/types.go": "package types\n\nfunc Make() {}\n",
            "web/go.mod": """module "example.org/web" // the site

            require example.org/fork v1.0.0
            replace (
            \texample.org/fork v1.0.0 => ../third_party/fork
            )
            """,
            "third_party/fork/fork.go": "package fork\n\nfunc Fork() {}\n",
            "web/vendor/example.org/lib/lib.go": "package lib\n\nfunc Lib() {}\n",
            "web/internal/page/page.go": "package page\n\nfunc Page() {}\n",
            "web/main.go": """
            package main

            import (
            \t"example.org/api/v2/types"
            \t"example.org/fork"
            \t"example.org/lib"
            \t"example.org/web/internal/page"
            )

            func run() { types.Make(); fork.Fork(); lib.Lib(); page.Page() }
            """,
        }
    )
    assert {t.rpartition(":")[2] for _, t in edges(resolution)} == {"Make", "Fork", "Lib", "Page"}


def test_the_module_is_inferred_when_no_module_file_says_it() -> None:
    resolution = resolve_repository({k: v for k, v in STORE.items() if k != "go.mod"} | {
        "cmd/main.go": """
        package main

        import "github.com/someone/shop/store"

        func main() { store.NewDisk(nil) }
        """,
    })  # fmt: skip
    assert ("cmd/main.go:main", "store/disk.go:NewDisk") in edges(resolution)


def test_types_variables_and_constants_are_referenced_where_they_are_named() -> None:
    found = edges(
        resolution_of(
            "var limit = 3\nfunc take(n int) {}\nfunc run(d store.Disk) *store.Item "
            "{ take(limit); return nil }"
        ),
        "references",
    )
    assert {("main.go:run", t) for t in (DISK, ITEM, "main.go:limit")} <= found


def test_symbols_carry_signatures_kinds_and_the_comments_above_them() -> None:
    analysis = analyse(
        "shop/item.go",
        """
        // Package shop sells.
        package shop

        // MaxItems is the limit.
        const MaxItems = 3

        type (
        \t// Item is one thing.
        \t//
        \t//go:generate stringer
        \tItem struct {
        \t\tName string
        \t}
        \tNames []string
        \tNamer interface {
        \t\t// Rename gives another name.
        \t\tRename(to string) error
        \t}
        )

        // Rename is documented.
        func (i *Item) Rename(to string) (err error) {
        \treturn nil
        }
        """,
    )
    assert analysis.symbols[0].docstring == "Package shop sells."
    assert [
        (s.qualified_name.rpartition(":")[2], s.kind, s.signature, s.docstring)
        for s in analysis.symbols[1:]
    ] == [
        ("MaxItems", "variable", "const MaxItems = 3", "MaxItems is the limit."),
        ("Item", "class", "type Item struct", "Item is one thing."),
        ("Names", "type", "type Names []string", ""),
        ("Namer", "interface", "type Namer interface", ""),
        (
            "Namer.Rename",
            "method",
            "Rename(to string) error",
            "Rename gives another name.",
        ),
        (
            "Item.Rename",
            "method",
            "func (i *Item) Rename(to string) (err error)",
            "Rename is documented.",
        ),
    ]


def test_broken_recursive_and_deep_code_is_analysed_without_an_error() -> None:
    sources = [
        "package p\nfunc a( { b() }\nfunc b() { a() ",
        (
            "package p\ntype T struct { T }\ntype I interface { I }\ntype A = B\ntype B = A\n"
            "func f(t T, i I, a A) { t.x(); i.y(); a.z() }"
        ),
        "package p\nvar x = y\nvar y = x\nfunc f() { x.a(); z := z; z.b() }",
        "package p\ntype G[T G[T]] struct { G[G[T]] }\nfunc f(g G[int]) { g.x() }",
        "package p\nfunc f() { x" + ".a()" * 400 + " }",
        "package p\nfunc f() { x := " + " + ".join(["a.b()"] * 2000) + "; x.y() }",
        "func",
        "package",
        "package p\nfunc (",
        "package p\nfunc (x) () {}\ntype\nvar = \nimport (",
        "package p; func f() { switch x := y.(type) { case: x.z() }; for range { }; select { } }",
        "package p; func f[T](a []T) { f[](nil); a[].b(); map[]int{}; []T{{}, {1: {}}} }",
        "",
    ]
    for index, source in enumerate(sources):
        analysis = analyse_file(f"{index}.go", source.encode())
        assert isinstance(analysis, FileAnalysis), source[:60]
        resolve_repository({"go.mod": source, f"{index}.go": source})
    whole = "package p\nfunc a() { b() }\nfunc b() { "
    assert edges(resolve_repository({"p.go": whole})) == {("p.go:a", "p.go:b")}
