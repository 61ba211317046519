"""Examples in docstrings that are run as tests, and say something else now, or are gone.

Above: tests_kept. Below: suites, the docstrings of the product. Only where pytest is told to collect them:
elsewhere they are documents.
"""

from __future__ import annotations

import ast
import doctest
from collections.abc import Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.files.naming import is_python
from agentos_governance.gatekeeper.python.collection import CollectionRules
from agentos_governance.gatekeeper.python.source import functions_of, parse_python
from agentos_governance.gatekeeper.suites.suites import Suites, mentions

CHECK = "tests_kept"
_PARSER = doctest.DocTestParser()
_MARK = b">>>"

Examples = dict[str, list[doctest.Example]]


def changed_examples(files: Sequence[ReviewedFile], suites: Suites) -> Iterator[Finding]:
    """One finding for each function whose examples of the base expect something else, or are gone."""
    if not _are_run(suites.old_rules):
        return
    for file in files:
        path = file.old_path or file.path
        if file.old is None or file.new is None or not is_python(path) or _MARK not in file.old:
            continue
        old, new = _examples(file.old), _examples(file.new)
        for name, examples in old.items():
            if name in new:
                yield from _of_one(file, name, examples, new[name], suites)


def _are_run(rules: CollectionRules) -> bool:
    return any("doctest" in option for option in rules.options)


def _of_one(
    file: ReviewedFile,
    name: str,
    old: Sequence[doctest.Example],
    new: Sequence[doctest.Example],
    suites: Suites,
) -> Iterator[Finding]:
    wants: dict[str, list[str]] = {}
    for each in new:
        wants.setdefault(each.source, []).append(each.want)
    for before in old:
        if not before.want:
            continue
        now = wants.get(before.source, [])
        if before.want in now:
            now.remove(before.want)
            continue
        asked = now[0].strip() if now else ""
        is_told = mentions(suites.told, name.rpartition(".")[2]) and suites.is_path_disclosed(
            file.path
        )
        is_asked_for = bool(asked) and mentions(suites.asked, asked)
        is_against = mentions(suites.asked, before.want.strip())
        became = f"expects `{asked[:80]}`" if now else "is gone"
        yield Finding(
            CHECK,
            "warning" if is_asked_for or (is_told and now and not is_against) else "blocking",
            f"the example `{before.source.strip()[:80]}` of {name} in {file.path}, which runs as a test, "
            f"expected `{before.want.strip()[:80]}` and {became}",
            "an expected result was changed",
            file.path,
        )
        return


def _examples(content: bytes) -> Examples:
    """Those of each docstring, by the name of what it describes; none of what cannot be read."""
    tree = parse_python(content)
    if tree is None:
        return {}
    places: dict[str, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef] = {
        "the module": tree,
        **functions_of(tree),
    }
    places |= {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found: Examples = {}
    for name, node in places.items():
        text = ast.get_docstring(node) or ""
        try:
            found[name] = _PARSER.get_examples(text) if ">>>" in text else []
        except ValueError:
            found[name] = []
    return found
