"""A small Python shop: prices, orders, stock, and its tests. BROKEN_* have one bug each, which tests find."""

from __future__ import annotations

from tests.agentos_governance.gatekeeper.form import changed, edited

_PYPROJECT = """\
[project]
name = "shop"
version = "1.4.0"
requires-python = ">=3.11"
dependencies = ["httpx>=0.27"]

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["src"]
addopts = "--strict-markers"
filterwarnings = ["error"]
markers = ["slow: takes more than a second"]

[tool.coverage.report]
fail_under = 90
exclude_also = ["if TYPE_CHECKING:"]

[tool.ruff]
line-length = 110

[tool.ruff.lint]
select = ["E", "F", "B", "BLE", "S", "I"]

[tool.ruff.lint.per-file-ignores]
"tests/*" = ["S101"]

[tool.mypy]
strict = true
warn_unreachable = true
"""

_CI = """\
name: ci
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    timeout-minutes: 10
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: pip install -e .[dev]
      - name: Lint
        run: ruff check .
      - name: Types
        run: mypy src
      - name: Tests
        run: pytest --cov=shop --cov-fail-under=90
"""

_CHECK = """\
#!/bin/sh
# What a developer runs before a push.
set -e
ruff check .
mypy src
pytest -q
"""

_MONEY = '''\
"""Amounts in cents."""

from decimal import ROUND_HALF_UP, Decimal


def to_cents(amount: Decimal) -> int:
    """Whole cents of an amount, half a cent rounded up."""
    return int((amount * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def shares(cents: int, parts: int) -> list[int]:
    """An amount in parts as equal as can be; the first ones carry what is left over."""
    if parts < 1:
        raise ValueError("there must be at least one part")
    each, rest = divmod(cents, parts)
    return [each + (1 if index < rest else 0) for index in range(parts)]
'''

_PRICE = '''\
"""Prices of baskets."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from shop.money import to_cents

TAX = Decimal("0.19")


@dataclass(frozen=True)
class Line:
    """Some pieces of one article."""

    sku: str
    unit_cents: int
    count: int = 1


def net(lines: Sequence[Line]) -> int:
    """Cents without tax."""
    return sum(line.unit_cents * line.count for line in lines)


def total(lines: Sequence[Line], *, discount: Decimal = Decimal(0)) -> int:
    """Cents with tax, after the discount (0 to 1)."""
    if not 0 <= discount <= 1:
        raise ValueError(f"the discount is {discount}; it must be 0 to 1")
    return to_cents(Decimal(net(lines)) * (1 - discount) * (1 + TAX) / 100)


def shipping(weight_g: int) -> int:
    """Cents for a parcel of that weight."""
    if weight_g <= 1_000:
        return 490
    return 490 + 100 * ((weight_g - 1) // 1_000)


def average_rating(ratings: Sequence[int]) -> float:
    """The mean of ratings; 0 without any."""
    return sum(ratings) / len(ratings) if ratings else 0.0
'''

_ORDERS = '''\
"""Orders as JSON text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from shop.price import Line


class OrderError(ValueError):
    """The text is no order."""


@dataclass(frozen=True)
class Order:
    """Who ordered what."""

    id: str
    customer: str
    lines: tuple[Line, ...]


def parse_order(text: str) -> Order:
    """The order in a JSON text; OrderError says what is wrong with it."""
    try:
        data = json.loads(text)
        lines = tuple(Line(item["sku"], item["unit_cents"], item["count"]) for item in data["lines"])
        order = Order(data["id"], data["customer"], lines)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise OrderError(f"not an order: {error}") from error
    if not order.lines:
        raise OrderError("an order without lines")
    return order


def find(orders: Sequence[Order], id: str) -> Order | None:
    """The order with that id, or None."""
    return next((order for order in orders if order.id == id), None)
'''

_STOCK = '''\
"""What lies in the warehouse."""


class OutOfStockError(Exception):
    """Fewer pieces are there than were asked for."""


class Stock:
    """Pieces by article; nothing is reserved twice."""

    def __init__(self, pieces: dict[str, int]) -> None:
        self._pieces = dict(pieces)

    def available(self, sku: str) -> int:
        """Pieces that nobody has reserved."""
        return self._pieces.get(sku, 0)

    def reserve(self, sku: str, count: int) -> None:
        """Take pieces out; OutOfStockError, and nothing taken, where there are too few."""
        if count > self.available(sku):
            raise OutOfStockError(f"{self.available(sku)} of {sku} left, {count} asked for")
        self._pieces[sku] -= count
'''

_TEST_MONEY = """\
from decimal import Decimal

import pytest

from shop.money import shares, to_cents


@pytest.mark.parametrize(
    ("amount", "cents"),
    [
        ("1.00", 100),
        ("0.10", 10),
        ("0.005", 1),
        ("0.015", 2),
        ("0.025", 3),
        ("-1.00", -100),
    ],
)
def test_amounts_become_cents(amount, cents):
    assert to_cents(Decimal(amount)) == cents


def test_shares_add_up_to_the_amount():
    parts = shares(100, 3)
    assert parts == [34, 33, 33]
    assert sum(parts) == 100


def test_an_amount_cannot_be_shared_by_nobody():
    with pytest.raises(ValueError, match="at least one part"):
        shares(100, 0)
"""

_TEST_PRICE = """\
from decimal import Decimal

import pytest

from shop.price import Line, average_rating, net, shipping, total

BASKET = [Line("tea", 1250, 2), Line("cup", 899)]


def test_net_is_the_sum_of_the_lines():
    assert net(BASKET) == 3399


def test_total_adds_tax():
    assert total(BASKET) == 4045


def test_discount_is_taken_before_tax():
    assert total(BASKET, discount=Decimal("0.10")) == 3640


def test_half_a_cent_is_rounded_up():
    assert total([Line("pin", 50)]) == 60


def test_a_discount_of_more_than_everything_is_refused():
    with pytest.raises(ValueError, match="must be 0 to 1"):
        total(BASKET, discount=Decimal("1.5"))


def test_shipping_costs_more_for_each_kilogram():
    assert shipping(500) == 490
    assert shipping(1_000) == 490
    assert shipping(2_500) == 690


def test_two_full_kilograms_pay_for_one_more():
    assert shipping(2_000) == 590


def test_the_average_of_ratings_is_exact():
    assert average_rating([5, 4, 4]) == pytest.approx(4.3333, abs=0.0001)
"""

_TEST_ORDERS = """\
import json

import pytest

from shop.orders import OrderError, find, parse_order

TEXT = json.dumps(
    {
        "id": "A-7",
        "customer": "Ada",
        "lines": [{"sku": "tea", "unit_cents": 1250, "count": 2}],
    }
)


def test_an_order_is_read():
    order = parse_order(TEXT)
    assert order.id == "A-7"
    assert order.customer == "Ada"
    assert order.lines[0].sku == "tea"


def test_an_order_without_lines_is_refused():
    with pytest.raises(OrderError, match="without lines"):
        parse_order('{"id": "A-8", "customer": "Bob", "lines": []}')


def test_text_that_is_no_order_is_refused():
    with pytest.raises(OrderError):
        parse_order("[]")


def test_an_order_is_found_by_its_id():
    order = parse_order(TEXT)
    assert find([order], "A-7") is order
    assert find([order], "A-9") is None
"""

_TEST_STOCK = """\
import pytest

from shop.stock import OutOfStockError, Stock


def test_reserved_pieces_are_not_available():
    stock = Stock({"tea": 5})
    stock.reserve("tea", 3)
    assert stock.available("tea") == 2


def test_nothing_is_taken_where_too_little_is_left():
    stock = Stock({"tea": 2})
    with pytest.raises(OutOfStockError):
        stock.reserve("tea", 3)
    assert stock.available("tea") == 2
"""

SHOP: dict[str, str | bytes] = {
    ".gitignore": "build/\n__pycache__/\n*.pyc\n.venv/\n.pytest_cache/\n.hypothesis/\n",
    "README.md": "# Shop\n\nPrices, orders and stock of a small shop.\n\nRun `scripts/check.sh`.\n",
    "docs/prices.md": "# Prices\n\nTax is 19 %. Half a cent is rounded up.\n",
    "pyproject.toml": _PYPROJECT,
    ".github/workflows/ci.yml": _CI,
    "scripts/check.sh": _CHECK,
    "src/shop/__init__.py": '"""A shop."""\n',
    "src/shop/money.py": _MONEY,
    "src/shop/price.py": _PRICE,
    "src/shop/orders.py": _ORDERS,
    "src/shop/stock.py": _STOCK,
    "tests/test_money.py": _TEST_MONEY,
    "tests/test_price.py": _TEST_PRICE,
    "tests/test_orders.py": _TEST_ORDERS,
    "tests/test_stock.py": _TEST_STOCK,
}

BROKEN_SHIPPING = edited(SHOP, "src/shop/price.py", "(weight_g - 1) // 1_000", "weight_g // 1_000")
"""Two full kilograms cost 690: one test fails."""

BROKEN_ROUNDING = changed(
    SHOP, {"src/shop/money.py": _MONEY.replace("ROUND_HALF_UP", "ROUND_HALF_EVEN")}
)
"""Half a cent goes to the even neighbour: two cases of one test fail."""

BROKEN_RATING = edited(
    SHOP, "src/shop/price.py", "sum(ratings) / len(ratings)", "sum(ratings) // len(ratings)"
)
"""The average is cut to a whole number: one test fails."""

BROKEN_PARSING = edited(
    SHOP,
    "src/shop/orders.py",
    "(KeyError, TypeError, json.JSONDecodeError)",
    "(KeyError, json.JSONDecodeError)",
)
"""A TypeError gets out for a list: one test fails."""

BROKEN_STOCK = edited(
    edited(SHOP, "src/shop/stock.py", "        self._pieces[sku] -= count\n", ""),
    "src/shop/stock.py",
    "        if count > self.available(sku):",
    "        self._pieces[sku] -= count\n        if self.available(sku) < 0:",
)
"""Pieces are taken before it is known whether there are enough: one test fails."""
