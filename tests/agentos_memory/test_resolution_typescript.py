"""Edges between TypeScript symbols."""

from __future__ import annotations

from agentos_memory.model import EdgeKind
from tests.agentos_memory.sources import edges, resolve_repository

STORE = {
    "lib/store.ts": """
        export interface Store { load(key: string): Item; }
        export class Item {
          title(): string { return this.format(); }
          private format() { return ""; }
        }
        export class Disk implements Store {
          private cache: Map<string, Item> = new Map();
          constructor(private backup: Store) { }
          load(key: string): Item {
            const hit = this.cache.get(key);
            hit?.title();
            return this.backup.load(key);
          }
          static open(): Disk { return new Disk(null); }
        }
        export default function connect(): Disk { return Disk.open(); }
        """,
    "lib/index.ts": 'export * from "./store";\nexport { default as connect } from "./store.js";\n',
}


def targets_of(source: str) -> set[str]:
    """What `run` calls or constructs of the store."""
    resolution = resolve_repository({**STORE, "app.tsx": source})
    found = edges(resolution) | edges(resolution, "constructs")
    prefix = "lib/store.ts:"
    return {t.removeprefix(prefix) for s, t in found if s == "app.tsx:run" and t.startswith(prefix)}


def test_named_default_namespace_and_reexported_imports_are_followed() -> None:
    call = "export function run() { %s }"
    for head, body in (
        ('import { Item } from "./lib/store";', "new Item().title()"),
        ('import { Item as Thing } from "./lib";', "new Thing().title()"),
        ('import * as store from "./lib/store";', "new store.Item().title()"),
        ('const { Item } = require("./lib/store");', "new Item().title()"),
    ):
        assert targets_of(f"{head}\n{call % body}") == {"Item", "Item.title"}
    both = 'import open from "./lib/store"; import { connect } from "./lib";'
    assert targets_of(f"{both}\n{call % 'open(); connect().load();'}") == {"connect", "Disk.load"}


def test_this_members_fields_and_parameter_properties_are_typed() -> None:
    found = edges(resolve_repository(STORE))
    prefix = "lib/store.ts:"
    assert {(s.removeprefix(prefix), t.removeprefix(prefix)) for s, t in found} == {
        ("Item.title", "Item.format"),
        ("Disk.load", "Item.title"),
        ("Disk.load", "Store.load"),
        ("Disk.open", "Disk.constructor"),
        ("connect", "Disk.open"),
    }


def test_parameters_locals_casts_and_loops_carry_types() -> None:
    head = 'import { Disk, Item } from "./lib";\n'
    for body in (
        "export function run(d: Disk) { d.load('a').title(); }",
        "export const run = async (d?: Disk | null) => { const i = await d!.load('a'); i.title(); }",
        "export function run(x) { (x as Disk).load('a').title(); }",
        "export function run(d: Disk[]) { for (const each of d) each.load('a').title(); }",
        "export function run({ d }: { d: Disk }, e: Disk[]) { e[0].load('a').title(); }",
    ):
        assert targets_of(head + body) == {"Disk.load", "Item.title"}


def test_a_class_implements_an_interface_and_its_methods_override_those_of_it() -> None:
    resolution = resolve_repository(STORE)
    assert edges(resolution, "implements") == {("lib/store.ts:Disk", "lib/store.ts:Store")}
    assert edges(resolution, "overrides") == {("lib/store.ts:Disk.load", "lib/store.ts:Store.load")}
    source = 'import { Store } from "./lib";\nexport function run(s: Store) { s.load("a"); }'
    assert targets_of(source) == {"Store.load"}


def test_untyped_callback_parameters_stay_open_and_packages_are_outside() -> None:
    resolution = resolve_repository(
        {
            **STORE,
            "app.tsx": """
            import { useState } from "react";
            export function run(untyped) {
              useState();
              untyped((each) => each.explode());
            }
            """,
        }
    )
    assert not [e for e in resolution.edges if e.path == "app.tsx"]
    found = [(s.callee, s.receiver) for s in resolution.unresolved]
    assert found == [("explode", "each"), ("untyped", None)]


def calls_of(files: dict[str, str], kind: EdgeKind = "calls") -> set[tuple[str, str]]:
    """(caller, callee) without the folders of their files."""
    found = edges(resolve_repository(files), kind)
    return {(s.rpartition("/")[2], t.rpartition("/")[2]) for s, t in found}


def test_a_component_in_markup_is_called() -> None:
    source = """
        const Row = () => <tr />;
        class List extends Base { render() { return <Row.Cell />; } }
        export function Table() { return <><Row /><List items={[]} /></>; }
        """
    assert calls_of({"a.tsx": source}) == {("a.tsx:Table", "a.tsx:Row")}
    assert calls_of({"a.tsx": source}, "constructs") == {("a.tsx:Table", "a.tsx:List")}


def test_aliases_packages_and_barrels_of_a_workspace_are_followed() -> None:
    files = {
        "package.json": '{"name": "root", "imports": {"#inner": "./packages/core/src/work.ts"}}',
        "tsconfig.base.json": '{"compilerOptions": {"paths": {"@app/*": ["./app/*"]}}}',
        "app/tsconfig.json": """{
            // comments and trailing commas are usual here
            "extends": "../tsconfig.base.json",
            "compilerOptions": {"baseUrl": ".",},
        }""",
        "packages/core/package.json": """{
            "name": "@acme/core",
            "main": "./dist/index.js",
            "exports": {
                ".": {"import": {"types": "./dist/index.d.mts", "default": "./dist/index.mjs"}},
                "./deep/*": "./dist/deep/*.js"
            }
        }""",
        "packages/core/src/index.ts": 'export * from "./other";\nexport * from "./work";\n',
        # A star passes on what a module exports, never what it imports for itself.
        "packages/core/src/other.ts": 'import { work } from ".";\nexport const other = () => work();\n',
        "packages/core/src/work.ts": "export function work() {}\n",
        "packages/core/src/deep/more.ts": "export function more() {}\n",
        "app/lib/local.ts": "export function local() {}\n",
        "app/main.ts": """
            import { local } from "@app/lib/local";
            import { local as again } from "lib/local";
            import { work } from "@acme/core";
            import { more } from "@acme/core/deep/more";
            import { work as inner } from "#inner";
            import { gone } from "@acme/elsewhere";
            export function one() { local(); }
            export function two() { again(); }
            export function three() { work(); }
            export function four() { more(); }
            export function five() { inner(); gone(); }
            """,
    }
    assert calls_of(files) == {
        ("main.ts:one", "local.ts:local"),
        ("main.ts:two", "local.ts:local"),
        ("main.ts:three", "work.ts:work"),
        ("main.ts:four", "more.ts:more"),
        ("main.ts:five", "work.ts:work"),
        ("other.ts:other", "work.ts:work"),
    }


HANDLERS = """
    export class Context { json(): void {} }
    export type Handler<C extends Context = Context> = (c: C, next: () => void) => void;
    export interface Routes { (path: string, ...handlers: Handler[]): void; }
    export class App { get!: Routes; on(handler: Handler) {} }
    export const make = (handler: Handler): Handler => handler;
    """


def test_a_callback_receives_what_the_function_it_is_handed_to_declares() -> None:
    for body in (
        "app.get('/', (c) => c.json())",
        "app.get('/', async (first) => {}, function (c) { c.json() })",
        "app.on((c) => { c.json() })",
        "make((c) => c.json())",
        "const h: Handler = (c) => c.json()",
        "const table: { [name: string]: Handler } & { a: Handler } = { a: (c) => c.json() }",
    ):
        source = (
            'import { App, Handler, make } from "./app";\n'
            f"export function run(app: App) {{ {body} }}"
        )
        called = calls_of({"app.ts": HANDLERS, "use.ts": source})
        assert "app.ts:Context.json" in {target for _, target in called}, body


def test_a_returned_function_receives_what_the_declared_result_says() -> None:
    source = """
        import { Handler } from "./app";
        export function outer(): Handler { return (c) => { c.json(); }; }
        export const arrow = (): Handler => async (c) => c.json();
        """
    assert calls_of({"app.ts": HANDLERS, "use.ts": source}) == {
        ("use.ts:outer", "app.ts:Context.json"),
        ("use.ts:arrow", "app.ts:Context.json"),
    }


def test_items_and_promises_reach_the_functions_they_are_handed_to() -> None:
    source = """
        import { Context } from "./app";
        export function each(all: Context[]) { all.map((c) => c.json()); }
        export function map(all: Map<string, Context>) { all.forEach((c) => c.json()); }
        export function later(one: Promise<Context>) { one.then((c) => c.json()); }
        export function values(all: Record<string, Context>) {
          for (const c of Object.values(all)) c.json();
        }
        export function made() { const all = new Set<Context>(); all.forEach((c) => c.json()); }
        """
    called = calls_of({"app.ts": HANDLERS, "use.ts": source})
    assert {source for source, _ in called} == {
        f"use.ts:{name}" for name in ("each", "map", "later", "values", "made")
    }


def test_functions_of_an_object_literal_are_reached_through_it_alone() -> None:
    source = """
        export const tools = { run() {}, deep: { go: () => {} }, "quoted": function () {} };
        export function make() { return { start() {}, stop: () => {} }; }
        export function use() { tools.run(); tools.deep.go(); make().start(); run(); tools.gone(); }
        """
    assert calls_of({"a.ts": source}) == {
        ("a.ts:use", "a.ts:tools.run"),
        ("a.ts:use", "a.ts:tools.deep.go"),
        ("a.ts:use", "a.ts:make"),
        ("a.ts:use", "a.ts:make.start"),
    }


def test_type_parameters_stand_for_what_they_extend() -> None:
    source = """
        import { Context } from "./app";
        export function bound<T extends Context>(c: T) { c.json(); }
        export function free<T>(c: T) { c.json(); }
        export class Box<T extends Context> { value!: T; open() { this.value.json(); } }
        """
    resolution = resolve_repository({"app.ts": HANDLERS, "use.ts": source})
    found = {source for source, target in edges(resolution) if target == "app.ts:Context.json"}
    assert found == {"use.ts:bound", "use.ts:Box.open"}
    assert [site.caller for site in resolution.unresolved] == ["use.ts:free"]


def test_generic_aliases_carry_their_arguments_and_results_their_functions() -> None:
    source = """
        import { Context } from "./app";
        type Apply<A, B> = (a: A) => B;
        type Twice<T> = Apply<T, Apply<T, void>>;
        type Endless<T> = Endless<T[]> | { next: Endless<T>; held: T };
        const create = () => new Context();
        export function first(): Apply<Context, void> { return (c) => c.json(); }
        export function second(): Twice<Context> { return (c) => (d) => d.json(); }
        export function third(c: ReturnType<typeof create>) { c.json(); }
        export function fourth(e: Endless<Context>) { e.held.json(); }
        """
    called = calls_of({"app.ts": HANDLERS, "use.ts": source})
    found = {source for source, target in called if target == "app.ts:Context.json"}
    assert found == {"use.ts:first", "use.ts:second", "use.ts:third", "use.ts:fourth"}


def test_modules_of_javascript_export_import_and_load_late() -> None:
    files = {
        "lib.js": "exports.first = function () {};\nfunction second() {}\nmodule.exports.second = second;\n",
        "main.cjs": 'const lib = require("./lib");\nfunction go() { lib.first(); lib.second(); }\n',
        "late.mjs": 'export async function go() { const lib = await import("./lib.js"); lib.second(); }\n',
        "old.ts": 'import lib = require("./lib");\nexport function go() { lib.second(); }\n',
        "tool.js": "function Tool() {}\nmodule.exports = Tool;\n",
        "bag.js": "function inner() {}\nmodule.exports = { outer: inner, own() {} };\n",
        "user.js": """
            const Tool = require("./tool");
            const bag = require("./bag");
            const { own } = require("./bag");
            function go() { Tool(); bag.outer(); own(); }
            """,
        "view.jsx": "class View { #name() {} show() { this.#name(); this.late = () => this.#name(); } }\n",
    }
    assert calls_of(files) == {
        ("main.cjs:go", "lib.js:first"),
        ("main.cjs:go", "lib.js:second"),
        ("late.mjs:go", "lib.js:second"),
        ("old.ts:go", "lib.js:second"),
        ("user.js:go", "tool.js:Tool"),
        ("user.js:go", "bag.js:inner"),
        ("user.js:go", "bag.js:own"),
        ("view.jsx:View.show", "view.jsx:View.#name"),
        ("view.jsx:View.show.late", "view.jsx:View.#name"),
    }
