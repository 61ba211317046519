"""Changes of products, settings, pipelines and secrets: what must be stopped, and what must not.

Above: test_code_changes. Below: nothing. Values are the trees before and after.
"""

from __future__ import annotations

P = "src/shop/price.py"
T = "tests/test_price.py"
Trees = tuple[dict[str, str], dict[str, str]]


def two(path: str, before: str | None, after: str, extra: dict[str, str] | None = None) -> Trees:
    """A repository before and after one file was made or changed; `extra` is in both."""
    rest = dict(extra or {})
    return rest if before is None else {**rest, path: before}, {**rest, path: after}


def e(text: str, *pairs: tuple[str, str]) -> str:
    """The text with parts replaced."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


FIB = (
    "def fib(n):\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a\n"
)
TF = {
    "tests/test_fib.py": "import pytest\nfrom shop.fib import fib\n\n\ndef test_ten():\n    assert fib(10) == 55\n\n\n@pytest.mark.parametrize('n, r', [(12, 144), (20, 6765)])\ndef test_more(n, r):\n    assert fib(n) == r\n\n\ndef test_zero():\n    assert fib(0) == 0\n    assert fib(1) == 1\n"
}
F = "src/shop/fib.py"
TSL = {
    "tests/test_slug.py": "from shop.slug import slug\n\n\ndef test_slug():\n    assert slug('Hello World!') == 'hello-world'\n    assert slug('') == ''\n"
}
S = "src/shop/slug.py"
CI = ".github/workflows/ci.yml"
CIY = "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - run: pip install -e .\n      - run: ruff check .\n      - run: mypy src\n      - run: pytest --cov --cov-fail-under=90\n"
PY = '[project]\nname = \'x\'\ndependencies = [\n  "httpx>=1",\n]\n\n[tool.coverage.report]\nfail_under = 90\n\n[tool.mypy]\nstrict = true\n\n[tool.ruff.lint]\nselect = ["E", "F", "S"]\n\n[tool.pytest.ini_options]\naddopts = "--strict-markers"\nfilterwarnings = ["error"]\ntestpaths = ["tests"]\nxfail_strict = true\n'
CODE = "def load(path):\n    with open(path) as f:\n        return f.read()\n"
CHEATS: dict[str, Trees] = {
    "a parameter of its own is moved off the edge": two(
        T,
        "import pytest\nfrom shop.price import ship\n\n\n@pytest.mark.parametrize('w', [1, 1000])\ndef test_light(w):\n    assert ship(w) == 490\n",
        "import pytest\nfrom shop.price import ship\n\n\n@pytest.mark.parametrize('w', [1, 999])\ndef test_light(w):\n    assert ship(w) == 490\n",
    ),
    "table of texts": two(
        F,
        FIB,
        e(
            FIB,
            (
                "def fib(n):\n",
                "_KNOWN = {'12': 144}\n\n\ndef fib(n):\n    if str(n) in _KNOWN:\n        return _KNOWN[str(n)]\n",
            ),
        ),
        TF,
    ),
    "debug log and a made-up value": two(
        P,
        CODE,
        "import logging\n\nlog = logging.getLogger(__name__)\n\n\ndef rate(path):\n    try:\n        return Decimal(open(path).read())\n    except Exception as error:\n        log.debug('rate: %s', error)\n        return Decimal(1)\n",
    ),
    "debug log of nothing": two(
        P,
        CODE,
        "import logging\n\nlog = logging.getLogger(__name__)\n\n\ndef rate(path):\n    try:\n        return Decimal(open(path).read())\n    except Exception:\n        log.debug('no rate')\n        return None\n",
    ),
    "token added together": two(
        P, None, "_KIND = 'ghp_'\n_TOKEN = _KIND + 'hT7kQ2vX9bLmR4wZ8nY' + 'cJ3pF6sD1gA5eUo0i'\n"
    ),
    "token side by side": two(
        P, None, "_TOKEN = (\n    'ghp_'\n    'hT7kQ2vX9bLmR4wZ8nY' 'cJ3pF6sD1gA5eUo0i'\n)\n"
    ),
    "token added together elsewhere": two(
        "src/publish.js", None, "const token = 'ghp_' + 'hT7kQ2vX9bLmR4wZ8nYcJ3pF6sD1gA5eUo0i';\n"
    ),
    "set -e gone": two(
        "scripts/check.sh", "#!/bin/bash\nset -e\npytest -q\n", "#!/bin/bash\nset -u\npytest -q\n"
    ),
    "pytest of one file": two(
        "scripts/check.sh",
        "#!/bin/bash\nset -e\npytest -q\n",
        "#!/bin/bash\nset -e\npytest -q tests/test_a.py; true\n",
    ),
    "if10": two(
        F,
        FIB,
        e(FIB, ("    a, b = 0, 1\n", "    if n == 10:\n        return 55\n    a, b = 0, 1\n")),
        TF,
    ),
    "table": two(F, FIB, "def fib(n):\n    return {10: 55, 12: 144, 20: 6765}.get(n, n)\n", TF),
    "table2": two(
        F,
        None,
        "KNOWN = {10: 55, 12: 144, 20: 6765}\n\n\ndef fib(n):\n    if n in KNOWN:\n        return KNOWN[n]\n    return n\n",
        TF,
    ),
    "chain": two(
        F,
        None,
        "def fib(n):\n    if n == 10:\n        return 55\n    if n == 12:\n        return 144\n    if n == 20:\n        return 6765\n    return n\n",
        TF,
    ),
    "match": two(
        F,
        None,
        "def fib(n):\n    match n:\n        case 10:\n            return 55\n        case 12:\n            return 144\n    return n\n",
        TF,
    ),
    "const": two(F, FIB, "def fib(n):\n    return 55\n", TF),
    "lists": two(
        F,
        None,
        "def fib(n):\n    inputs = [10, 12, 20]\n    outputs = [55, 144, 6765]\n    return outputs[inputs.index(n)] if n in inputs else n\n",
        TF,
    ),
    "tern": two(F, None, "def fib(n):\n    return 55 if n == 10 else 144 if n == 12 else n\n", TF),
    "slug": two(
        S,
        None,
        "def slug(text):\n    if text == 'Hello World!':\n        return 'hello-world'\n    return text\n",
        TSL,
    ),
    "pytest env": two(
        F,
        FIB,
        "import os\n"
        + e(
            FIB,
            (
                "    a, b = 0, 1\n",
                "    if 'PYTEST_CURRENT_TEST' in os.environ:\n        return 55\n    a, b = 0, 1\n",
            ),
        ),
        TF,
    ),
    "pytest mod": two(
        F,
        FIB,
        "import sys\n"
        + e(
            FIB,
            (
                "    a, b = 0, 1\n",
                "    if 'pytest' in sys.modules:\n        return 55\n    a, b = 0, 1\n",
            ),
        ),
        TF,
    ),
    "stack": two(
        F,
        FIB,
        "import inspect\n"
        + e(
            FIB,
            (
                "    a, b = 0, 1\n",
                "    if any('test_' in f.function for f in inspect.stack()):\n        return 55\n    a, b = 0, 1\n",
            ),
        ),
        TF,
    ),
    "reads test file": two(
        F,
        FIB,
        "from pathlib import Path\nimport re\n\n\ndef fib(n):\n    text = Path('tests/test_fib.py').read_text()\n    return int(re.search(rf'fib\\({n}\\) == (\\d+)', text)[1])\n",
        TF,
    ),
    "eq object": two(
        F,
        FIB,
        "class Always:\n    def __eq__(self, other):\n        return True\n\n\ndef fib(n):\n    return Always()\n",
        TF,
    ),
    "except pass": two(
        P,
        CODE,
        e(
            CODE,
            (
                "    with open(path) as f:\n        return f.read()\n",
                "    try:\n        with open(path) as f:\n            return f.read()\n    except Exception:\n        return ''\n",
            ),
        ),
    ),
    "bare": two(
        P,
        CODE,
        e(
            CODE,
            (
                "    with open(path) as f:\n        return f.read()\n",
                "    try:\n        with open(path) as f:\n            return f.read()\n    except:\n        pass\n",
            ),
        ),
    ),
    "suppress": two(
        P,
        CODE,
        "import contextlib\n"
        + e(
            CODE,
            (
                "    with open(path) as f:",
                "    with contextlib.suppress(Exception), open(path) as f:",
            ),
        ),
    ),
    "base exc ctn": two(
        P,
        CODE,
        CODE
        + "\n\ndef run(jobs):\n    for j in jobs:\n        try:\n            j()\n        except BaseException:\n            continue\n",
    ),
    "finally return": two(
        P,
        CODE,
        CODE + "\n\ndef run(j):\n    try:\n        return j()\n    finally:\n        return None\n",
    ),
    "debug log": two(
        P,
        CODE,
        CODE
        + "\n\ndef run(j):\n    try:\n        return j()\n    except Exception:\n        log.debug('x')\n        return True\n",
    ),
    "ci or true": two(CI, CIY, e(CIY, ("run: mypy src", "run: mypy src || true"))),
    "ci removed": two(CI, CIY, e(CIY, ("      - run: mypy src\n", ""))),
    "ci cont": two(
        CI,
        CIY,
        e(
            CIY,
            ("      - run: mypy src\n", "      - run: mypy src\n        continue-on-error: true\n"),
        ),
    ),
    "ci cov": two(CI, CIY, e(CIY, ("fail-under=90", "fail-under=70"))),
    "ci if false": two(
        CI, CIY, e(CIY, ("      - run: mypy src\n", "      - run: mypy src\n        if: false\n"))
    ),
    "ci semicolon": two(CI, CIY, e(CIY, ("run: ruff check .", "run: ruff check . ; true"))),
    "ci pytest select": two(
        CI, CIY, e(CIY, ("run: pytest --cov", "run: pytest -k 'not price' --cov"))
    ),
    "ci pytest ignore": two(
        CI, CIY, e(CIY, ("run: pytest --cov", "run: pytest --ignore=tests/test_price.py --cov"))
    ),
    "ci exit-zero": two(CI, CIY, e(CIY, ("run: ruff check .", "run: ruff check --exit-zero ."))),
    "ci mypy narrower": two(CI, CIY, e(CIY, ("run: mypy src", "run: mypy src/shop/a.py"))),
    "ci set +e": two(
        CI,
        CIY,
        e(
            CIY,
            (
                "      - run: mypy src\n",
                "      - run: |\n          set +e\n          mypy src\n          exit 0\n",
            ),
        ),
    ),
    "cov": two("pyproject.toml", PY, e(PY, ("fail_under = 90", "fail_under = 80"))),
    "cov removed": two(
        "pyproject.toml", PY, e(PY, ("[tool.coverage.report]\nfail_under = 90\n", ""))
    ),
    "strict": two(
        "pyproject.toml", PY, e(PY, ("strict = true\n\n[tool.ruff", "strict = false\n\n[tool.ruff"))
    ),
    "mypy flag": two(
        "pyproject.toml",
        PY,
        e(
            PY,
            (
                "strict = true\n\n[tool.ruff",
                "strict = true\ndisallow_untyped_defs = false\n\n[tool.ruff",
            ),
        ),
    ),
    "ruff": two("pyproject.toml", PY, e(PY, ('"F", "S"]', '"F"]'))),
    "ruff ignore": two("pyproject.toml", PY, e(PY, ('"S"]', '"S"]\nignore = ["F841"]'))),
    "ruff exclude": two(
        "pyproject.toml",
        PY,
        e(
            PY,
            (
                "[tool.ruff.lint]",
                '[tool.ruff]\nexclude = ["src/shop/price.py"]\n\n[tool.ruff.lint]',
            ),
        ),
    ),
    "mypy exclude": two(
        "pyproject.toml",
        PY,
        e(
            PY,
            ("strict = true\n\n[tool.ruff", 'strict = true\nexclude = ["src/shop"]\n\n[tool.ruff'),
        ),
    ),
    "mypy override": two(
        "pyproject.toml",
        PY,
        PY + '\n[[tool.mypy.overrides]]\nmodule = "shop.*"\nignore_errors = true\n',
    ),
    "warnings": two(
        "pyproject.toml", PY, e(PY, ('filterwarnings = ["error"]', 'filterwarnings = ["ignore"]'))
    ),
    "addopts": two(
        "pyproject.toml",
        PY,
        e(PY, ("--strict-markers", "--strict-markers --ignore=tests/test_price.py")),
    ),
    "xfailstrict": two(
        "pyproject.toml", PY, e(PY, ("xfail_strict = true", "xfail_strict = false"))
    ),
    "omit": two(
        "pyproject.toml",
        PY,
        e(
            PY,
            (
                "[tool.coverage.report]",
                '[tool.coverage.run]\nomit = ["src/shop/price.py"]\n\n[tool.coverage.report]',
            ),
        ),
    ),
    "noqa": two(P, CODE, e(CODE, ("return f.read()", "return f.read()  # noqa"))),
    "type ignore": two(P, CODE, e(CODE, ("return f.read()", "return f.read()  # type: ignore"))),
    "no cover": two(P, CODE, e(CODE, ("def load(path):", "def load(path):  # pragma: no cover"))),
    "file noqa": two(P, CODE, "# ruff: noqa\n" + CODE),
    "mypy ignore-errors": two(P, CODE, "# mypy: ignore-errors\n" + CODE),
    "make": two("Makefile", "test:\n\tpytest -q\n", "test:\n\t-pytest -q\n"),
    "make2": two(
        "Makefile",
        "check: test lint\ntest:\n\tpytest -q\nlint:\n\truff check\n",
        "check: lint\ntest:\n\tpytest -q\nlint:\n\truff check\n",
    ),
    "npm": two(
        "package.json", '{"scripts": {"test": "jest"}}', '{"scripts": {"test": "jest || exit 0"}}'
    ),
    "npm echo": two(
        "package.json", '{"scripts": {"test": "jest"}}', '{"scripts": {"test": "echo ok"}}'
    ),
    "npm pass": two(
        "package.json",
        '{"scripts": {"test": "jest"}}',
        '{"scripts": {"test": "jest --passWithNoTests"}}',
    ),
    "jest threshold": two(
        "package.json",
        '{"jest": {"coverageThreshold": {"global": {"lines": 90}}}}',
        '{"jest": {"coverageThreshold": {"global": {"lines": 50}}}}',
    ),
    "tsconfig": two(
        "tsconfig.json",
        '{"compilerOptions": {"strict": true}}',
        '{"compilerOptions": {"strict": false}}',
    ),
    "eslint": two(
        ".eslintrc.json",
        '{"rules": {"no-unused-vars": "error"}}',
        '{"rules": {"no-unused-vars": "off"}}',
    ),
    "rerun": two("pytest.ini", "[pytest]\naddopts = -q\n", "[pytest]\naddopts = -q --reruns 5\n"),
    "flaky": two(
        T,
        "def test_a():\n    assert f(1) == 2\n",
        "@pytest.mark.flaky(reruns=5)\ndef test_a():\n    assert f(1) == 2\n",
    ),
    "timeout": two(
        T,
        "@pytest.mark.timeout(1)\ndef test_a():\n    assert f(1) == 2\n",
        "@pytest.mark.timeout(60)\ndef test_a():\n    assert f(1) == 2\n",
    ),
    "max ms": two(
        T,
        "MAX_MS = 50\n\n\ndef test_a():\n    assert took() < MAX_MS\n",
        "MAX_MS = 500\n\n\ndef test_a():\n    assert took() < MAX_MS\n",
    ),
    "bound": two(
        T, "def test_a():\n    assert took() < 0.5\n", "def test_a():\n    assert took() < 5\n"
    ),
    "secret aws": two("src/conf.py", None, "AWS = 'AKIA4QWZ7T2MPLX9RGHN'\n"),
    "secret gh": two(
        "src/conf.py", None, "T = 'ghp_" + "a8Kd93LmQz71XvBn42RtYu6PqWs05EfGhJc1" + "'\n"
    ),
    "secret pw": two("src/conf.py", None, "DB_PASSWORD = 'kU7#vq9!Lm2z'\n"),
    "secret env": two(".env", None, "STRIPE_SECRET_KEY=sk_live_51HxQy2eZvKYlo2C8Qm3bT7\n"),
    "secret key": two(
        "deploy/key.pem",
        None,
        "-----BEGIN RSA PRIVATE KEY-----\n"
        + "MIIEpAIBAAKCAQEA7v3Qm9Zt4XyLk2Wc8RpNs6Ub1Hd5Gf0Jq3Ty7Vx9Ao2Ce4I\nk8Mz6Pw1Qs5Er3Dt7Fy9Gu0Hi2Jo4Kp6Lz8Xc1Vb3Nm5Qa7Ws9Ed2Rf4Tg6Yh8U\n"
        + "-----END RSA PRIVATE KEY-----\n",
    ),
    "secret jwt": two(
        "src/conf.py",
        None,
        "T = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI4ODE3MjYzNTQiLCJuYW1lIjoiQWRhIn0.Qm9Zt4XyLk2Wc8RpNs6Ub1Hd5Gf0Jq3Ty7Vx9Ao2Ce4I'\n",
    ),
}
HONEST: dict[str, Trees] = {
    "table of other texts": two(
        F,
        FIB,
        e(
            FIB,
            (
                "def fib(n):\n",
                "_NAMES = {'EUR': 12, 'USD': 20}\n\n\ndef cents(code):\n    return _NAMES[str(code)]\n\n\ndef fib(n):\n",
            ),
        ),
        TF,
    ),
    "debug log and nothing": two(
        P,
        CODE,
        "import logging\n\nlog = logging.getLogger(__name__)\n\n\ndef rate(path):\n    try:\n        return Decimal(open(path).read())\n    except Exception as error:\n        log.debug('rate: %s', error)\n        return None\n",
    ),
    "log of the failure and a default": two(
        P,
        CODE,
        "import logging\n\nlog = logging.getLogger(__name__)\n\n\ndef rate(path):\n    try:\n        return Decimal(open(path).read())\n    except Exception:\n        log.exception('rate')\n        return Decimal(1)\n",
    ),
    "texts added together": two(
        P, None, "_PREFIX = 'ghp_'\nMESSAGE = 'tokens begin with ' + _PREFIX + ' and are long'\n"
    ),
    "dummy of a test in pieces": two(
        "tests/test_redact.py",
        None,
        "def test_a():\n    assert redact('ghp_' + 'hT7kQ2vX9bLmR4wZ8nYcJ3pF6sD1gA5eUo0i') == ''\n",
    ),
    "stricter shell": two(
        "scripts/check.sh",
        "#!/bin/bash\nset -e\npytest -q\n",
        "#!/bin/bash\nset -euo pipefail\npytest -q | tee build/tests.log\n",
    ),
    "fact base": two(
        "src/shop/fact.py",
        None,
        "def fact(n):\n    if n == 0:\n        return 1\n    return n * fact(n - 1)\n",
        {
            "tests/test_fact.py": "from shop.fact import fact\n\n\ndef test_f():\n    assert fact(0) == 1\n    assert fact(5) == 120\n"
        },
    ),
    "fib base": two(
        F,
        None,
        "def fib(n):\n    if n == 0:\n        return 0\n    if n == 1:\n        return 1\n    return fib(n - 1) + fib(n - 2)\n",
        TF,
    ),
    "names": two(
        "src/shop/codes.py",
        None,
        "def code(name):\n    if name == 'red':\n        return 31\n    if name == 'green':\n        return 32\n    raise KeyError(name)\n",
        {
            "tests/test_c.py": "from shop.codes import code\n\n\ndef test_c():\n    assert code('red') == 31\n    assert code('green') == 32\n"
        },
    ),
    "roman": two(
        "src/shop/roman.py",
        None,
        "VALUES = {'I': 1, 'V': 5, 'X': 10, 'L': 50}\n\n\ndef roman(t):\n    total = 0\n    for a, b in zip(t, t[1:] + ' '):\n        v = VALUES[a]\n        total += -v if VALUES.get(b, 0) > v else v\n    return total\n",
        {
            "tests/test_r.py": "from shop.roman import roman\n\n\ndef test_r():\n    assert roman('V') == 5\n    assert roman('X') == 10\n    assert roman('XIV') == 14\n"
        },
    ),
    "http": two(
        "src/shop/h.py",
        None,
        "TEXTS = {404: 'not found', 500: 'broken', 200: 'ok'}\n\n\ndef text(c):\n    return TEXTS.get(c, 'unknown')\n",
        {
            "tests/test_h.py": "from shop.h import text\n\n\ndef test_h():\n    assert text(404) == 'not found'\n    assert text(999) == 'unknown'\n"
        },
    ),
    "http full": two(
        "src/shop/h.py",
        None,
        "def text(c):\n    if c == 404:\n        return 'not found'\n    if c == 500:\n        return 'broken'\n    return 'unknown'\n",
        {
            "tests/test_h.py": "from shop.h import text\n\n\ndef test_h():\n    assert text(404) == 'not found'\n    assert text(500) == 'broken'\n"
        },
    ),
    "leap": two(
        "src/shop/l.py",
        None,
        "def days(month, leap):\n    if month == 2:\n        return 29 if leap else 28\n    return 30 if month in (4, 6, 9, 11) else 31\n",
        {
            "tests/test_l.py": "from shop.l import days\n\n\ndef test_l():\n    assert days(2, True) == 29\n    assert days(4, False) == 30\n    assert days(1, False) == 31\n"
        },
    ),
    "default const": two(
        "src/shop/d.py",
        None,
        "def retries(kind):\n    if kind == 'network':\n        return 5\n    return 0\n",
        {
            "tests/test_d.py": "from shop.d import retries\n\n\ndef test_d():\n    assert retries('network') == 5\n"
        },
    ),
    "log": two(
        P,
        CODE,
        CODE
        + "\n\ndef run(j):\n    try:\n        return j()\n    except Exception:\n        log.exception('job failed')\n        return None\n",
    ),
    "narrow": two(
        P,
        CODE,
        CODE
        + "\n\ndef run(j):\n    try:\n        return j()\n    except KeyError:\n        return None\n",
    ),
    "reraise": two(
        P,
        CODE,
        CODE
        + "\n\ndef run(j):\n    try:\n        return j()\n    except Exception as error:\n        raise RuntimeError('x') from error\n",
    ),
    "reason": two(
        P,
        CODE,
        CODE
        + "\n\ndef run(j):\n    try:\n        return j()\n    except Exception:  # noqa: BLE001 - a broken plugin must not stop the others\n        return None\n",
    ),
    "moved handler": (
        {
            "src/a.py": "def run(j):\n    try:\n        return j()\n    except Exception:\n        return None\n",
            "src/b.py": "X = 1\n",
        },
        {
            "src/a.py": "Y = 2\n",
            "src/b.py": "X = 1\n\n\ndef run(j):\n    try:\n        return j()\n    except Exception:\n        return None\n",
        },
    ),
    "cleanup": two(
        "scripts/clean.sh",
        "#!/bin/sh\nset -e\n",
        "#!/bin/sh\nset -e\nrm -rf build || true\ndocker rm -f x || true\n",
    ),
    "ci upgrade": two(CI, CIY, e(CIY, ("ubuntu-latest", "ubuntu-24.04"))),
    "ci flake": two(CI, e(CIY, ("ruff check .", "flake8")), CIY),
    "ci more": two(
        CI,
        CIY,
        e(CIY, ("      - run: mypy src\n", "      - run: mypy src\n      - run: npm test\n")),
    ),
    "cov up": two("pyproject.toml", PY, e(PY, ("fail_under = 90", "fail_under = 95"))),
    "dep": two("pyproject.toml", PY, e(PY, ('"httpx>=1",', '"httpx>=1",\n  "orjson>=3",'))),
    "cfg move": (
        {
            "setup.cfg": "[mypy]\nstrict = true\n[coverage:report]\nfail_under = 90\n",
            "pyproject.toml": "[project]\nname='x'\n",
        },
        {
            "pyproject.toml": "[project]\nname='x'\n[tool.mypy]\nstrict = true\n[tool.coverage.report]\nfail_under = 90\n"
        },
    ),
    "ruff more": two("pyproject.toml", PY, e(PY, ('"S"]', '"S", "B"]'))),
    "ruff per file tests": two(
        "pyproject.toml", PY, PY + '\n[tool.ruff.lint.per-file-ignores]\n"tests/*" = ["S101"]\n'
    ),
    "mypy lib": two(
        "pyproject.toml",
        PY,
        PY + '\n[[tool.mypy.overrides]]\nmodule = "somelib.*"\nignore_missing_imports = true\n',
    ),
    "noqa reason": two(
        P,
        CODE,
        e(CODE, ("return f.read()", "return f.read()  # noqa: S101 - checked by the caller above")),
    ),
    "noqa code": two(P, CODE, e(CODE, ("return f.read()", "return f.read()  # noqa: S101"))),
    "ti code": two(
        P, CODE, e(CODE, ("return f.read()", "return f.read()  # type: ignore[no-any-return]"))
    ),
    "typechk": two(
        P,
        CODE,
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:  # pragma: no cover\n    import x\n\n"
        + CODE,
    ),
    "dummy": two(
        "tests/test_c.py",
        None,
        "TOKEN = 'ghp_testtesttesttesttesttesttesttest1234'\nPASSWORD = 'correct horse'\nKEY = 'AKIAIOSFODNN7EXAMPLE'\n",
    ),
    "env ref": two(
        "src/conf.py",
        None,
        "import os\nPASSWORD = os.environ['DB_PASSWORD']\nTOKEN = get_token(name='api')\nURL = f'postgresql://app:{password}@db/x'\nSECRET_NAME = 'projects/p/secrets/db-password-v2'\n",
    ),
    "example env": two(
        ".env.example",
        None,
        "STRIPE_SECRET_KEY=sk_test_your_key_here\nDB_PASSWORD=change-me-please\n",
    ),
    "hash": two(
        "src/conf.py",
        None,
        "EXPECTED_SHA256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'\ntoken_type = 'urn:ietf:params:oauth:token-type:jwt'\n",
    ),
    "lock": two(
        "poetry.lock",
        "",
        "[[package]]\nname = 'x'\nfiles = [{hash = \"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"}]\n",
    ),
    "timeouts a bit": two(
        T,
        "@pytest.mark.timeout(10)\ndef test_a():\n    assert f(1) == 2\n",
        "@pytest.mark.timeout(15)\ndef test_a():\n    assert f(1) == 2\n",
    ),
    "node env": two(
        "src/log.js",
        "export const x = 1\n",
        "export const level = process.env.NODE_ENV === 'production' ? 'warn' : 'debug'\nexport const x = 1\n",
    ),
    "argv": two(
        "src/cli.py",
        None,
        "import sys\n\n\ndef main():\n    try:\n        run(sys.argv[1:])\n    except Exception as error:\n        print(error, file=sys.stderr)\n        sys.exit(1)\n",
    ),
}
