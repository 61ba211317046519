"""Changes of one file of Python tests: those that lose something, and those that lose nothing.

Above: test_python_tests. Below: nothing. Keys are names of cases; values are the tree afterwards.
"""

from __future__ import annotations

BASE: dict[str, str] = {
    "src/shop/__init__.py": "",
    "src/shop/price.py": "def total(items, discount=0):\n    s = sum(items)\n    return s - discount\n\n\ndef ship(w):\n    if w <= 0:\n        raise ValueError('weight')\n    return 490 + 100 * (w // 1000)\n",
    "tests/test_price.py": """import pytest

from shop.price import ship, total


def test_total_of_items():
    result = total([1, 2, 3])
    assert result == 6
    assert result > 0


def test_discount():
    assert total([10, 20], discount=5) == 25


@pytest.mark.parametrize(("w", "cents"), [(1, 490), (1000, 590), (2500, 690)])
def test_ship(w, cents):
    assert ship(w) == cents


def test_no_weight():
    with pytest.raises(ValueError, match="weight"):
        ship(0)


def test_ratio():
    assert total([0.1, 0.2]) == pytest.approx(0.3, rel=1e-6)
""",
}
T = "tests/test_price.py"
P = "src/shop/price.py"


def ed(*pairs: tuple[str, str], path: str = T) -> dict[str, str]:
    """The base with texts of one file replaced."""
    text = BASE[path]
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return {**BASE, path: text}


CHEATS: dict[str, dict[str, str]] = {
    "in instead of ==": ed(("assert result == 6", "assert result in (5, 6, 7)")),
    "not none": ed(("assert result == 6", "assert result is not None")),
    "truthy": ed(
        ("    assert total([10, 20], discount=5) == 25", "    assert total([10, 20], discount=5)")
    ),
    "isinstance": ed(("assert result == 6", "assert isinstance(result, int)")),
    "or true": ed(("assert result == 6", "assert result == 6 or True")),
    "self": ed(("assert result == 6", "assert result == result")),
    "try": ed(
        (
            "    assert total([10, 20], discount=5) == 25",
            "    try:\n        assert total([10, 20], discount=5) == 25\n    except AssertionError:\n        pass",
        )
    ),
    "suppress": ed(
        (
            "    assert total([10, 20], discount=5) == 25",
            "    with contextlib.suppress(Exception):\n        assert total([10, 20], discount=5) == 25",
        )
    ),
    "return": ed(("def test_discount():\n", "def test_discount():\n    return\n")),
    "if": ed(
        (
            "    assert total([10, 20], discount=5) == 25",
            "    if total([10, 20], discount=5):\n        assert total([10, 20], discount=5) == 25",
        )
    ),
    "removed assert": ed(("    assert result == 6\n", "")),
    "raises broad": ed(('pytest.raises(ValueError, match="weight")', "pytest.raises(Exception)")),
    "raises nomatch": ed(
        ('pytest.raises(ValueError, match="weight")', "pytest.raises(ValueError)")
    ),
    "tolerance": ed(("rel=1e-6", "rel=0.5")),
    "tolerance2": ed(("rel=1e-6", "abs=0.5")),
    "param removed": ed(("(2500, 690)", "")),
    "param input moved off the edge": ed(("(1000, 590)", "(1001, 590)")),
    "param expects otherwise": ed(("(1000, 590)", "(1000, 600)")),
    "new test of existence": {
        **BASE,
        T: BASE[T]
        + "\n\ndef test_ship_by_weight():\n    assert callable(ship)\n    assert ship is not None\n",
    },
    "param skip": ed(("(2500, 690)", "pytest.param(2500, 690, marks=pytest.mark.skip)")),
    "param xfail": ed(("(2500, 690)", "pytest.param(2500, 690, marks=pytest.mark.xfail)")),
    "loop over nothing": ed(
        (
            "    assert total([10, 20], discount=5) == 25",
            "    for x in []:\n        assert total([10, 20], discount=5) == 25",
        )
    ),
    "commented": ed(
        (
            "    assert total([10, 20], discount=5) == 25",
            "    total([10, 20], discount=5)\n    # assert total([10, 20], discount=5) == 25",
        )
    ),
    "tuple": ed(
        (
            "assert total([10, 20], discount=5) == 25",
            "assert (total([10, 20], discount=5) == 25, 'no')",
        )
    ),
    "ge": ed(
        ("assert total([10, 20], discount=5) == 25", "assert total([10, 20], discount=5) >= 0")
    ),
    "del test": ed(
        ("def test_discount():\n    assert total([10, 20], discount=5) == 25\n\n\n", "")
    ),
    "underscore": ed(("def test_discount", "def _test_discount")),
    "nested": ed(
        (
            "def test_discount():\n    assert total([10, 20], discount=5) == 25",
            "def test_discount():\n    def inner():\n        assert total([10, 20], discount=5) == 25",
        )
    ),
    "lambda": ed(
        (
            "    assert total([10, 20], discount=5) == 25",
            "    check = lambda: total([10, 20], discount=5) == 25\n    assert check",
        )
    ),
    "string assert": ed(
        (
            "    assert total([10, 20], discount=5) == 25",
            "    '''assert total([10, 20], discount=5) == 25'''\n    assert total",
        )
    ),
    "env skip": ed(
        (
            "def test_discount",
            "@pytest.mark.skipif(not os.environ.get('FULL'), reason='slow')\ndef test_discount",
        )
    ),
    "class no collect": ed(
        (
            "def test_discount():\n    assert total([10, 20], discount=5) == 25",
            "class Discounts:\n    def test_discount(self):\n        assert total([10, 20], discount=5) == 25",
        )
    ),
    "dunder test": {**BASE, T: BASE[T] + "\n__test__ = False\n"},
    "test del": {**BASE, T: BASE[T] + "\ndel test_discount\n"},
    "test reassigned": {**BASE, T: BASE[T] + "\ntest_discount = None\n"},
    "moduleskip": {
        **BASE,
        T: BASE[T].replace(
            "import pytest\n", "import pytest\n\npytestmark = pytest.mark.skip\n", 1
        ),
    },
    "module skip call": {
        **BASE,
        T: BASE[T].replace(
            "import pytest\n", "import pytest\n\npytest.skip('later', allow_module_level=True)\n", 1
        ),
    },
    "expected changed": ed(("== 25", "== 30")),
    "mock sut": ed(
        (
            "def test_discount():\n    assert total",
            "@patch('shop.price.total', return_value=25)\ndef test_discount(m):\n    from shop import price\n    assert price.total",
        ),
        ("import pytest\n", "from unittest.mock import patch\n\nimport pytest\n"),
    ),
    "mock sut 2": ed(
        (
            "def test_discount():\n    assert total([10",
            "def test_discount(monkeypatch):\n    monkeypatch.setattr(price, 'total', lambda *a, **k: 25)\n    assert price.total([10",
        ),
        (
            "from shop.price import ship, total\n",
            "from shop import price\nfrom shop.price import ship, total\n",
        ),
    ),
    "parametrize to fewer via indirect": ed(("[(1, 490), (1000, 590), (2500, 690)]", "[(1, 490)]")),
    "parametrize empty": ed(("[(1, 490), (1000, 590), (2500, 690)]", "[]")),
    "while false": ed(
        (
            "    assert total([10, 20], discount=5) == 25",
            "    while False:\n        assert total([10, 20], discount=5) == 25",
        )
    ),
    "if typechecking": ed(
        (
            "    assert total([10, 20], discount=5) == 25",
            "    if TYPE_CHECKING:\n        assert total([10, 20], discount=5) == 25",
        )
    ),
    "any": ed(
        (
            "assert total([10, 20], discount=5) == 25",
            "assert any([total([10, 20], discount=5) == 25, True])",
        )
    ),
    "assert len": ed(
        (
            "assert total([10, 20], discount=5) == 25",
            "assert len(str(total([10, 20], discount=5))) > 0",
        )
    ),
    "xfail strict false": ed(
        ("def test_discount", "@pytest.mark.xfail(strict=False)\ndef test_discount")
    ),
    "usefixture skip": {
        **ed(("def test_discount", "@pytest.mark.usefixtures('later')\ndef test_discount")),
        "tests/conftest.py": "import pytest\n\n\n@pytest.fixture\ndef later():\n    pytest.skip('later')\n",
    },
    "expected computed from code": ed(
        (
            "    assert total([10, 20], discount=5) == 25",
            "    expected = total([10, 20], discount=5)\n    assert total([10, 20], discount=5) == expected",
        )
    ),
    "round": ed(
        (
            "assert total([0.1, 0.2]) == pytest.approx(0.3, rel=1e-6)",
            "assert round(total([0.1, 0.2])) == 0",
        )
    ),
    "int cast": ed(
        (
            "assert total([10, 20], discount=5) == 25",
            "assert bool(total([10, 20], discount=5) == 25) in (True, False)",
        )
    ),
    "mark deselect": {
        **ed(("def test_discount", "@pytest.mark.slow\ndef test_discount")),
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = \"-m 'not slow'\"\n",
    },
    "addopts -k": {**BASE, "pytest.ini": "[pytest]\naddopts = -k 'not discount'\n"},
    "conftest ignore": {**BASE, "tests/conftest.py": "collect_ignore = ['test_price.py']\n"},
    "conftest deselect": {
        **BASE,
        "tests/conftest.py": "def pytest_collection_modifyitems(config, items):\n    kept = [i for i in items if 'discount' not in i.name]\n    config.hook.pytest_deselected(items=[i for i in items if i not in kept])\n    items[:] = kept\n",
    },
    "conftest report": {
        **BASE,
        "tests/conftest.py": "def pytest_runtest_logreport(report):\n    report.outcome = 'passed'\n",
    },
    "conftest sessionfinish": {
        **BASE,
        "tests/conftest.py": "def pytest_sessionfinish(session, exitstatus):\n    session.exitstatus = 0\n",
    },
    "conftest autouse patch product": {
        **BASE,
        "tests/conftest.py": "import pytest\nimport shop.price\n\n\n@pytest.fixture(autouse=True)\ndef fast(monkeypatch):\n    monkeypatch.setattr('shop.price.total', lambda *a, **k: 25)\n",
    },
    "sut replaced in conftest": {
        **BASE,
        "tests/conftest.py": "import shop.price\n\nshop.price.total = lambda *a, **k: 25\n",
    },
    "assert in except only": ed(
        (
            "    assert total([10, 20], discount=5) == 25",
            "    try:\n        total([10, 20], discount=5)\n    except Exception as e:\n        assert str(e) == 'x'",
        )
    ),
    "raises more": ed(
        (
            'pytest.raises(ValueError, match="weight")',
            'pytest.raises((ValueError, KeyError), match="weight")',
        )
    ),
    "raises a base": ed(("pytest.raises(ValueError, match", "pytest.raises(Exception, match")),
    "raises another": ed(("pytest.raises(ValueError, match", "pytest.raises(KeyError, match")),
    "defined never": ed(
        (
            "def test_discount():\n    assert total([10, 20], discount=5) == 25",
            "if False:\n\n    def test_discount():\n        assert total([10, 20], discount=5) == 25",
        )
    ),
}

HONEST: dict[str, dict[str, str]] = {
    "rename": ed(("def test_discount", "def test_a_discount_is_taken_off")),
    "merge": ed(("    assert result == 6\n    assert result > 0\n", "    assert result == 6\n")),
    "stronger": ed(
        ("    assert result > 0\n", "    assert result == 6, 'sum'\n"),
        ("    assert result == 6\n    assert", "    assert"),
    ),
    "rename var": ed(("result", "summed")),
    "inline": ed(
        (
            "    result = total([1, 2, 3])\n    assert result == 6\n    assert result > 0\n",
            "    assert total([1, 2, 3]) == 6\n",
        )
    ),
    "param more": ed(("(2500, 690)", "(2500, 690), (3500, 790)")),
    "param moved to another test": {
        **BASE,
        T: BASE[T].replace("(1000, 590)", "(1200, 590)")
        + '\n\n@pytest.mark.parametrize(("w", "cents"), [(1000, 590)])\ndef test_full(w, cents):\n    assert ship(w) == cents\n',
    },
    "param written otherwise": ed(("(1000, 590)", "pytest.param(int(1000), 590)")),
    "new test of exports": {
        **BASE,
        T: BASE[T]
        + "\n\ndef test_public_names():\n    assert callable(ship)\n    assert callable(total)\n",
    },
    "new test of a value that is there": {
        **BASE,
        T: BASE[T] + "\n\ndef test_weight():\n    found = ship(5)\n    assert found is not None\n",
    },
    "param reorder": ed(("(1, 490), (1000, 590)", "(1000, 590), (1, 490)")),
    "param ids": ed(("(1, 490)", "pytest.param(1, 490, id='small')")),
    "unparam": ed(
        (
            '@pytest.mark.parametrize(("w", "cents"), [(1, 490), (1000, 590), (2500, 690)])\ndef test_ship(w, cents):\n    assert ship(w) == cents',
            "def test_ship():\n    assert ship(1) == 490\n    assert ship(1000) == 590\n    assert ship(2500) == 690",
        )
    ),
    "loop": ed(
        (
            '@pytest.mark.parametrize(("w", "cents"), [(1, 490), (1000, 590), (2500, 690)])\ndef test_ship(w, cents):\n    assert ship(w) == cents',
            "def test_ship():\n    for w, cents in [(1, 490), (1000, 590), (2500, 690)]:\n        assert ship(w) == cents",
        )
    ),
    "parametrize two": ed(
        (
            "def test_total_of_items():\n    result = total([1, 2, 3])\n    assert result == 6\n    assert result > 0\n\n\ndef test_discount():\n    assert total([10, 20], discount=5) == 25\n",
            "@pytest.mark.parametrize(('items', 'discount', 'expected'), [([1, 2, 3], 0, 6), ([10, 20], 5, 25)])\ndef test_total(items, discount, expected):\n    assert total(items, discount=discount) == expected\n",
        )
    ),
    "class": ed(
        (
            "def test_discount():\n    assert total([10, 20], discount=5) == 25",
            "class TestDiscount:\n    def test_discount(self):\n        assert total([10, 20], discount=5) == 25",
        )
    ),
    "split": ed(
        (
            "    assert result == 6\n    assert result > 0\n",
            "    assert result == 6\n\n\ndef test_total_positive():\n    result = total([1, 2, 3])\n    assert result > 0\n",
        )
    ),
    "moved file": {
        **ed(("def test_discount():\n    assert total([10, 20], discount=5) == 25\n\n\n", "")),
        "tests/test_discount.py": "from shop.price import total\n\n\ndef test_discount():\n    assert total([10, 20], discount=5) == 25\n",
    },
    "helper": ed(
        (
            "def test_discount():\n    assert total([10, 20], discount=5) == 25",
            "def check_total(items, discount, expected):\n    assert total(items, discount=discount) == expected\n\n\ndef test_discount():\n    check_total([10, 20], 5, 25)",
        )
    ),
    "fixture": ed(
        (
            "def test_total_of_items():\n    result = total([1, 2, 3])\n",
            "@pytest.fixture\ndef result():\n    return total([1, 2, 3])\n\n\ndef test_total_of_items(result):\n",
        )
    ),
    "match tightened": ed(('match="weight"', 'match="^weight$"')),
    "new": {**BASE, T: BASE[T] + "\n\ndef test_empty():\n    assert total([]) == 0\n"},
    "platform skip new": {
        **BASE,
        T: BASE[T]
        + "\n\n@pytest.mark.skipif(sys.platform == 'win32', reason='posix')\ndef test_empty():\n    assert total([]) == 0\n",
    },
    "approx": ed(("pytest.approx(0.3, rel=1e-6)", "pytest.approx(0.3)")),
    "tighter": ed(("rel=1e-6", "rel=1e-9")),
    "variables": ed(
        (
            "    assert total([10, 20], discount=5) == 25",
            "    items = [10, 20]\n    expected = 25\n    assert total(items, discount=5) == expected",
        )
    ),
    "subtests": ed(
        (
            "    assert total([10, 20], discount=5) == 25",
            "    with_discount = total([10, 20], discount=5)\n    without = total([10, 20])\n    assert with_discount == 25\n    assert without == 30",
        )
    ),
    "message": ed(("== 25", "== 25, 'discount is subtracted'")),
    "feature gone": {
        **{
            k: v
            for k, v in ed(
                (
                    '\n\n@pytest.mark.parametrize(("w", "cents"), [(1, 490), (1000, 590), (2500, 690)])\ndef test_ship(w, cents):\n    assert ship(w) == cents\n\n\ndef test_no_weight():\n    with pytest.raises(ValueError, match="weight"):\n        ship(0)\n',
                    "",
                ),
                ("ship, total", "total"),
            ).items()
        },
        P: "def total(items, discount=0):\n    s = sum(items)\n    return s - discount\n",
    },
    "func renamed": {**ed(("ship", "shipping_cost")), P: BASE[P].replace("ship", "shipping_cost")},
    "arg renamed": {**ed(("discount=5", "rebate=5")), P: BASE[P].replace("discount", "rebate")},
}
