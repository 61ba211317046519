"""Tests that define what they test: a copy of the product's function, a double of the same name.

Above: tests_kept. Below: suites, the sources of the product. Of names that tests took from the product
at the base, that the product still has, and that now come from the tests themselves.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from agentos import Finding
from agentos_governance.gatekeeper.cases import TestFile
from agentos_governance.gatekeeper.files.naming import is_product, is_python, is_test_path
from agentos_governance.gatekeeper.files.product_names import defined_names
from agentos_governance.gatekeeper.suites.suites import Suites
from agentos_governance.gatekeeper.work import Work

CHECK = "tests_kept"
MAX_SOURCES = 400


async def shadowed_products(work: Work, suites: Suites) -> list[Finding]:
    """Findings in changed files of tests."""
    suspects = [
        (path, name, line)
        for path, name, line in _suspects(work, suites)
        if name not in suites.removed_names
    ]
    if not suspects:
        return []
    sources = [path for path in sorted(work.submitted_paths) if _may_define(path, suspects)]
    contents = await work.read_submitted_files(sources[:MAX_SOURCES])
    return [
        Finding(
            CHECK,
            "blocking",
            f"{path} has a {name} of its own now, and tests that instead of the product's, which is "
            "still there",
            "tests define what they test",
            path,
            line,
            line,
        )
        for path, name, line in suspects
        if any(_defines(source, content, path, name) for source, content in contents.items())
    ]


def _may_define(path: str, suspects: list[tuple[str, str, int]]) -> bool:
    suffixes = {each.rpartition(".")[2][:2] for each, _, _ in suspects}
    is_same = path.rpartition(".")[2][:2] in suffixes
    return is_same and (is_product(path) or path.endswith(".rs"))


def _defines(source: str, content: bytes, test: str, name: str) -> bool:
    if source == test:
        # Rust has its tests beside the product, below it.
        content = content.partition(b"#[cfg(test)]")[0]
    return name in defined_names(content)


def _suspects(work: Work, suites: Suites) -> Iterator[tuple[str, str, int]]:
    before_of = {now.path: before.path for before, now in suites.pairing.pairs}
    for path, new in suites.new.items():
        old = suites.old.get(before_of.get(path, path))
        if old is None:
            continue
        used = _used(new) if not is_python(path) else frozenset(new.defined) | new.imports.keys()
        for name in sorted(_taken_from_product(old) & used):
            line = _own_line(work, path, name, old, new)
            if line is not None:
                yield path, name, line


def _used(file: TestFile) -> frozenset[str]:
    return frozenset(_short(call) for case in file.cases for call in case.calls)


def _taken_from_product(old: TestFile) -> set[str]:
    """Names that the tests of the base had from elsewhere: imported, or called and not defined."""
    if is_python(old.path) or old.imports:
        return {name for name in old.imports if name not in old.defined}
    return {
        _short(call) for case in old.cases if case.is_test for call in case.calls
    } - old.defined.keys()


def _short(call: str) -> str:
    """`total` of `cart.total` and of `../src/cart.js total`; the class of `Cart.total`."""
    name = call.rpartition(" ")[2]
    first, _, _ = name.partition(".")
    return first if first[:1].isupper() else name.rpartition(".")[2]


def _own_line(work: Work, path: str, name: str, old: TestFile, new: TestFile) -> int | None:
    """Where the tests have the name from themselves now, and did not before; None where they have not."""
    if name in new.defined and name not in old.defined:
        is_rebound = name in new.imports and new.imports.get(name) == old.imports.get(name)
        return None if is_rebound and is_python(path) else new.defined[name]
    source, before = new.imports.get(name), old.imports.get(name)
    if source is None or before is None or source == before or _is_of_tests(work, old.path, before):
        return None
    return 1 if _is_of_tests(work, path, source) else None


def _is_of_tests(work: Work, path: str, source: str) -> bool:
    """Whether a name is imported from a file of tests."""
    if is_python(path):
        module = source.rpartition(".")[0].replace(".", "/")
        return any(
            is_test_path(each) and f"/{each}".endswith((f"/{module}.py", f"/{module}/__init__.py"))
            for each in work.submitted_paths
        )
    module = source.partition(" ")[0]
    if not module.startswith("."):
        return False
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), module))
    return is_test_path(f"{target.rpartition('.')[0] or target}.js") or is_test_path(target)
