"""The same small shop in JavaScript, Go, Rust and Java, as far as cases need it."""

from __future__ import annotations

from typing import Final

Files = dict[str, str | bytes]

WEB: Final[Files] = {
    ".gitignore": "build/\nnode_modules/\n",
    "package.json": """\
{
  "name": "cart",
  "version": "2.1.0",
  "type": "module",
  "scripts": {
    "test": "jest --coverage",
    "lint": "eslint --max-warnings 0 src test"
  },
  "jest": {
    "coverageThreshold": { "global": { "lines": 90 } },
    "testTimeout": 5000
  },
  "dependencies": { "dayjs": "^1.11.13" },
  "devDependencies": { "eslint": "^9.12.0", "jest": "^29.7.0" }
}
""",
    "src/cart.js": """\
export function total(lines, { discount = 0 } = {}) {
  if (discount < 0 || discount > 1) {
    throw new RangeError(`discount ${discount} is not between 0 and 1`);
  }
  const net = lines.reduce((sum, line) => sum + line.cents * line.count, 0);
  return Math.round(net * (1 - discount) * 1.19);
}

export function receipt(lines) {
  return lines
    .map((line) => `${line.count} x ${line.name}: ${(line.cents / 100).toFixed(2)}`)
    .join("\\n");
}
""",
    "test/cart.test.js": """\
import { receipt, total } from "../src/cart.js";

const lines = [
  { name: "tea", cents: 1250, count: 2 },
  { name: "cup", cents: 899, count: 1 },
];

describe("total", () => {
  it("adds tax", () => {
    expect(total(lines)).toBe(4045);
  });

  it("takes the discount before tax", () => {
    expect(total(lines, { discount: 0.1 })).toBe(3640);
  });

  it("refuses a discount above one", () => {
    expect(() => total(lines, { discount: 2 })).toThrow(RangeError);
  });
});

describe("receipt", () => {
  it("lists every line", () => {
    expect(receipt(lines)).toMatchSnapshot();
  });
});
""",
    "test/__snapshots__/cart.test.js.snap": """\
// Jest Snapshot v1, https://goo.gl/fbAQLP

exports[`receipt lists every line 1`] = `
"2 x tea: 12.50
1 x cup: 8.99"
`;
""",
}

WEB_TESTS: Final = {
    "total": ["adds tax", "takes the discount before tax", "refuses a discount above one"],
    "receipt": ["lists every line"],
}

GO: Final[Files] = {
    ".gitignore": "build/\n",
    "go.mod": "module example.org/cart\n\ngo 1.22\n",
    "cart.go": """\
// Package cart computes prices.
package cart

import "errors"

// ErrDiscount is returned for a discount that is no share.
var ErrDiscount = errors.New("the discount must be 0 to 100 per cent")

// Line is some pieces of one article.
type Line struct {
	Cents int
	Count int
}

// Total is the price in cents with tax, after a discount in per cent.
func Total(lines []Line, discount int) (int, error) {
	if discount < 0 || discount > 100 {
		return 0, ErrDiscount
	}
	net := 0
	for _, line := range lines {
		net += line.Cents * line.Count
	}
	return (net*(100-discount)*119 + 5000) / 10000, nil
}
""",
    "cart_test.go": """\
package cart

import (
	"errors"
	"testing"
)

var basket = []Line{{1250, 2}, {899, 1}}

func TestTotalAddsTax(t *testing.T) {
	got, err := Total(basket, 0)
	if err != nil || got != 4045 {
		t.Fatalf("Total() = %d, %v; want 4045", got, err)
	}
}

func TestDiscountIsTakenFirst(t *testing.T) {
	got, err := Total(basket, 10)
	if err != nil || got != 3640 {
		t.Errorf("Total() = %d, %v; want 3640", got, err)
	}
}

func TestDiscountAboveAllIsRefused(t *testing.T) {
	if _, err := Total(basket, 101); !errors.Is(err, ErrDiscount) {
		t.Errorf("error = %v; want ErrDiscount", err)
	}
}
""",
}

GO_TESTS: Final = {
    "example.org/cart": [
        "TestTotalAddsTax",
        "TestDiscountIsTakenFirst",
        "TestDiscountAboveAllIsRefused",
    ]
}

RUST: Final[Files] = {
    ".gitignore": "build/\ntarget/\n",
    "Cargo.toml": '[package]\nname = "cart"\nversion = "0.3.0"\nedition = "2021"\n',
    "src/lib.rs": """\
//! Prices of baskets.

/// Some pieces of one article.
pub struct Line {
    pub cents: u64,
    pub count: u64,
}

/// Cents with tax, after a discount in per cent; None for a discount above 100.
pub fn total(lines: &[Line], discount: u64) -> Option<u64> {
    let left = 100u64.checked_sub(discount)?;
    let net: u64 = lines.iter().map(|line| line.cents * line.count).sum();
    Some((net * left * 119 + 5000) / 10000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basket() -> Vec<Line> {
        vec![Line { cents: 1250, count: 2 }, Line { cents: 899, count: 1 }]
    }

    #[test]
    fn total_adds_tax() {
        assert_eq!(total(&basket(), 0), Some(4045));
    }

    #[test]
    fn discount_is_taken_first() {
        assert_eq!(total(&basket(), 10), Some(3640));
    }

    #[test]
    fn discount_above_all_is_refused() {
        assert!(total(&basket(), 101).is_none());
    }
}
""",
}

RUST_TESTS: Final = {
    "cart::tests": ["total_adds_tax", "discount_is_taken_first", "discount_above_all_is_refused"]
}

JAVA: Final[Files] = {
    ".gitignore": "build/\ntarget/\n",
    "pom.xml": """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.example</groupId>
  <artifactId>cart</artifactId>
  <version>1.2.0</version>
  <dependencies>
    <dependency>
      <groupId>org.junit.jupiter</groupId>
      <artifactId>junit-jupiter</artifactId>
      <version>5.11.3</version>
      <scope>test</scope>
    </dependency>
  </dependencies>
</project>
""",
    "src/main/java/org/example/Cart.java": """\
package org.example;

/** Prices of baskets. */
public final class Cart {
    private Cart() {}

    /** Cents with tax, after a discount in per cent. */
    public static long total(long netCents, int discount) {
        if (discount < 0 || discount > 100) {
            throw new IllegalArgumentException("discount " + discount);
        }
        return (netCents * (100 - discount) * 119 + 5000) / 10000;
    }
}
""",
    "src/test/java/org/example/CartTest.java": """\
package org.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class CartTest {
    @Test
    void totalAddsTax() {
        assertEquals(4045, Cart.total(3399, 0));
    }

    @Test
    void discountIsTakenFirst() {
        assertEquals(3640, Cart.total(3399, 10));
    }

    @Test
    void discountAboveAllIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> Cart.total(3399, 101));
    }
}
""",
}

JAVA_TESTS: Final = {
    "org.example.CartTest": ["totalAddsTax", "discountIsTakenFirst", "discountAboveAllIsRefused"]
}
