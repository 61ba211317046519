"""Types, calls and interfaces of Go."""

from __future__ import annotations

from tests.agentos_memory.go_sources import DISK, ITEM, MODULE, STORE, called_by_run, resolution_of
from tests.agentos_memory.sources import edges, find_edge, resolve_repository


def test_names_of_a_package_are_seen_in_all_of_its_files_and_methods_are_named_by_their_type() -> (
    None
):
    resolution = resolve_repository(STORE)
    assert edges(resolution) == {
        (f"{ITEM}.Title", f"{ITEM}.format"),
        (f"{DISK}.Load", f"{ITEM}.Title"),
        (f"{DISK}.Load", "store/disk.go:Loader.Load"),
    }
    assert edges(resolution, "constructs") == {("store/disk.go:NewDisk", DISK)}
    assert edges(resolution, "inherits") == {("store/store.go:Owner", ITEM)}
    assert not resolution.unresolved


def test_constructors_results_fields_and_promoted_methods_carry_types() -> None:
    for body in (
        "func run(d *store.Disk) { i, _ := d.Load(`a`); i.Title() }",
        "func run() { d := store.NewDisk(nil); i, err := d.Load(`a`); i.Title(); _ = err }",
        "func run() { var d store.Disk; i, _ := d.Load(`a`); (*i).Title() }",
        "var d = store.NewDisk(nil)\nfunc run() { i, _ := d.Load(`a`); (&*i).Title() }",
        "type D struct { *store.Disk }\nfunc run(d D) { i, _ := d.Load(`a`); i.Title() }",
        (
            "type D struct { in struct { d store.Disk } }\n"
            "func (d *D) get() *store.Disk { return &d.in.d }\n"
            "func run(x D) { i, _ := x.in.d.Load(`a`); i.Title() }"
        ),
    ):
        assert called_by_run(body) - {"NewDisk"} == {"Disk.Load", "Item.Title"}, body
    assert called_by_run("func run(o store.Owner) { o.Title(); o.Item.Title() }") == {"Item.Title"}
    deep = "type A struct{ b }\ntype b struct{ *c }\ntype c struct{ store.Item }\n"
    assert called_by_run(f"{deep}func run(a A) {{ a.Title(); a.c.Owner() }}") == {
        "Item.Title",
        "Item.Owner",
    }
    promoted = resolution_of("func run(o store.Owner) { o.Title() }")
    assert find_edge(promoted, "main.go:run", f"{ITEM}.Title").rule == "promoted method"


def test_loops_channels_containers_assertions_and_closures_carry_types() -> None:
    for body in (
        "func run(xs []*store.Item) { for _, x := range xs { x.Title() } }",
        "func run(xs map[string]store.Item) { for _, x := range xs { x.Title() } }",
        "func run(xs map[store.Item]int) { for x := range xs { x.Title() } }",
        "func run(xs chan store.Item) { for x := range xs { x.Title() } }",
        "func run(xs <-chan store.Item) { x, ok := <-xs; x.Title(); _ = ok }",
        "func run(xs chan store.Item) { select { case x := <-xs: x.Title() } }",
        "func run(xs ...store.Item) { xs[0].Title(); defer xs[1:][0].Title() }",
        "func run(x any) { x.(*store.Item).Title() }",
        "func run(x any) { if i, ok := x.(store.Item); ok { go i.Title() } }",
        "func run(x any) { switch i := x.(type) { case *store.Item: i.Title() } }",
        "func run() { func(i *store.Item) { i.Title() }(nil) }",
        "func run(f func() store.Item) { f().Title() }",
        "type F func() store.Item\nfunc run(f F) { f().Title() }",
        "func run() { for _, c := range []struct{ i *store.Item }{{nil}} { c.i.Title() } }",
        "func run() { new(store.Item).Title(); make([]store.Item, 1)[0].Title() }",
        "func run(xs []store.Item) { append(xs, store.Item{})[0].Title() }",
        (
            "func run(next func(yield func(int, store.Item) bool)) "
            "{ for _, x := range next { x.Title() } }"
        ),
    ):
        assert called_by_run(body) == {"Item.Title"}, body


def test_a_name_means_the_declaration_of_its_block() -> None:
    assert called_by_run(
        """
        type other struct{}
        func (other) Title() {}
        func run(x *store.Item) {
        \tif x := (other{}); true {
        \t\tx.Title()
        \t}
        \tx.Owner()
        }
        """
    ) == {"other.Title", "Item.Owner"}
    shadowed = "func Title() {}\nfunc run(Title func()) { Title() }"
    assert called_by_run(shadowed) == set()
    several = """
        func run(x any) {
        \tswitch v := x.(type) {
        \tcase *store.Disk:
        \t\tv.Load("")
        \tcase *store.Item, error:
        \t\tv.Title()
        \tcase store.Item:
        \t\tv.Owner()
        \t}
        }
        """
    assert called_by_run(several) == {"Disk.Load", "Item.Owner"}


def test_a_known_receiver_without_the_method_and_packages_from_outside_give_no_edge() -> None:
    resolution = resolution_of(
        """
        import (
        \t"net/http"
        \tyaml "example.org/other/go-yaml"
        )
        type server struct { http.Server; cache yaml.Node }
        func run(s *server, r *http.Request, i store.Item) {
        \ts.Load(); s.cache.Load(); r.URL.Load(); i.Load(); yaml.Load().Load()
        \tvar e error
        \te.Error()
        }
        """
    )
    assert not [e for e in resolution.edges if e.source == "main.go:run" and e.kind == "calls"]
    assert not resolution.unresolved


def test_an_unknown_receiver_becomes_an_unresolved_site() -> None:
    resolution = resolve_repository(
        {
            **MODULE,
            "main.go": """
            package main

            import "example.org/shop/generated"

            func run(m generated.Message) { m.Validate(); missing() }
            """,
        }
    )
    assert not edges(resolution)
    assert [(s.callee, s.receiver) for s in resolution.unresolved] == [
        ("Validate", "m"),
        ("missing", None),
    ]


def test_type_parameters_are_inferred_given_and_bound_by_constraints() -> None:
    generic = """
        type List[T any] struct { items []T; next *List[T] }
        func (l *List[E]) First() E { return l.next.items[0] }
        func Map[T, U any](xs []T, f func(T) U) []U { return nil }
        func Zero[T any]() T { var z T; return z }
        type titled interface{ Title() string }
        """
    for body in (
        "func run(l List[*store.Item]) { l.First().Title() }",
        "func run() { var l = &List[store.Item]{}; l.First().Title() }",
        "func run(xs []string) { Map(xs, func(s string) store.Item { return nil })[0].Title() }",
        (
            "func get(s string) *store.Item { return nil }\n"
            "func run(xs []string) { Map(xs, get)[0].Title() }"
        ),
        "func run() { Zero[store.Item]().Title() }",
    ):
        assert "Item.Title" in called_by_run(generic + body), body
    bound = "func run[T titled](x T) { x.Title() }"
    assert called_by_run(generic + bound) == {"titled.Title"}


def test_a_type_with_the_methods_implements_the_interface_and_one_with_another_type_does_not() -> (
    None
):
    resolution = resolution_of(
        """
        type remote struct { store.Loader }
        type wrong struct{}
        func (wrong) Load(key int) (*store.Item, error) { return nil, nil }
        type both interface { store.Loader; Close() error }
        type file struct { *store.Disk }
        func (f file) Close() error { return nil }
        """
    )
    loader = "store/disk.go:Loader"
    assert edges(resolution, "implements") == {
        (DISK, loader),
        ("main.go:remote", loader),
        ("main.go:file", loader),
        ("main.go:file", "main.go:both"),
    }
    assert edges(resolution, "overrides") == {
        (f"{DISK}.Load", f"{loader}.Load"),
        ("main.go:file.Close", "main.go:both.Close"),
    }


def test_constraints_and_hidden_methods_of_other_packages_are_not_implemented() -> None:
    resolution = resolution_of(
        """
        type number interface { ~int | ~float64; Load(key string) (*store.Item, error) }
        type pointer[T any] interface { *T; Load(key string) (*store.Item, error) }
        type hidden interface { format() string }
        """
    )
    assert {s for s, t in edges(resolution, "implements") if t.startswith("main.go")} == set()


def test_methods_of_the_library_count_when_an_interface_or_a_struct_embeds_its_types() -> None:
    resolution = resolution_of(
        """
        type Syncer interface { io.Writer; Sync() error }
        type file struct { name string }
        func (f file) Write(p []byte) (int, error) { return 0, nil }
        func (f file) Sync() error { return nil }
        type buffered struct { bytes.Buffer }
        func (b buffered) Sync() error { return nil }
        type logger struct{}
        func (l logger) Write(message string) {}
        func (l logger) Sync() error { return nil }
        type silent struct{}
        func (s silent) Sync() error { return nil }
        """,
        '(\n"bytes"\n"io"\n"example.org/shop/store"\n)',
    )
    assert {s for s, t in edges(resolution, "implements") if t == "main.go:Syncer"} == {
        "main.go:file",
        "main.go:buffered",
    }


def test_functions_and_methods_as_values_are_callbacks() -> None:
    resolution = resolution_of(
        """
        import "net/http"
        type handlers map[string]func()
        func helper() {}
        func run(d *store.Disk, i store.Item) {
        \thttp.HandleFunc("/", d.Load)
        \t_ = handlers{"a": helper}
        \tf := store.NewDisk
        \tf(nil)
        \tg := (*store.Item).Owner
        \t_ = g
        }
        """
    )
    found = {t for s, t in edges(resolution, "callback") if s == "main.go:run"}
    assert found == {
        f"{DISK}.Load",
        "main.go:helper",
        "store/disk.go:NewDisk",
        f"{ITEM}.Owner",
    }
    assert ("main.go:run", "store/disk.go:NewDisk") in edges(resolution)


def test_a_function_literal_of_a_package_variable_belongs_to_the_variable() -> None:
    resolution = resolution_of(
        "var command = &Command{Run: func() { store.NewDisk(nil) }}\ntype Command struct{}"
    )
    assert ("main.go:command", "store/disk.go:NewDisk") in edges(resolution)
    assert ("main.go:command", "main.go:Command") in edges(resolution, "constructs")


def test_constants_of_a_group_repeat_the_type_of_the_first() -> None:
    body = """
        type level int
        func (l level) Name() string { return "" }
        const (
        \tlow level = iota
        \thigh
        )
        func run() { high.Name(); level(3).Name(); (low + 1).Name() }
        """
    resolution = resolution_of(body)
    assert {t for s, t in edges(resolution) if s == "main.go:run"} == {"main.go:level.Name"}
    assert ("main.go:run", "main.go:level") in edges(resolution, "constructs")
    local = """
        type level int
        func (l level) Name() {}
        func run() {
        \tconst (
        \t\tlow level = iota
        \t\thigh
        \t)
        \thigh.Name()
        }
        """
    assert called_by_run(local) == {"level.Name"}


def test_values_are_constructed_by_literals_with_and_without_the_type_and_by_new() -> None:
    for body in (
        "var x = store.Item{}",
        "var x = &store.Item{Name: `a`}",
        "var x = []store.Item{{Name: `a`}}",
        "var x = map[string]*store.Item{`a`: {}}",
        "var x = new(store.Item)",
    ):
        assert ("main.go:x", ITEM) in edges(resolution_of(body), "constructs"), body
    empty = edges(resolution_of("var x = []store.Item{}"), "constructs")
    assert ("main.go:x", ITEM) not in empty


def test_functions_in_slices_and_generic_functions_are_told_apart_when_called_by_index() -> None:
    body = """
        func pick[T any](x T) T { return x }
        type bus struct { hooks []func(store.Item) *store.Item }
        func run(b *bus, i int, all []func(int) store.Item) {
        \tb.hooks[i](store.Item{}).Title()
        \tall[i](3).Owner()
        \tpick[*store.Disk](nil).Load("")
        }
        """
    assert called_by_run(body) == {"Item.Title", "Item.Owner", "pick", "Disk.Load"}
    resolution = resolution_of(body)
    assert not resolution.unresolved
    assert not edges(resolution, "callback")


def test_types_of_ours_come_back_out_of_generic_types_of_the_library() -> None:
    imports = '(\n"example.org/shop/store"\n"slices"\n"sync"\n"sync/atomic"\n)'
    for body in (
        "func run(p *atomic.Pointer[store.Item]) { p.Load().Title() }",
        "func run(xs []store.Item) { slices.Clone(xs)[0].Title() }",
        (
            "var once = sync.OnceValue(func() store.Item { return nil })\n"
            "func run() { once().Title() }"
        ),
    ):
        assert called_by_run(body, imports) == {"Item.Title"}, body


def test_methods_of_local_types_and_generic_calls_with_arguments_are_found() -> None:
    assert called_by_run(
        """
        func pick[T any](x T) T { return x }
        func run() {
        \ttype pair struct { left store.Item }
        \tp := pair{}
        \tp.left.Title()
        \tpick[*store.Disk](nil).Load("")
        }
        """
    ) == {"Item.Title", "pick", "Disk.Load"}
