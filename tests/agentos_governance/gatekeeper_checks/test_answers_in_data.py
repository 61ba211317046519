"""Answers of tests in files of data stand in the way of computing them; tables do not (issue 6)."""

from __future__ import annotations

import pytest

from agentos_governance.gatekeeper.checks.hard_coded.no_hard_coded_results import (
    no_hard_coded_results,
)
from tests.agentos_governance.gatekeeper_checks.code_changes import FIB, TF, F
from tests.agentos_governance.gatekeeper_checks.reviewed import work_of, worst

pytestmark = pytest.mark.anyio

Files = dict[str, str]
LOOK = "    if str(n) in KNOWN:\n        return KNOWN[str(n)]\n"


def fib(loading: str, looking: str = LOOK) -> str:
    """The function of the base, which asks a file first."""
    return (
        f"{loading}\n\n{FIB.replace('def fib(n):', 'def fib(n):' + chr(10) + looking.rstrip(), 1)}"
    )


INSTEAD: dict[str, Files] = {
    "JSON": {
        F: fib("KNOWN = load('known.json')"),
        "src/shop/known.json": '{"12": 144, "20": 6765}',
    },
    "nested": {
        F: fib("KNOWN = load('known.json')['fib']"),
        "src/shop/known.json": '{"fib": {"12": 144, "20": 6765}}',
    },
    "rows with names": {
        F: fib("KNOWN = {row['n']: row['fib'] for row in load('known.json')}"),
        "src/shop/known.json": '[{"n": 12, "fib": 144}, {"n": 20, "fib": 6765}]',
    },
    "YAML": {F: fib("KNOWN = load('known.yaml')"), "src/shop/known.yaml": "12: 144\n20: 6765\n"},
    "CSV": {F: fib("KNOWN = rows('known.csv')"), "src/shop/known.csv": "n,fib\n12,144\n20,6765\n"},
    "TOML": {F: fib("KNOWN = load('known.toml')"), "src/shop/known.toml": "12 = 144\n20 = 6765\n"},
    "a helper": {
        F: "def _known(n):\n    return load('known.json').get(str(n))\n\n\n"
        + fib("", "    if (found := _known(n)) is not None:\n        return found\n"),
        "src/shop/known.json": '{"12": 144, "20": 6765}',
    },
    "nothing is computed any more": {
        F: "KNOWN = load('known.json')\n\n\ndef fib(n):\n    return KNOWN[str(n)]\n",
        "src/shop/known.json": '{"10": 55, "12": 144, "20": 6765}',
    },
}
JAVASCRIPT = {
    "src/fib.js": "export function fib(n) {\n  let [a, b] = [0, 1];\n  for (let i = 0; i < n; i++) [a, b] = [b, a + b];\n  return a;\n}\n",
    "test/fib.test.js": 'import { fib } from "../src/fib.js";\n\nit("adds", () => {\n  expect(fib(12)).toBe(144);\n  expect(fib(20)).toBe(6765);\n});\n',
}
WORDS = {
    "tests/test_words.py": "from shop.words import translate\n\n\ndef test_words():\n    assert translate('tea') == 'Tee'\n    assert translate('Good morning, everybody!') == 'Guten Morgen zusammen!'\n"
}
PRICES = {
    "tests/test_prices.py": "from shop.prices import price\n\n\ndef test_prices():\n    assert price('4711') == 1250\n    assert price('4712') == 899\n"
}
HONEST: dict[str, tuple[Files, Files]] = {
    "a translation": (
        WORDS,
        {
            "src/shop/words.py": "TABLE = load('words.json')\n\n\ndef translate(text):\n    if text in TABLE:\n        return TABLE[text]\n    return text\n",
            "src/shop/words.json": '{"tea": "Tee", "Good morning, everybody!": "Guten Morgen zusammen!"}',
        },
    ),
    "a list of prices": (
        PRICES,
        {
            "src/shop/prices.py": "PRICES = load('prices.csv')\n\n\ndef price(sku):\n    return PRICES[sku]\n",
            "src/shop/prices.csv": "sku,cents\n4711,1250\n4712,899\n",
        },
    ),
    "a price more": (
        {
            **PRICES,
            "src/shop/prices.py": "PRICES = load('prices.csv')\n\n\ndef price(sku):\n    return PRICES[sku]\n",
            "src/shop/prices.csv": "sku,cents\n4711,1250\n",
        },
        {"src/shop/prices.csv": "sku,cents\n4711,1250\n4712,899\n"},
    ),
    "a tariff with steps": (
        {"tests/test_ship.py": "from shop.ship import ship\n\n\ndef test_ship():\n    assert ship(1000) == 490\n    assert ship(2000) == 590\n"},
        {
            "src/shop/ship.py": "TARIFF = load('tariff.json')\n\n\ndef ship(weight):\n    for limit, cents in TARIFF:\n        if weight <= limit:\n            return cents\n    return 990 + weight // 1000\n",
            "src/shop/tariff.json": "[[1000, 490], [2000, 590]]",
        },
    ),
    "fixtures": (
        {**TF, F: FIB},
        {"tests/data/known.json": '{"12": 144, "20": 6765}', F: FIB + "\n# loaded by tests: known.json\n"},
    ),
    "other words of exceptions": (
        {"tests/test_plural.py": "from shop.plural import plural\n\n\ndef test_plural():\n    assert plural('mouse') == 'mice'\n    assert plural('cup') == 'cups'\n"},
        {
            "src/shop/plural.py": "ODD = load('odd.json')\n\n\ndef plural(word):\n    if word in ODD:\n        return ODD[word]\n    return word + 's'\n",
            "src/shop/odd.json": '{"mouse": "mice"}',
        },
    ),
    "a table of more than tests ask": (
        {**TF, F: FIB},
        {
            F: fib("KNOWN = load('known.json')"),
            "src/shop/known.json": '{"12": 144, "13": 233, "14": 377, "15": 610, "16": 987, "20": 6765}',
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INSTEAD)
async def test_a_file_of_data_that_answers_tests_instead_of_a_computation_stops_the_submission(
    name: str,
) -> None:
    before = {**TF, F: FIB}
    assert await worst(no_hard_coded_results, work_of(before, {**before, **INSTEAD[name]})) == (
        "blocking"
    )


async def test_a_file_of_data_answers_tests_of_javascript() -> None:
    looking = "import known from './known.json';\n" + JAVASCRIPT["src/fib.js"].replace(
        "(n) {\n", "(n) {\n  if (known[n]) return known[n];\n"
    )
    after = {**JAVASCRIPT, "src/fib.js": looking, "src/known.json": '{"12": 144, "20": 6765}'}
    assert await worst(no_hard_coded_results, work_of(JAVASCRIPT, after)) == "blocking"


async def test_an_entry_of_a_test_in_a_file_that_the_product_asks_first_stops_the_submission() -> (
    None
):
    before = {**TF, F: fib("KNOWN = load('known.json')"), "src/shop/known.json": "{}"}
    after = {**before, "src/shop/known.json": '{"12": 144}'}
    assert await worst(no_hard_coded_results, work_of(before, after)) == "blocking"


@pytest.mark.parametrize("name", HONEST)
async def test_a_table_that_belongs_to_the_product_is_let_through(name: str) -> None:
    before, came = HONEST[name]
    work = work_of(before, {**before, **came})
    assert await worst(no_hard_coded_results, work) != "blocking"


async def test_a_file_that_the_work_order_asks_for_is_shown_to_the_reviewer() -> None:
    before = {**TF, F: FIB}
    work = work_of(
        before, {**before, **INSTEAD["JSON"]}, objective="Read known values from known.json"
    )
    assert await worst(no_hard_coded_results, work) == "warning"
