"""Edges between JavaScript symbols: CommonJS, prototypes, comments with types, declarations."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.agentos_memory.sources import edges, resolve_repository

STORE = """
    class Item { title() {} }
    class Store { get(key) {} static open() { return new Store(); } }
    module.exports = { Item, Store };
    """


def callees_of_run(files: dict[str, str]) -> set[str]:
    """What `run` of any file calls, without paths."""
    found = edges(resolve_repository({path: dedent(text) for path, text in files.items()}))
    return {t.rpartition("/")[2] for s, t in found if s.endswith(":run")}


@pytest.mark.parametrize(
    "source",
    [
        "/** @param {Store} store */\nfunction run(store) { store.get(1); }",
        "/** @param {?Store} [store] */\nexports.run = function (store) { store.get(1); }",
        "/** @param {Store[]} all */\nfunction run(all) { for (const s of all) s.get(1); }",
        "/** @param {Array.<Store>} all */\nfunction run(all) { all[0].get(1); }",
        "/** @param {import('./store').Store} s */\nfunction run(s) { s.get(1); }",
        "/** @returns {Store} */\nfunction make() {}\nfunction run() { make().get(1); }",
        "/** @type {Store} */\nlet held;\nfunction run() { held.get(1); }",
        (
            "/** @typedef {import('./store').Store} Kept */\n"
            "/** @param {Kept} kept */\nfunction run(kept) { kept.get(1); }"
        ),
        (
            "/**\n * @typedef {Object} Box\n * @property {Store} store the store\n */\n"
            "/** @param {Box} box */\nfunction run(box) { box.store.get(1); }"
        ),
        (
            "class App {\n /** @param {Store} s */\n run(s) { this.s = s; s.get(1); }\n}\n"
            "/** @param {Store} s */\nfunction run(s) { s.get(1); }"
        ),
    ],
    ids=range(10),
)
def test_types_in_comments_of_javascript_are_read(source: str) -> None:
    head = 'const { Store } = require("./store");\n'
    found = callees_of_run({"store.js": STORE, "use.js": head + source})
    assert found - {"use.js:make"} == {"store.js:Store.get"}


def test_types_in_comments_of_typescript_say_nothing() -> None:
    source = "/** @param {Store} s */\nexport function run(s) { s.get(1); }"
    assert not callees_of_run({"store.js": STORE, "use.ts": source})


def test_type_parameters_of_comments_are_unknown() -> None:
    source = "/** @template Store\n * @param {Store} s */\nfunction run(s) { s.get(1); }"
    assert not callees_of_run({"store.js": STORE, "use.js": source})


def test_what_require_gives_is_followed_in_any_expression() -> None:
    for body in (
        'require("./store").Store.open();',
        'const store = require("./store").Store.open(); store.get(1);',
        'const { Store } = require("./store"); Store.open();',
        'const { Store: Kept } = require("./store"); Kept.open();',
    ):
        found = callees_of_run({"store.js": STORE, "use.js": f"function run() {{ {body} }}"})
        assert "store.js:Store.open" in found, body


def test_a_module_that_is_a_function_is_called_through_require() -> None:
    files = {
        "make.js": "module.exports = function make() { return new App(); }; class App { go() {} }",
        "use.js": 'const app = require("./make")();\nfunction run() { app.go(); }',
    }
    assert callees_of_run(files) == {"make.js:App.go"}


def test_declarations_stand_for_the_javascript_beside_them_as_the_compiler_has_it() -> None:
    declared = "declare function lib(): lib.App;\ndeclare namespace lib {}\nexport = lib;\n"
    files = {
        "package.json": '{"name": "lib", "main": "lib.js", "types": "lib.d.ts"}',
        "lib.js": "module.exports = function lib() {};",
        "lib.d.ts": "interface App { go(handler: (app: App) => void): void }\n"
        + declared.replace("lib.App", "App"),
    }
    for specifier in ("..", "../", "../lib", "../lib.js"):
        source = f'const app = require("{specifier}")();\nfunction run() {{ app.go(); }}'
        assert callees_of_run({**files, "test/use.js": source}) == {"lib.d.ts:App.go"}, specifier


def test_members_of_a_prototype_are_methods_of_what_its_constructor_makes() -> None:
    source = """
        function Queue() { this.reset(); }
        Queue.prototype.push = function () { this.grow(); };
        Queue.prototype.grow = function grow() {};
        Queue.prototype.reset = function () {};
        function Stack() {}
        Stack.prototype = { pop() { return this.peek(); }, peek: function () {} };
        function plain() { return { push() {} }; }
        function run() { new Queue().push(); new Stack().pop(); plain().push(); new Queue().gone(); }
        """
    found = edges(resolve_repository({"a.js": dedent(source)}))
    assert {(s.removeprefix("a.js:"), t.removeprefix("a.js:")) for s, t in found} == {
        ("Queue", "Queue.reset"),
        ("Queue.push", "Queue.grow"),
        ("Stack.pop", "Stack.peek"),
        ("run", "Queue"),
        ("run", "Queue.push"),
        ("run", "Stack"),
        ("run", "Stack.pop"),
        ("run", "plain"),
        ("run", "plain.push"),
    }
