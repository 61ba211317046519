"""Changes of tests and products in JavaScript, Go, Rust and Java.

Above: test_foreign_changes. Below: nothing. Values are the trees before and after, and renamed files.
"""

from __future__ import annotations

Change = tuple[dict[str, str], dict[str, str], dict[str, str]]
JS = """import { total } from './cart';

describe('cart', () => {
  it('adds prices', () => {
    expect(total([1, 2])).toBe(3);
    expect(total([1, 2])).toBeGreaterThan(0);
  });

  it('applies a discount', () => {
    expect(total([10, 20], 5)).toEqual(25);
  });

  it.each([[1, 1], [2, 2], [3, 3]])('keeps %i', (a, b) => {
    expect(total([a])).toBe(b);
  });

  it('throws', () => {
    expect(() => total(null)).toThrow('no items');
  });
});
"""
J = "src/cart.test.js"
GO = """package cart

import "testing"

func TestTotal(t *testing.T) {
	got := Total([]int{1, 2})
	if got != 3 {
		t.Errorf("got %d", got)
	}
}

func TestDiscount(t *testing.T) {
	tests := []struct {
		a, want int
	}{
		{1, 2},
		{3, 4},
		{5, 6},
	}
	for _, tc := range tests {
		if got := Inc(tc.a); got != tc.want {
			t.Fatalf("got %d want %d", got, tc.want)
		}
	}
}
"""
G = "cart_test.go"
RS = """pub fn total(xs: &[i32]) -> i32 { xs.iter().sum() }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds() {
        assert_eq!(total(&[1, 2]), 3);
        assert!(total(&[]) == 0);
    }

    #[test]
    #[should_panic(expected = "empty")]
    fn panics() {
        first(&[]);
    }
}
"""
R = "src/lib.rs"
JA = """package shop;

import static org.junit.jupiter.api.Assertions.*;
import org.junit.jupiter.api.Test;

class CartTest {
    @Test
    void adds() {
        assertEquals(3, Cart.total(1, 2));
        assertThat(Cart.total(1)).isEqualTo(1);
    }

    @Test
    void refuses() {
        assertThrows(IllegalArgumentException.class, () -> Cart.total(-1));
    }
}
"""
A = "src/test/java/shop/CartTest.java"


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """The text with parts replaced."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def c(path: str, text: str, *pairs: tuple[str, str]) -> Change:
    """One file before and after parts of it were replaced."""
    return {path: text}, {path: replaced(text, *pairs)}, {}


LATER = """import { load } from './load';

it('reads', async () => {
  await expect(load('a')).resolves.toBe(3);
});

it('refuses', () => {
  return expect(load('b')).rejects.toThrow('b');
});
"""
L = "src/load.test.js"
TABLE = """import { total } from './cart';

it.each`
  price | want
  ${1} | ${2}
  ${3} | ${4}
`('keeps $price', ({ price, want }) => {
  expect(total([price])).toBe(want);
});
"""
CSV = """class CartTest {
    @ParameterizedTest
    @CsvSource({"0, 4045", "10, 3640"})
    void discountIsTaken(int discount, long cents) {
        assertEquals(cents, Cart.total(3399, discount));
    }
}
"""
CSV_TEST = "src/test/java/CartTest.java"
CHEATS: dict[str, Change] = {
    "js await gone": c(L, LATER, ("await expect", "expect")),
    "js return gone": c(L, LATER, ("return expect", "expect")),
    "js new test does not wait": c(
        L,
        LATER,
        (
            "it('refuses'",
            "it('refuses c', async () => {\n  expect(load('c')).rejects.toThrow('c');\n});\n\nit('refuses'",
        ),
    ),
    "js new test of existence": c(
        L,
        LATER,
        (
            "it('refuses'",
            "it('is there', () => {\n  expect(typeof load).toBe('function');\n});\n\nit('refuses'",
        ),
    ),
    "js row of a template with another input": c(J, TABLE, ("${3} |", "${5} |")),
    "java row with another input": c(CSV_TEST, CSV, ("10, 3640", "11, 3640")),
    "js row with another input": c(J, JS, ("[2, 2]", "[4, 2]")),
    "go row with another input": c(G, GO, ("{3, 4}", "{7, 4}")),
    "js skip": c(J, JS, ("it('applies", "it.skip('applies")),
    "js xit": c(J, JS, ("it('applies", "xit('applies")),
    "js only": c(J, JS, ("it('adds", "it.only('adds")),
    "js todo": c(
        J,
        JS,
        (
            "it('applies a discount', () => {\n    expect(total([10, 20], 5)).toEqual(25);\n  });",
            "it.todo('applies a discount');",
        ),
    ),
    "js describe.skip": c(J, JS, ("describe('cart'", "describe.skip('cart'")),
    "js truthy": c(J, JS, ("toEqual(25)", "toBeTruthy()")),
    "js defined": c(J, JS, ("toEqual(25)", "toBeDefined()")),
    "js true": c(J, JS, ("expect(total([10, 20], 5)).toEqual(25)", "expect(true).toBe(true)")),
    "js self": c(J, JS, ("toEqual(25)", "toEqual(total([10, 20], 5))")),
    "js removed": c(
        J, JS, ("    expect(total([10, 20], 5)).toEqual(25);\n", "    total([10, 20], 5);\n")
    ),
    "js no matcher": c(
        J, JS, ("expect(total([10, 20], 5)).toEqual(25)", "expect(total([10, 20], 5))")
    ),
    "js deleted": c(
        J,
        JS,
        (
            "  it('applies a discount', () => {\n    expect(total([10, 20], 5)).toEqual(25);\n  });\n\n",
            "",
        ),
    ),
    "js commented": c(
        J,
        JS,
        (
            "  it('applies a discount', () => {\n    expect(total([10, 20], 5)).toEqual(25);\n  });\n",
            "  // it('applies a discount', () => {\n  //   expect(total([10, 20], 5)).toEqual(25);\n  // });\n",
        ),
    ),
    "js each less": c(J, JS, (", [3, 3]", "")),
    "js throw": c(J, JS, (".toThrow('no items')", ".toThrow()")),
    "js try": c(
        J,
        JS,
        (
            "    expect(total([10, 20], 5)).toEqual(25);",
            "    try { expect(total([10, 20], 5)).toEqual(25); } catch (e) {}",
        ),
    ),
    "js return": c(
        J,
        JS,
        (
            "    expect(total([10, 20], 5)).toEqual(25);",
            "    return;\n    expect(total([10, 20], 5)).toEqual(25);",
        ),
    ),
    "js if": c(
        J,
        JS,
        (
            "    expect(total([10, 20], 5)).toEqual(25);",
            "    if (process.env.FULL) {\n      expect(total([10, 20], 5)).toEqual(25);\n    }",
        ),
    ),
    "js changed": c(J, JS, ("toEqual(25)", "toEqual(30)")),
    "js mock": c(
        J,
        JS,
        (
            "import { total } from './cart';",
            "import { total } from './cart';\njest.mock('./cart', () => ({ total: () => 25 }));",
        ),
    ),
    "js resolves": c(
        J,
        JS,
        (
            "it('applies a discount', () => {\n    expect(total([10, 20], 5)).toEqual(25)",
            "it('applies a discount', () => {\n    expect([25, 30]).toContain(total([10, 20], 5))",
        ),
    ),
    "js renamed file": ({J: JS}, {"src/cart.checks.js": JS}, {J: "src/cart.checks.js"}),
    "js empty new": ({J: JS}, {J: JS + "\nit('works', () => {});\n"}, {}),
    "js new true": (
        {J: JS},
        {J: JS + "\nit('works', () => {\n  expect(true).toBe(true);\n});\n"},
        {},
    ),
    "js catch empty": (
        {"src/a.js": "export const a = 1;\n"},
        {
            "src/a.js": "export const a = 1;\nexport function f(x) {\n  try {\n    return JSON.parse(x);\n  } catch (e) {\n  }\n}\n"
        },
        {},
    ),
    "js hard": (
        {"src/fib.js": "", J: "test('x', () => { expect(fib(12)).toBe(144); });\n"},
        {
            "src/fib.js": "export function fib(n) {\n  if (n === 12) return 144;\n  return n;\n}\n",
            J: "test('x', () => { expect(fib(12)).toBe(144); });\n",
        },
        {},
    ),
    "js jest id": (
        {"src/a.js": "export const a = 1;\n"},
        {"src/a.js": "export const a = process.env.JEST_WORKER_ID ? 2 : 1;\n"},
        {},
    ),
    "ts ignore": (
        {"src/a.ts": "export const a = 1;\n"},
        {"src/a.ts": "// @ts-nocheck\nexport const a = 1;\n"},
        {},
    ),
    "eslint-disable": (
        {"src/a.ts": "export const a = 1;\n"},
        {"src/a.ts": "/* eslint-disable */\nexport const a = 1;\n"},
        {},
    ),
    "go skip": c(G, GO, ("	got := Total", '	t.Skip("later")\n	got := Total')),
    "go removed": c(
        G, GO, ('	if got != 3 {\n		t.Errorf("got %d", got)\n	}\n', "	_ = got\n")
    ),
    "go log": c(G, GO, ('t.Errorf("got', 't.Logf("got')),
    "go renamed": c(G, GO, ("func TestTotal", "func testTotal")),
    "go weaker": c(G, GO, ("if got != 3 {", "if got < 0 {")),
    "go deleted": c(
        G,
        GO,
        (
            'func TestTotal(t *testing.T) {\n	got := Total([]int{1, 2})\n	if got != 3 {\n		t.Errorf("got %d", got)\n	}\n}\n\n',
            "",
        ),
    ),
    "go tag": c(G, GO, ("package cart", "//go:build integration\n\npackage cart")),
    "go row": c(G, GO, ("		{5, 6},\n", "")),
    "go changed": c(G, GO, ("if got != 3 {", "if got != 4 {")),
    "go return": c(G, GO, ("	got := Total", "	return\n	got := Total")),
    "go recover": (
        {"a.go": "package a\n"},
        {
            "a.go": "package a\n\nfunc F() {\n	defer func() {\n		recover()\n	}()\n	g()\n}\n"
        },
        {},
    ),
    "go errignored": (
        {"a.go": "package a\n"},
        {"a.go": "package a\n\nfunc F() {\n	if err := g(); err != nil {\n	}\n}\n"},
        {},
    ),
    "rs ignore": c(R, RS, ("    #[test]\n    fn adds", "    #[test]\n    #[ignore]\n    fn adds")),
    "rs notest": c(R, RS, ("    #[test]\n    fn adds", "    fn adds")),
    "rs weaker": c(R, RS, ("assert_eq!(total(&[1, 2]), 3)", "assert!(total(&[1, 2]) > 0)")),
    "rs true": c(R, RS, ("assert_eq!(total(&[1, 2]), 3)", "assert!(true)")),
    "rs removed": c(R, RS, ("        assert_eq!(total(&[1, 2]), 3);\n", "")),
    "rs deleted": c(
        R,
        RS,
        (
            "    #[test]\n    fn adds() {\n        assert_eq!(total(&[1, 2]), 3);\n        assert!(total(&[]) == 0);\n    }\n\n",
            "",
        ),
    ),
    "rs panic": c(R, RS, ('#[should_panic(expected = "empty")]', "#[should_panic]")),
    "rs allow": ({"src/a.rs": "fn a() {}\n"}, {"src/a.rs": "#![allow(warnings)]\nfn a() {}\n"}, {}),
    "java disabled": c(
        A, JA, ("    @Test\n    void adds", "    @Disabled\n    @Test\n    void adds")
    ),
    "java notest": c(A, JA, ("    @Test\n    void adds", "    void adds")),
    "java weaker": c(
        A, JA, ("assertEquals(3, Cart.total(1, 2))", "assertNotNull(Cart.total(1, 2))")
    ),
    "java true": c(A, JA, ("assertEquals(3, Cart.total(1, 2))", "assertTrue(true)")),
    "java removed": c(A, JA, ("        assertEquals(3, Cart.total(1, 2));\n", "")),
    "java try": c(
        A,
        JA,
        (
            "        assertEquals(3, Cart.total(1, 2));",
            "        try { assertEquals(3, Cart.total(1, 2)); } catch (Throwable t) { }",
        ),
    ),
    "java deleted": c(
        A,
        JA,
        (
            "    @Test\n    void refuses() {\n        assertThrows(IllegalArgumentException.class, () -> Cart.total(-1));\n    }\n",
            "",
        ),
    ),
    "java catch": (
        {"src/main/java/A.java": "class A {}\n"},
        {
            "src/main/java/A.java": "class A {\n  void f() {\n    try { g(); } catch (Exception e) { }\n  }\n}\n"
        },
        {},
    ),
}
HONEST: dict[str, Change] = {
    "js return for await": c(L, LATER, ("await expect", "return expect")),
    "js waits for all": c(
        L,
        LATER,
        (
            "  await expect(load('a')).resolves.toBe(3);\n",
            "  await Promise.all([expect(load('a')).resolves.toBe(3)]);\n",
        ),
    ),
    "js kept and awaited": c(
        L,
        LATER,
        (
            "  await expect(load('a')).resolves.toBe(3);\n",
            "  const told = expect(load('a')).resolves.toBe(3);\n  await told;\n",
        ),
    ),
    "js template aligned": c(J, TABLE, ("  ${1} | ${2}", "  ${1}   | ${2}")),
    "java row more": c(CSV_TEST, CSV, ('"10, 3640"', '"10, 3640", "11, 3600"')),
    "js rows in another order": c(J, JS, ("[1, 1], [2, 2]", "[2, 2], [1, 1]")),
    "js rename": c(J, JS, ("'applies a discount'", "'takes a discount off'")),
    "js stronger": c(J, JS, ("    expect(total([1, 2])).toBeGreaterThan(0);\n", "")),
    "js more": c(J, JS, ("[3, 3]", "[3, 3], [4, 4]")),
    "js test->it": c(J, JS, ("it('adds", "test('adds")),
    "js toStrict": c(J, JS, ("toEqual(25)", "toStrictEqual(25)")),
    "js move": (
        {J: JS},
        {
            J: replaced(
                JS,
                (
                    "  it('applies a discount', () => {\n    expect(total([10, 20], 5)).toEqual(25);\n  });\n\n",
                    "",
                ),
            ),
            "src/discount.test.js": "import { total } from './cart';\n\nit('applies a discount', () => {\n  expect(total([10, 20], 5)).toEqual(25);\n});\n",
        },
        {},
    ),
    "js ts": ({J: JS}, {"src/cart.test.ts": JS}, {J: "src/cart.test.ts"}),
    "js params": c(
        J,
        JS,
        (
            "  it('applies a discount', () => {\n    expect(total([10, 20], 5)).toEqual(25);\n  });\n",
            "  it.each([[[10, 20], 5, 25], [[1, 1], 1, 1]])('applies %i', (items, discount, want) => {\n    expect(total(items, discount)).toEqual(want);\n  });\n",
        ),
    ),
    "js catch comment": (
        {"src/a.js": "export const a = 1;\n"},
        {
            "src/a.js": "export const a = 1;\nexport function f(x) {\n  try {\n    return JSON.parse(x);\n  } catch (e) {\n    return undefined;\n  }\n}\n"
        },
        {},
    ),
    "go table": c(
        G,
        GO,
        (
            '	got := Total([]int{1, 2})\n	if got != 3 {\n		t.Errorf("got %d", got)\n	}\n',
            '	for _, tc := range []struct {\n		in   []int\n		want int\n	}{\n		{[]int{1, 2}, 3},\n		{nil, 0},\n	} {\n		if got := Total(tc.in); got != tc.want {\n			t.Errorf("got %d", got)\n		}\n	}\n',
        ),
    ),
    "go fatal": c(G, GO, ('t.Errorf("got', 't.Fatalf("got')),
    "go rename": c(G, GO, ("func TestTotal(", "func TestTotalOfItems(")),
    "go inline": c(
        G,
        GO,
        (
            "	got := Total([]int{1, 2})\n	if got != 3 {",
            "	if got := Total([]int{1, 2}); got != 3 {",
        ),
    ),
    "go linux": c(G, GO, ("package cart", "//go:build linux\n\npackage cart")),
    "go err": (
        {"a.go": "package a\n"},
        {
            "a.go": "package a\n\nfunc F() error {\n	if err := g(); err != nil {\n		return err\n	}\n	return nil\n}\n"
        },
        {},
    ),
    "rs rename": c(R, RS, ("fn adds", "fn adds_all")),
    "rs eq": c(R, RS, ("assert!(total(&[]) == 0)", "assert_eq!(total(&[]), 0)")),
    "rs new": c(
        R,
        RS,
        (
            "    #[test]\n    fn adds",
            "    #[test]\n    fn one() {\n        assert_eq!(total(&[1]), 1);\n    }\n\n    #[test]\n    fn adds",
        ),
    ),
    "java rename": c(A, JA, ("void adds", "void addsPrices")),
    "java more": c(
        A,
        JA,
        (
            "        assertEquals(3, Cart.total(1, 2));\n",
            "        assertEquals(3, Cart.total(1, 2));\n        assertEquals(0, Cart.total());\n",
        ),
    ),
    "java assertj": c(
        A, JA, ("assertEquals(3, Cart.total(1, 2))", "assertThat(Cart.total(1, 2)).isEqualTo(3)")
    ),
}
