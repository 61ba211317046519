"""What types of TypeScript say about receivers: narrowing, queries, closures, object literals."""

from __future__ import annotations

import pytest

from agentos_memory.analysis import analyse_file
from agentos_memory.model import FileAnalysis
from tests.agentos_memory.sources import edges, resolve_repository

HEAD = """
export class Disk { load(): void {} }
export class Tape { load(): void {} rewind(): void {} }
export interface Drive { open(): void }
"""


def callees_of_run(source: str) -> set[str]:
    """What `run` calls."""
    found = edges(resolve_repository({"a.ts": f"{HEAD}{source}"}))
    return {t.removeprefix("a.ts:") for s, t in found if s == "a.ts:run"}


@pytest.mark.parametrize(
    "body",
    [
        "if (x instanceof Tape) { x.rewind(); }",
        "if (y && x instanceof Tape) x.rewind();",
        "if (!(x instanceof Tape)) return; x.rewind();",
        "if (!(x instanceof Tape)) { throw y; } x.rewind();",
        "return x instanceof Tape ? x.rewind() : null;",
    ],
)
def test_a_condition_narrows_what_a_name_holds(body: str) -> None:
    assert callees_of_run(f"export function run(x: unknown, y: any) {{ {body} }}") == {
        "Tape.rewind"
    }


def test_narrowing_ends_with_the_branch() -> None:
    body = "if (x instanceof Tape) { } else { x.load(); } x.load();"
    assert callees_of_run(f"export function run(x: Disk) {{ {body} }}") == {"Disk.load"}


@pytest.mark.parametrize(
    "declared",
    [
        "typeof shared",
        'Kept["disk"]',
        'Kept["all"][number]',
        "ReturnType<typeof make>",
        "Awaited<ReturnType<typeof make>>",
    ],
)
def test_types_that_are_taken_from_values_and_members_are_read(declared: str) -> None:
    source = f"""
        const shared = new Disk();
        interface Kept {{ disk: Disk; all: Disk[] }}
        function make() {{ return new Disk(); }}
        export function run(d: {declared}) {{ d.load(); }}
        """
    assert callees_of_run(source) == {"Disk.load"}


def test_functions_without_a_name_give_what_they_return() -> None:
    source = """
        const maker = () => () => new Disk();
        function build(tape: Tape) { return function (): Disk { return null!; }; }
        export function run() { maker()().load(); build(null!)().load(); }
        """
    assert callees_of_run(source) == {"maker", "build", "Disk.load"}


def test_a_returned_function_declares_what_a_callback_receives() -> None:
    source = """
        interface Options { extra: (drive: Drive) => void }
        function build() { return function create(options: Options): Disk { return null!; }; }
        const create = build();
        export function run() { create({ extra: (drive) => { drive.open(); } }); }
        """
    found = callees_of_run(source) | edges_of_callback(source)
    assert "Drive.open" in found


def edges_of_callback(source: str) -> set[str]:
    """What anything in the file calls."""
    return {t.removeprefix("a.ts:") for _, t in edges(resolve_repository({"a.ts": HEAD + source}))}


def test_members_of_spread_objects_and_modules_are_found() -> None:
    files = {
        "parts.ts": "export function one() {}\nexport function two() {}\n",
        "use.ts": """
            import * as parts from "./parts";
            const own = { three() {} };
            const all = { ...parts, ...own, two() {} };
            export function run() { all.one(); all.two(); all.three(); all.gone(); }
            """,
    }
    found = {t for s, t in edges(resolve_repository(files)) if s == "use.ts:run"}
    assert found == {"parts.ts:one", "use.ts:all.two", "use.ts:own.three"}


def test_this_in_an_object_literal_is_the_object() -> None:
    source = """
        class Around {
          name() {}
          make() { return { go() { this.stop(); }, stop() {}, arrow: () => this.name() }; }
        }
        """
    found = edges(resolve_repository({"a.ts": source}))
    assert found == {
        ("a.ts:Around.make.go", "a.ts:Around.make.stop"),
        ("a.ts:Around.make.arrow", "a.ts:Around.name"),
    }


def test_a_computed_name_reaches_no_function_of_an_object() -> None:
    source = """
        const table = { a() {}, b() {} };
        export function run(key: string) { table[key](); }
        """
    assert not callees_of_run(source)


@pytest.mark.parametrize(
    "source",
    [
        "interface A {\n  x: B\n  <T>(a: T): void\n  <T, U>(a: T): B\n  m(): void\n}\n",
        "interface A {\n  m(): Map<string, B>\n  // note\n  <T>(a: T): void\n}\n",
        "interface A<in T, out U> { m(): void }\n",
        "interface A<\n  // why\n  out T extends B = B,\n  in out U = T,\n> { m(): void }\n",
        'export type * from "./b";\nfunction m() {}\n',
        "class A { static accessor x: number; m() {} }\n",
        "const a = <B>c;\nfunction m() {}\n",
        "const a = <T,>(x: T) => x;\nfunction m() {}\n",
        "@dec() class A { @dec() accessor x = 1; m() {} }\n",
        "let a = { b } satisfies C;\nfunction m() {}\n",
        "async function f() { await using x = g(); }\nfunction m() {}\n",
        'import x from "./x.json" with { type: "json" };\nfunction m() {}\n',
    ],
)
def test_syntax_that_the_grammar_lacks_costs_no_definition(source: str) -> None:
    analysis = analyse_file("a.ts", source.encode())
    assert isinstance(analysis, FileAnalysis)
    assert not analysis.has_errors
    found = {symbol.name: symbol.name_line for symbol in analysis.symbols}
    lines = source.splitlines()
    assert "m" in found
    assert "m(" in lines[found["m"] - 1]


def test_methods_that_an_alias_names_are_symbols_with_callers() -> None:
    source = """
        type Api = { start(drive: Drive): Disk; plain: () => Disk } & { stop(): void };
        export function run(api: Api) { api.start(null!).load(); api.stop(); api.plain(); }
        """
    assert callees_of_run(source) == {"Api.start", "Api.stop", "Disk.load"}
