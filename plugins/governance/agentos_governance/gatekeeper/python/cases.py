"""The tests of a Python file as cases: what runs, what each asserts, what keeps it from doing so.

Above: comparison. Below: assertions, flow, skips. pytest and unittest.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from agentos_governance.gatekeeper.cases import Case, Replaced, Skip, TestFile
from agentos_governance.gatekeeper.python.assertions import (
    last_name,
    literals,
    text_of,
)
from agentos_governance.gatekeeper.python.collection import CollectionRules
from agentos_governance.gatekeeper.python.doubles import (
    callee,
    decorator_doubles,
    doubles_among,
    doubles_in,
)
from agentos_governance.gatekeeper.python.flow import (
    AWAIT,
    assertions_in,
    constant_truth,
    swallowing_functions,
)
from agentos_governance.gatekeeper.python.parameters import parameters_of
from agentos_governance.gatekeeper.python.skips import (
    asks_about_machine,
    marks_of,
    module_skips,
    skips_in,
)
from agentos_governance.gatekeeper.python.source import (
    full_name,
    functions_of,
    imported_names,
    own_nodes,
    parse_python,
    source_of,
)

Function = ast.FunctionDef | ast.AsyncFunctionDef
_OPTIONAL_WORDS = frozenset({"self", "cls"})
_WORD = re.compile(r"[A-Za-z_]\w*")
_TEXT = re.compile(r"\"[^\"\n]{0,200}\"|'[^'\n]{0,200}'")
_REDEFINING = frozenset({"overload", "setter", "register"})


@dataclass
class _Class:
    """Where a function stands."""

    name: str = ""
    is_collected: bool = True
    is_unittest: bool = False
    waits: bool = False
    """Whether coroutines are waited for."""
    skips: tuple[Skip, ...] = ()
    replaced: tuple[Replaced, ...] = ()


@dataclass
class _Reading:
    path: str
    rules: CollectionRules
    imports: dict[str, str]
    lines: list[str]
    unchanged: frozenset[str] = frozenset()
    constants: dict[str, ast.expr] = field(default_factory=dict)
    helpers: dict[str, int] = field(default_factory=dict)
    """How much each function of the file asserts by itself, by its short name; see AWAIT."""
    cases: list[Case] = field(default_factory=list)
    fixtures: list[Case] = field(default_factory=list)
    lenient: frozenset[str] = frozenset()
    """Functions of the file that forget failures."""
    rebound: tuple[Replaced, ...] = ()
    """What the module itself replaces before any test runs."""


def asserting_functions(content: bytes) -> dict[str, int]:
    """How much each function of a file asserts by itself, by its short name; see AWAIT."""
    tree = parse_python(content)
    return {} if tree is None else _asserting(tree, imported_names(tree))


def read_python_file(
    path: str,
    content: bytes,
    rules: CollectionRules,
    shared: Mapping[str, int],
    unchanged: frozenset[str] = frozenset(),
) -> TestFile:
    """The cases of a file; names twice in one scope appear once, as the last of them does.

    `shared` says how much functions of other files assert. Functions whose source is among
    `unchanged` are not looked into.
    """
    tree = parse_python(content)
    if tree is None:
        return TestFile(path, is_readable=False)
    lines = content.decode("utf-8", "replace").splitlines()
    reading = _Reading(path, rules, imported_names(tree), lines, unchanged)
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Name):
                reading.constants[target.id] = node.value
    imported = {name: full.rpartition(".")[2] for name, full in reading.imports.items()}
    for sign in ("", AWAIT):
        reading.helpers |= {
            sign + name: shared[sign + full]
            for name, full in imported.items()
            if sign + full in shared
        }
    reading.helpers |= _asserting(tree, reading.imports)
    reading.lenient = swallowing_functions(functions_of(tree).values())
    plain = [each for each in tree.body if isinstance(each, ast.Assign | ast.Expr)]
    reading.rebound = tuple(
        doubles_among((each for node in plain for each in ast.walk(node)), reading.imports)
    )
    is_collected = not _is_opted_out(tree.body)
    _read_body(reading, tree.body, _Class(is_collected=is_collected))
    skips = tuple(module_skips(tree, reading.imports))
    return TestFile(
        path,
        _last_of_each(reading.cases),
        tuple(reading.fixtures),
        (*skips, *_marked_later(tree, reading.imports)),
        _shadowed_names(tree, rules),
        imports=reading.imports,
        defined=_defined(tree),
        data={name: literals(value) for name, value in reading.constants.items()},
    )


def _defined(tree: ast.Module) -> dict[str, int]:
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = node.lineno
        elif isinstance(node, ast.Assign):
            found |= {each.id: node.lineno for each in node.targets if isinstance(each, ast.Name)}
    return found


def _marked_later(tree: ast.Module, imports: dict[str, str]) -> Iterator[Skip]:
    """`test_x = pytest.mark.skip("...")(test_x)`, further down than its definition."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            inner = node.value.func
            yield from marks_of([inner], imports)


def _asserting(tree: ast.Module, imports: dict[str, str]) -> dict[str, int]:
    """What functions assert by themselves, and by those of the file that they call."""
    functions = {
        name.rpartition(".")[2]: node
        for name, node in functions_of(tree).items()
        if not node.name.startswith("test")
    }
    waiting = {name for name, node in functions.items() if isinstance(node, ast.AsyncFunctionDef)}
    found: dict[str, int] = {}
    for _ in range(2):
        strengths = {
            name: max((each.strength for each in assertions_in(node, imports, found)), default=0)
            for name, node in functions.items()
        }
        # A coroutine that nobody waits for does nothing.
        found = {name: 0 if name in waiting else n for name, n in strengths.items()}
        found |= {AWAIT + name: strengths[name] for name in waiting}
    return found


def _last_of_each(cases: list[Case]) -> tuple[Case, ...]:
    """A second definition of a name takes the place of the first, which then never runs."""
    found: dict[str, Case] = {}
    for case in cases:
        found[case.name] = case
    return tuple(found.values())


def _shadowed_names(tree: ast.Module, rules: CollectionRules) -> dict[str, int]:
    found: dict[str, int] = {}
    for prefix, body in _scopes(tree):
        seen: dict[str, int] = {}
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if any(last_name(callee(each)) in _REDEFINING for each in node.decorator_list):
                continue
            if node.name in seen and rules.is_test_name(node.name):
                found[prefix + node.name] = seen[node.name]
            seen[node.name] = node.lineno
    return found


def _scopes(tree: ast.Module) -> Iterator[tuple[str, list[ast.stmt]]]:
    yield "", tree.body
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield f"{node.name}.", node.body


def _read_body(reading: _Reading, body: list[ast.stmt], place: _Class) -> None:
    gone = _taken_away(body)
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            is_there = node.name not in gone
            _read_function(reading, node, place if is_there else replace(place, is_collected=False))
        elif isinstance(node, ast.ClassDef):
            _read_body(reading, node.body, _entered(reading, node, place))
        elif isinstance(node, ast.If):
            _read_body(reading, node.body, _below(node, place))
            _read_body(reading, node.orelse, place)
        elif isinstance(node, ast.Try | ast.With):
            inner = [*node.body, *getattr(node, "orelse", [])]
            _read_body(reading, inner, place)


def _below(node: ast.If, place: _Class) -> _Class:
    """Where functions stand that are defined only if a condition holds."""
    truth = constant_truth(node.test)
    if truth is not None:
        return place if truth else replace(place, is_collected=False)
    text = f"if {text_of(node.test)[:100]}"
    skip = Skip(text, node.lineno, asks_about_machine(node.test))
    return replace(place, skips=(*place.skips, skip))


def _entered(reading: _Reading, node: ast.ClassDef, place: _Class) -> _Class:
    is_unittest = any(last_name(base).endswith("TestCase") for base in node.bases)
    is_named = is_unittest or reading.rules.is_test_class(node.name)
    own = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    # pytest leaves classes with a constructor out.
    is_collected = is_named and (is_unittest or "__init__" not in own)
    is_collected = is_collected and not _is_opted_out(node.body)
    return _Class(
        f"{place.name}{node.name}.",
        place.is_collected and is_collected,
        is_unittest,
        any("Async" in last_name(base) for base in node.bases),
        (
            *place.skips,
            *marks_of(node.decorator_list, reading.imports),
            *_class_marks(reading, node),
        ),
        (*place.replaced, *decorator_doubles(node.decorator_list, reading.imports)),
    )


def _class_marks(reading: _Reading, node: ast.ClassDef) -> Iterator[Skip]:
    for each in node.body:
        if isinstance(each, ast.Assign) and any(last_name(t) == "pytestmark" for t in each.targets):
            values = (
                each.value.elts if isinstance(each.value, ast.List | ast.Tuple) else [each.value]
            )
            yield from marks_of(values, reading.imports)


def _is_opted_out(body: list[ast.stmt]) -> bool:
    """`__test__ = False` in a module or a class."""
    return any(
        isinstance(each, ast.Assign)
        and any(last_name(target) == "__test__" for target in each.targets)
        and isinstance(each.value, ast.Constant)
        and not each.value.value
        for each in body
    )


def _taken_away(body: list[ast.stmt]) -> set[str]:
    """Functions whose names are deleted, or mean something else, further down in a scope."""
    defined: set[str] = set()
    gone: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            defined.add(node.name)
            gone.discard(node.name)
        elif isinstance(node, ast.Delete):
            gone |= {last_name(target) for target in node.targets} & defined
        elif isinstance(node, ast.Assign):
            named = {last_name(target) for target in node.targets} & defined
            if named and not any(each in text_of(node.value) for each in named):
                gone |= named
    return gone


def _read_function(reading: _Reading, node: Function, place: _Class) -> None:
    decorators = [last_name(callee(each)) for each in node.decorator_list]
    if any(name.endswith("fixture") for name in decorators):
        reading.fixtures.append(_case(reading, node, place, is_test=False))
        return
    is_test = (
        node.name.startswith("test") if place.is_unittest else reading.rules.is_test_name(node.name)
    )
    # Nobody walks through a generator, or waits for a coroutine of a plain TestCase.
    is_idle = any(isinstance(each, ast.Yield | ast.YieldFrom) for each in own_nodes(node))
    is_idle |= place.is_unittest and not place.waits and isinstance(node, ast.AsyncFunctionDef)
    is_test = is_test and not is_idle
    reading.cases.append(_case(reading, node, place, is_test=is_test and place.is_collected))


def _unread(reading: _Reading, node: Function, place: _Class, source: str, is_test: bool) -> Case:
    """A function that is in the other state as well: enough of it to find it again."""
    return Case(
        path=reading.path,
        name=place.name + node.name,
        line=node.lineno,
        end_line=node.end_lineno or node.lineno,
        is_test=is_test,
        assertions=(),
        skips=place.skips,
        replaced=place.replaced,
        words=frozenset(_WORD.findall(source)),
        constants=frozenset(repr(text[1:-1]) for text in _TEXT.findall(source)),
        body=hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest(),
    )


def _case(reading: _Reading, node: Function, place: _Class, *, is_test: bool) -> Case:
    source = source_of(reading.lines, node)
    if source in reading.unchanged:
        return _unread(reading, node, place, source, is_test)
    parameters, skips = parameters_of(node, reading.constants, reading.imports)
    found = assertions_in(node, reading.imports, reading.helpers)
    lenient = reading.lenient & {last_name(callee(each)) for each in node.decorator_list}
    if lenient:
        flaw = f"its decorator {min(lenient)} forgets its failure"
        found = [replace(each, strength=0, flaw=flaw) for each in found]
    return Case(
        path=reading.path,
        name=place.name + node.name,
        line=node.lineno,
        end_line=node.end_lineno or node.lineno,
        is_test=is_test,
        assertions=tuple(found),
        parameters=tuple(parameters),
        skips=(
            *place.skips,
            *marks_of(node.decorator_list, reading.imports),
            *skips_in(node, reading.imports),
            *skips,
        ),
        replaced=(*place.replaced, *reading.rebound, *doubles_in(node, reading.imports)),
        calls=frozenset(
            name
            for each in ast.walk(node)
            if isinstance(each, ast.Call) and (name := full_name(each.func, reading.imports))
        ),
        words=_words(node),
        constants=literals(node) | _constants_of_named(reading, node),
        is_automatic=any("autouse=True" in text_of(each) for each in node.decorator_list),
        body=_body_digest(node),
    )


def _constants_of_named(reading: _Reading, node: Function) -> frozenset[str]:
    """Literals in constants of the module that a decorator or the body names."""
    used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    found: frozenset[str] = frozenset()
    for name in used & reading.constants.keys():
        found |= literals(reading.constants[name])
    return found


def _words(node: ast.AST) -> frozenset[str]:
    found = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    found |= {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    found |= {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)}
    return frozenset(found) - _OPTIONAL_WORDS


def _body_digest(node: Function) -> str:
    """Of the statements alone: docstrings and the name do not count."""
    body = node.body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    text = "\n".join(text_of(each) for each in body)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
