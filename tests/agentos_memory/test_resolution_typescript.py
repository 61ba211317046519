"""Edges between TypeScript symbols."""

from __future__ import annotations

from tests.agentos_memory.sources import edges, find_edge, resolve_repository

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
    found = edges(resolve_repository({**STORE, "app.tsx": source}))
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
        ("Disk.open", "Disk"),
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


def test_an_interface_call_may_dispatch_to_its_implementation() -> None:
    resolution = resolve_repository(STORE)
    edge = find_edge(resolution, "lib/store.ts:Disk", "lib/store.ts:Store")
    assert edge.kind == "inherits"
    source = 'import { Store } from "./lib";\nexport function run(s: Store) { s.load("a"); }'
    resolution = resolve_repository({**STORE, "app.tsx": source})
    assert find_edge(resolution, "app.tsx:run", "lib/store.ts:Disk.load").tier == "may_dispatch"


def test_untyped_callback_parameters_stay_open_and_packages_are_outside() -> None:
    resolution = resolve_repository(
        {
            **STORE,
            "app.tsx": """
            import { useState } from "react";
            export function run(list: string[]) {
              useState();
              list.map((each) => each.explode());
            }
            """,
        }
    )
    assert not [e for e in resolution.edges if e.path == "app.tsx"]
    assert [(s.callee, s.receiver) for s in resolution.unresolved] == [("explode", "each")]


def test_a_component_in_markup_is_a_reference() -> None:
    resolution = resolve_repository(
        {"a.tsx": "const Row = () => <tr />;\nexport function Table() { return <Row />; }"}
    )
    assert edges(resolution, "references") == {("a.tsx:Table", "a.tsx:Row")}
