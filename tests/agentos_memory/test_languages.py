"""Every language read by queries: what one realistic file or two of it give."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from agentos_memory.languages import LANGUAGES
from tests.agentos_memory.sources import analyse, edges, resolve_repository

Files = Mapping[str, str]


def _short(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(source.rpartition("/")[2], target.rpartition("/")[2]) for source, target in pairs}


def test_java_follows_packages_fields_parameters_and_supertypes() -> None:
    files = {
        "a/shop/Cart.java": """
            package shop;
            import billing.Payments;
            import static billing.Rates.tax;
            /** Holds what is bought. */
            public class Cart extends Basket implements Priced {
              private final Payments payments = new Payments();
              Cart(int size) { super(size); }
              public long total(Order order) {
                var receipt = payments.charge(order);
                for (Line line : order.lines()) { line.check(); }
                receipt.print();
                check();
                unknown.run();
                order.missing();
                return tax(size());
              }
              private int size() { return 1; }
            }
        """,
        "a/shop/Basket.java": """
            package shop;
            class Basket { Basket(int size) {} void check() {} }
            interface Priced { long total(Order order); }
            class Line { void check() {} }
            class Order { java.util.List<Line> lines() { return null; } }
        """,
        "b/billing/Payments.java": """
            package billing;
            public class Payments { public Receipt charge(Object order) { return null; } }
            class Receipt { void print() {} }
        """,
        "b/billing/Rates.java": "package billing; public class Rates { static long tax(int n) {} }",
    }
    resolution = resolve_repository(files)
    assert _short(edges(resolution)) == {
        ("Cart.java:Cart.Cart", "Basket.java:Basket.Basket"),
        ("Cart.java:Cart", "Payments.java:Payments"),
        ("Cart.java:Cart.total", "Payments.java:Payments.charge"),
        ("Cart.java:Cart.total", "Basket.java:Order.lines"),
        ("Cart.java:Cart.total", "Basket.java:Line.check"),
        ("Cart.java:Cart.total", "Payments.java:Receipt.print"),
        ("Cart.java:Cart.total", "Basket.java:Basket.check"),
        ("Cart.java:Cart.total", "Rates.java:Rates.tax"),
        ("Cart.java:Cart.total", "Cart.java:Cart.size"),
    } - {("Cart.java:Cart", "Payments.java:Payments")}
    assert _short(edges(resolution, "inherits")) == {
        ("Cart.java:Cart", "Basket.java:Basket"),
        ("Cart.java:Cart", "Basket.java:Priced"),
    }
    assert _short(edges(resolution, "overrides")) == {
        ("Cart.java:Cart.total", "Basket.java:Priced.total")
    }
    # `unknown` is bound nowhere: something outside, such as an inherited field.
    assert [site.callee for site in resolution.unresolved] == []
    cart = analyse("Cart.java", files["a/shop/Cart.java"]).symbols[1]
    assert (cart.signature, cart.docstring) == (
        "public class Cart extends Basket implements Priced",
        "Holds what is bought.",
    )


def test_rust_follows_modules_use_paths_and_impl_blocks() -> None:
    files = {
        "src/lib.rs": "pub mod store;\nmod api;\npub use store::Store;\n",
        "src/store.rs": """
            use std::sync::Arc;
            /// Keeps things.
            #[derive(Debug)]
            pub struct Store { disk: Arc<Disk>, spare: Option<Disk> }
            pub struct Disk;
            pub trait Sized2 { fn size(&self) -> usize; }
            impl Store {
                pub fn new() -> Self { Store { disk: open(), spare: None } }
                pub fn read(&self) -> u8 { self.disk.seek(); Self::check(); self.size() as u8 }
                fn check() {}
            }
            impl Sized2 for Store { fn size(&self) -> usize { 1 } }
            impl Disk { fn seek(&self) {} }
            fn open() -> Arc<Disk> { todo() }
            mod tests { use super::*; fn reads() { Store::new().read(); } }
        """,
        "src/api.rs": """
            use crate::store::{self, Disk};
            use crate::Store;
            fn serve(disk: &Disk, made: Result<Store, ()>) {
                let store = Store::new();
                store.read();
                store::open();
                store.clone();
                let given = made?;
                given.read();
            }
        """,
    }
    resolution = resolve_repository(files)
    assert _short(edges(resolution)) == {
        ("store.rs:Store.new", "store.rs:open"),
        ("store.rs:Store.read", "store.rs:Disk.seek"),
        ("store.rs:Store.read", "store.rs:Store.check"),
        ("store.rs:Store.read", "store.rs:Store.size"),
        ("store.rs:tests.reads", "store.rs:Store.new"),
        ("store.rs:tests.reads", "store.rs:Store.read"),
        ("api.rs:serve", "store.rs:Store.new"),
        ("api.rs:serve", "store.rs:Store.read"),
        ("api.rs:serve", "store.rs:open"),
    }
    assert _short(edges(resolution, "implements")) == {("store.rs:Store", "store.rs:Sized2")}
    store = analyse("store.rs", files["src/store.rs"]).symbols[1]
    assert (store.kind, store.docstring) == ("class", "Keeps things.")


def test_c_calls_lead_to_definitions_that_an_included_header_declares() -> None:
    files = {
        "include/list.h": "/* Adds. */\nint list_add(struct list *l);\nint list_size(void);\n",
        "src/list.c": """
            #include "list.h"
            static int grow(int n) { return n; }
            int list_add(struct list *l) { return grow(1); }
            int list_size(void) { return 0; }
        """,
        "src/main.c": """
            #include <stdio.h>
            #include "list.h"
            static int grow(int n) { return n; }
            int main(int argc, char **argv) { printf("x"); grow(2); return list_add(0); }
        """,
        "src/other.c": "int run(void) { return list_add(0); }",
    }
    resolution = resolve_repository(files)
    assert _short(edges(resolution)) == {
        ("list.c:list_add", "list.c:grow"),
        ("main.c:main", "main.c:grow"),
        ("main.c:main", "list.c:list_add"),
    }
    assert _short(edges(resolution, "imports")) == {("list.c", "list.h"), ("main.c", "list.h")}


def test_cpp_methods_are_found_where_they_are_defined() -> None:
    files = {
        "engine.h": """
            namespace app {
            class EXPORTED Base { public: virtual void stop(); };
            class Part { public: void turn() {} };
            class Engine : public Base {
             public:
              Engine(int size);
              void start(Part& part);
              void stop() override;
             private:
              std::unique_ptr<Part> part_;
            };
            }
        """,
        "engine.cc": """
            #include "engine.h"
            namespace app {
            Engine::Engine(int size) {}
            void Engine::start(Part& part) { part.turn(); part_->turn(); stop(); helper(); }
            void Engine::stop() {}
            void helper() {}
            }
        """,
        "main.cc": """
            #include "engine.h"
            int main() {
              auto engine = new app::Engine(1);
              app::Part part;
              engine->start(part);
              engine->missing();
            }
        """,
    }
    resolution = resolve_repository(files)
    assert _short(edges(resolution)) == {
        ("engine.cc:app.Engine.start", "engine.h:app.Part.turn"),
        ("engine.cc:app.Engine.start", "engine.cc:app.Engine.stop"),
        ("engine.cc:app.Engine.start", "engine.cc:app.helper"),
        ("main.cc:main", "engine.cc:app.Engine.start"),
        ("main.cc:main", "engine.cc:app.Engine.Engine"),
    }
    assert _short(edges(resolution, "constructs")) == {("main.cc:main", "engine.h:app.Engine")}


def test_csharp_follows_namespaces_properties_and_parts_of_a_class() -> None:
    files = {
        "A.cs": """
            using Shop.Billing;
            namespace Shop {
              /// <summary>Sells.</summary>
              public partial class Seller : Person {
                private readonly Payments _payments;
                public Ledger Book { get; set; }
                public void Sell() {
                  _payments.Charge(); Book.Note(); Rest(); base.Walk(); var p = new Payments();
                  p?.Charge(); p.Missing();
                }
              }
              public class Ledger { public void Note() {} }
            }
        """,
        "B.cs": "namespace Shop { public partial class Seller { void Rest() { Sell(); } } }",
        "C.cs": "namespace Shop.Billing;\npublic class Payments { public void Charge() {} }",
        "D.cs": "namespace Shop { public class Person { protected void Walk() {} } }",
    }
    resolution = resolve_repository(files)
    assert edges(resolution) == {
        ("A.cs:Shop.Seller.Sell", "C.cs:Payments.Charge"),
        ("A.cs:Shop.Seller.Sell", "A.cs:Shop.Ledger.Note"),
        ("A.cs:Shop.Seller.Sell", "B.cs:Shop.Seller.Rest"),
        ("A.cs:Shop.Seller.Sell", "D.cs:Shop.Person.Walk"),
        ("B.cs:Shop.Seller.Rest", "A.cs:Shop.Seller.Sell"),
    }
    assert edges(resolution, "constructs") == {("A.cs:Shop.Seller.Sell", "C.cs:Payments")}


def test_ruby_follows_constants_mixins_and_reopened_classes() -> None:
    files = {
        "lib/shop.rb": """
            require_relative "shop/cart"
            module Shop
              # Sells.
              class Seller < Person
                include Talk
                attr_reader :cart
                def initialize(name)
                  @cart = Cart.new(name)
                end
                def sell
                  @cart.add(1)
                  greet
                  rest
                  super
                  Cart.default
                  total = 1
                  total
                end
                private
                def rest; end
              end
              class Person
                def sell; end
              end
            end
        """,
        "lib/shop/cart.rb": """
            module Shop
              class Cart
                def initialize(name); end
                def add(n); end
                def self.default; end
              end
              module Talk
                def greet; end
              end
            end
        """,
        "lib/more.rb": "module Shop\n  class Seller\n    def again; rest; end\n  end\nend\n",
    }
    resolution = resolve_repository(files)
    assert _short(edges(resolution)) == {
        ("shop.rb:Shop.Seller.initialize", "cart.rb:Shop.Cart.initialize"),
        ("shop.rb:Shop.Seller.sell", "cart.rb:Shop.Cart.add"),
        ("shop.rb:Shop.Seller.sell", "cart.rb:Shop.Talk.greet"),
        ("shop.rb:Shop.Seller.sell", "shop.rb:Shop.Seller.rest"),
        ("shop.rb:Shop.Seller.sell", "shop.rb:Shop.Person.sell"),
        ("shop.rb:Shop.Seller.sell", "cart.rb:Shop.Cart.default"),
        ("more.rb:Shop.Seller.again", "shop.rb:Shop.Seller.rest"),
    }
    assert _short(edges(resolution, "imports")) == {("shop.rb", "cart.rb")}


def test_php_follows_namespaces_use_clauses_and_promoted_properties() -> None:
    files = {
        "src/Seller.php": r"""
            <?php
            namespace Shop;
            use Billing\Payments as Pay;
            use function Billing\tax;
            /** Sells. */
            class Seller extends Person implements Sells {
                use Talks;
                public function __construct(private Pay $pay, ?Ledger $book = null) {
                    $this->book = $book;
                    parent::__construct();
                }
                public function sell(): static {
                    $this->pay->charge();
                    $this->book?->note();
                    self::check();
                    tax(1);
                    strlen('x');
                    $this->greet();
                    return new static();
                }
                private static function check() { \Billing\Payments::make()->charge(); }
            }
        """,
        "src/More.php": r"""
            <?php
            namespace Shop;
            class Person { public function __construct() {} }
            class Ledger { public function note() {} }
            trait Talks { public function greet() {} }
            interface Sells { public function sell(); }
        """,
        "src/Payments.php": r"""
            <?php
            namespace Billing;
            class Payments {
                public function charge() {}
                public static function make(): self { return new self(); }
            }
            function tax($n) {}
        """,
    }
    resolution = resolve_repository(files)
    assert _short(edges(resolution)) == {
        ("Seller.php:Seller.__construct", "More.php:Person.__construct"),
        ("Seller.php:Seller.sell", "Payments.php:Payments.charge"),
        ("Seller.php:Seller.sell", "More.php:Ledger.note"),
        ("Seller.php:Seller.sell", "Seller.php:Seller.check"),
        ("Seller.php:Seller.sell", "Payments.php:tax"),
        ("Seller.php:Seller.sell", "More.php:Talks.greet"),
        ("Seller.php:Seller.sell", "Seller.php:Seller.__construct"),
        ("Seller.php:Seller.check", "Payments.php:Payments.make"),
        ("Seller.php:Seller.check", "Payments.php:Payments.charge"),
    }


def test_bash_follows_sourced_files() -> None:
    files = {
        "bin/run.sh": '. "$(dirname "$0")/lib.sh"\nmain() { log "x" | sed s/a/b/; }\nmain "$@"\n',
        "bin/lib.sh": '# Says it.\nlog() { echo "$1"; }\n',
        "bin/alone.sh": "log hi\n",
    }
    resolution = resolve_repository(files)
    assert edges(resolution) == {
        ("bin/run.sh:main", "bin/lib.sh:log"),
        ("bin/run.sh", "bin/run.sh:main"),
    }


CONFIGURATION = {
    "schema.sql": (
        (
            "-- Who buys.\nCREATE TABLE shop.customer (id int);\n"
            "CREATE INDEX by_name ON customer (id);\nCREATE VIEW v AS SELECT 1;\n"
            "CREATE FUNCTION f(x int) RETURNS int AS $$ SELECT 1 $$ LANGUAGE sql;\n"
        ),
        ["shop.customer", "by_name", "v", "f"],
    ),
    "deploy.yaml": (
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n---\nservices:\n  db:\n    image: x\n",
        ["Service/web", "services", "services.db"],
    ),
    "pyproject.toml": (
        'a = 1\n[project]\nname = "x"\n[tool.ruff]\n',
        ["a", "project", "tool.ruff"],
    ),
    "data.json": ('{"name": "x", "parts": {"a": 1}}', ["name", "parts"]),
    "Dockerfile": (
        "FROM python:3.11 AS build\nRUN true\nFROM scratch\nCOPY --from=build /a /b\n",
        ["build", "scratch"],
    ),
    "main.tf": (
        'resource "aws_s3_bucket" "logs" {\n  acl = "private"\n}\nvariable "region" {}\n',
        ["resource.aws_s3_bucket.logs", "variable.region"],
    ),
}


@pytest.mark.parametrize("path", CONFIGURATION)
def test_configuration_gives_names_and_no_calls(path: str) -> None:
    source, names = CONFIGURATION[path]
    analysis = analyse(path, source)
    found = [symbol.qualified_name.removeprefix(f"{path}:") for symbol in analysis.symbols[1:]]
    assert (found, analysis.calls) == (names, ())


def test_no_two_languages_claim_one_suffix() -> None:
    claimed = [suffix for language in LANGUAGES for suffix in language.suffixes]
    assert len(claimed) == len(set(claimed))
