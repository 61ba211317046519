"""Tests that compare, try or run less than before, in ways that read almost as before (issue 6)."""

from __future__ import annotations

import pytest

from agentos_governance.gatekeeper.checks.tests_kept.tests_kept import tests_kept as kept_tests
from tests.agentos_governance.gatekeeper_checks.reviewed import work_of, worst

pytestmark = pytest.mark.anyio

T = "tests/test_shares.py"
P = "src/shop/money.py"
SETTINGS = "pyproject.toml"
HEAD = (
    "from hypothesis import assume, given, settings\nfrom hypothesis import strategies as st\n\n"
    "from shop.money import shares\n\n\n"
)
ORDERED = f"{HEAD}def test_shares():\n    assert shares(100, 3) == [34, 33, 33]\n"
NESTED = (
    f"{HEAD}def test_shares():\n    def check():\n        assert shares(100, 3) == [34, 33, 33]\n\n"
    "    check()\n"
)
PROPERTY = (
    f"{HEAD}@given(st.integers(0, 10_000), st.integers(1, 50))\ndef test_shares(cents, parts):\n"
    "    assert sum(shares(cents, parts)) == cents\n"
)
DOCUMENTED = (
    'def shares(cents, parts):\n    """Parts of an amount.\n\n    >>> shares(100, 3)\n'
    '    [34, 33, 33]\n    """\n    return split(cents, parts)\n'
)
DOCTESTS = '[tool.pytest.ini_options]\naddopts = "--doctest-modules"\n'
GO = 'package cart\n\nimport (\n\t"os"\n\t"testing"\n)\n\nfunc TestTotal(t *testing.T) {\n\tif Total(2) != 4 {\n\t\tt.Fatal()\n\t}\n}\n'
FEWER = {
    "sorted": (ORDERED, "assert shares(100, 3)", "assert sorted(shares(100, 3), reverse=True)"),
    "a bag": (ORDERED, "shares(100, 3) == [34, 33, 33]", "set(shares(100, 3)) == {34, 33}"),
    "only named": (NESTED, "    check()\n", "    assert check\n"),
    "only asked for": (NESTED, "    check()\n", "    assert callable(check)\n"),
    "a lower bound": (PROPERTY, "st.integers(1, 50)", "st.integers(1, 2)"),
    "a bound by name": (PROPERTY, "st.integers(1, 50)", "st.integers(min_value=1, max_value=9)"),
    "a choice": (PROPERTY, "st.integers(1, 50)", "st.sampled_from([1, 2])"),
    "few examples": (PROPERTY, "@given", "@settings(max_examples=5)\n@given"),
    "an assumption": (PROPERTY, "    assert", "    assume(parts < 3)\n    assert"),
}
AS_MUCH = {
    "a higher bound": (PROPERTY, "st.integers(1, 50)", "st.integers(1, 500)"),
    "more examples": (PROPERTY, "@given", "@settings(max_examples=500)\n@given"),
    "given to another": (NESTED, "    check()\n", "    list(map(lambda _: check(), range(3)))\n"),
    "the order by hand": (
        ORDERED,
        "    assert shares(100, 3) == [34, 33, 33]\n",
        "    found = shares(100, 3)\n    assert found == [34, 33, 33]\n    assert sorted(found) == [33, 33, 34]\n",
    ),
}
MAIN = "\nfunc TestMain(m *testing.M) {{\n{}}}\n"


@pytest.mark.parametrize("name", FEWER)
async def test_a_test_that_compares_or_tries_less_stops_the_submission(name: str) -> None:
    before, old, new = FEWER[name]
    assert old in before
    assert await worst(kept_tests, work_of({T: before}, {T: before.replace(old, new)})) == (
        "blocking"
    )


@pytest.mark.parametrize("name", AS_MUCH)
async def test_a_test_that_compares_and_tries_as_much_is_let_through(name: str) -> None:
    before, old, new = AS_MUCH[name]
    assert old in before
    assert await worst(kept_tests, work_of({T: before}, {T: before.replace(old, new)})) != (
        "blocking"
    )


@pytest.mark.parametrize(
    ("settings", "old", "new", "wanted"),
    [
        (DOCTESTS, "    [34, 33, 33]\n", "    [33, 33, 34]\n", "blocking"),
        (DOCTESTS, "    >>> shares(100, 3)\n    [34, 33, 33]\n", "", "blocking"),
        (DOCTESTS, '33]\n    "', '33]\n    >>> shares(4, 2)\n    [2, 2]\n    "', None),
        ("", "    [34, 33, 33]\n", "    [33, 33, 34]\n", None),
    ],
)
async def test_an_example_that_runs_as_a_test_is_one(
    settings: str, old: str, new: str, wanted: str | None
) -> None:
    assert old in DOCUMENTED
    before = {SETTINGS: settings, P: DOCUMENTED}
    after = {**before, P: DOCUMENTED.replace(old, new)}
    assert await worst(kept_tests, work_of(before, after)) == wanted


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("\tm.Run()\n\tos.Exit(0)\n", "blocking"),
        ("\tos.Exit(0)\n", "blocking"),
        ("\tcode := m.Run()\n\tos.Exit(code)\n", None),
        ("\tm.Run()\n", None),
    ],
)
async def test_a_main_of_go_tests_ends_as_the_tests_do(body: str, wanted: str | None) -> None:
    work = work_of({"cart_test.go": GO}, {"cart_test.go": GO + MAIN.format(body)})
    assert await worst(kept_tests, work) == wanted
