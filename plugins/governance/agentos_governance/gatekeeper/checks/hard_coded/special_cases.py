"""Python of the product that answers just what tests ask, with just what they expect.

Above: no_hard_coded_results. Below: `ast`, expectations. Small numbers, empty values and truths are special cases of
honest code too; a function that is a table of words is a table. What is left: a result that nobody
would write down unless they had read the test.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.checks.hard_coded.asked_inputs import (
    WORD,
    Function,
    Special,
    is_telling,
    parameters_of,
    values_asked,
)
from agentos_governance.gatekeeper.checks.hard_coded.expectations import (
    Expectations,
    is_trivial,
    literal_of,
)
from agentos_governance.gatekeeper.checks.hard_coded.module_tables import (
    module_tables,
    names_changed_table,
    said_in_text,
    tuples_of,
)
from agentos_governance.gatekeeper.checks.hard_coded.singled_out import (
    guarded_inputs,
    singled_out,
)
from agentos_governance.gatekeeper.python.assertions import text_of
from agentos_governance.gatekeeper.python.source import (
    function_sources,
    functions_of,
    parse_python,
    source_of,
)
from agentos_governance.gatekeeper.suites.suites import mentions

CHECK = "no_hard_coded_results"


def special_cases(file: ReviewedFile, expected: Expectations, asked: str) -> Iterator[Finding]:
    """Findings in functions that are new or were changed; `asked` is the text of the work order."""
    new = parse_python(file.new or b"")
    if new is None or not (expected.pairs or expected.raised):
        return
    old = parse_python(file.old) if file.old is not None else None
    before = functions_of(old) if old is not None else {}
    same = frozenset(function_sources(file.old or b"")) & frozenset(
        function_sources(file.new or b"")
    )
    lines = (file.new or b"").decode("utf-8", "replace").splitlines()
    tables = module_tables(new)
    for name, node in functions_of(new).items():
        known = before.get(name)
        is_same = known is not None and source_of(lines, node) in same
        if is_same and not names_changed_table(node, tables, module_tables(old)):
            continue
        yield from _in_function(file, name, node, known, expected, tables, asked)


def _in_function(
    file: ReviewedFile,
    name: str,
    node: Function,
    known: Function | None,
    expected: Expectations,
    tables: dict[str, ast.Dict],
    asked: str,
) -> Iterator[Finding]:
    was = text_of(known) if known is not None else ""
    tables = {**tables, **module_tables(ast.Module(node.body, []))}
    found = [each for each in _specials(node, expected, tables) if each.text not in was]
    found += _parallel(node, name, expected)
    found += singled_out(node, name, expected, found)
    constant = _constant_result(node, name, expected)
    if constant is not None and (known is None or _constant_result(known, name, expected) is None):
        found.append(constant)
    for each in guarded_inputs(node, known, name, expected):
        if each.line not in {one.line for one in found}:
            yield _finding(file, name, each, is_usual=each.is_usual)
    is_table = _is_lookup(node) and (known is None or _is_lookup(known))
    for each in found:
        is_usual = _is_usual(each, found, is_table=is_table) or _was_asked_for(each, asked)
        yield _finding(file, name, each, is_usual=is_usual)


def _finding(file: ReviewedFile, name: str, each: Special, *, is_usual: bool) -> Finding:
    return Finding(
        CHECK,
        "warning" if is_usual else "blocking",
        f"{name} in {file.path} answers what a test asks with the {each.result} that it expects: "
        f"`{each.text[:160]}`",
        "a result is written down, not computed",
        file.path,
        each.line,
        each.line,
    )


def _is_usual(each: Special, found: list[Special], *, is_table: bool) -> bool:
    """Whether honest code looks like that: tables of words and numbers, one word on its own."""
    if each.is_constant:
        return False
    is_single = len(each.asked) < 2
    if is_table:
        return is_single and not any(map(is_telling, each.asked))
    return is_single and len(found) < 2 and all(WORD.match(value) for value in each.asked)


def _was_asked_for(each: Special, asked: str) -> bool:
    """Whether the work order itself names the result."""
    texts = [each.result, *each.asked]
    return all(mentions(asked, text.strip("'\"")) for text in texts)


def _specials(
    node: Function, expected: Expectations, tables: dict[str, ast.Dict]
) -> Iterator[Special]:
    parameters = parameters_of(node)
    for each in ast.walk(node):
        if isinstance(each, ast.If):
            yield from _of_branch(each.test, each.body, parameters, expected)
        elif isinstance(each, ast.IfExp):
            result = literal_of(each.body)
            if result is not None:
                yield from _of_test(each.test, result, each, parameters, expected)
        elif isinstance(each, ast.Match):
            yield from _of_match(each, parameters, expected)
        elif isinstance(each, ast.Subscript | ast.Call | ast.Compare):
            yield from _of_lookup(each, parameters, expected, tables)


def _of_branch(
    test: ast.expr, body: list[ast.stmt], parameters: set[str], expected: Expectations
) -> Iterator[Special]:
    for statement in body:
        value: ast.expr | None = None
        if isinstance(statement, (ast.Return, ast.Assign)):
            value = statement.value
        result = literal_of(value)
        if result is not None:
            yield from _of_test(test, result, statement, parameters, expected)


def _of_test(
    test: ast.expr, result: str, at: ast.AST, parameters: set[str], expected: Expectations
) -> Iterator[Special]:
    asked = list(values_asked(test, parameters))
    values = {value for value in asked if value is not None}
    for value in values:
        for _, inputs, answer in expected.inputs(value):
            if answer != result or (is_trivial(value) and len(values) < 2):
                continue
            if is_trivial(result) and all(map(is_trivial, inputs)):
                continue
            if is_trivial(result) and len(values) < 2 and not is_telling(value):
                continue
            line = getattr(test, "lineno", getattr(at, "lineno", 1))
            yield Special(line, f"if {text_of(test)}: {text_of(at)}", result, tuple(sorted(values)))
            return


def _of_match(node: ast.Match, parameters: set[str], expected: Expectations) -> Iterator[Special]:
    if not {one.id for one in ast.walk(node.subject) if isinstance(one, ast.Name)} & parameters:
        return
    for case in node.cases:
        asked = [
            literal_of(each.value)
            for each in ast.walk(case.pattern)
            if isinstance(each, ast.MatchValue)
        ]
        for statement in case.body:
            result = literal_of(statement.value) if isinstance(statement, ast.Return) else None
            if result is None or is_trivial(result):
                continue
            for value in filter(None, asked):
                if any(answer == result for _, _, answer in expected.inputs(value)):
                    yield Special(
                        case.pattern.lineno,
                        f"case {text_of(case.pattern)}: return {result}",
                        result,
                        (value,),
                    )
                    break


def _of_lookup(
    node: ast.Subscript | ast.Call | ast.Compare,
    parameters: set[str],
    expected: Expectations,
    tables: dict[str, ast.Dict],
) -> Iterator[Special]:
    """`{...}[key]`, `TABLE.get(key)`: a table whose entries are all what tests ask."""
    if isinstance(node, ast.Compare):
        return
    holder: ast.expr
    if isinstance(node, ast.Subscript):
        holder, key = node.value, node.slice
    elif isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        holder, key = node.func.value, node.args[0]
    else:
        return
    if not {one.id for one in ast.walk(key) if isinstance(one, ast.Name)} & parameters:
        return
    table = holder if isinstance(holder, ast.Dict) else tables.get(getattr(holder, "id", ""))
    if table is None or not table.keys:
        return
    pairs = [(literal_of(k), literal_of(v)) for k, v in zip(table.keys, table.values, strict=True)]
    hits = [pair for pair in pairs if _is_expected(pair, expected)]
    odd = [pair for pair in hits if not WORD.match(pair[0] or "") and not is_trivial(pair[1] or "")]
    if len(hits) == len(pairs) and odd:
        keys = tuple(key for key, _ in hits if key)
        yield Special(node.lineno, text_of(table), odd[0][1] or "", keys)


def _is_expected(pair: tuple[str | None, str | None], expected: Expectations) -> bool:
    key, value = pair
    if key is None or value is None:
        return False
    if any(answer == value for _, _, answer in expected.inputs(key)):
        return True
    plain = said_in_text(key)
    if plain is not None and any(answer == value for _, _, answer in expected.inputs(plain)):
        return True
    return any((inputs, value) in pairs for pairs in expected.pairs.values()
               for inputs in tuples_of(key))  # fmt: skip


def _parallel(node: Function, name: str, expected: Expectations) -> Iterator[Special]:
    """Two lists in one function, one of inputs and one of the results that tests expect of it."""
    lists = [
        [literal_of(part) for part in each.elts]
        for each in ast.walk(node)
        if isinstance(each, ast.List | ast.Tuple) and len(each.elts) > 1
    ]
    known = {
        (inputs[0], result)
        for inputs, result in expected.pairs.get(name.rpartition(".")[2], ())
        if len(inputs) == 1
    }
    for first in lists:
        for second in lists:
            pairs = list(zip(first, second, strict=False))
            if first is not second and len(first) == len(second) and all(p in known for p in pairs):
                inputs = tuple(value for value in first if value)
                yield Special(
                    node.lineno, f"{', '.join(inputs)}: {second[0]}, ...", second[0] or "", inputs
                )
                return


def _constant_result(node: Function, name: str, expected: Expectations) -> Special | None:
    """A function with parameters whose every way out is one literal that a test expects."""
    parameters = {each.arg for each in (*node.args.posonlyargs, *node.args.args)} - {"self", "cls"}
    returns = [each for each in ast.walk(node) if isinstance(each, ast.Return)]
    if not parameters or len(returns) != 1:
        return None
    result = literal_of(returns[0].value)
    short = name.rpartition(".")[2]
    if result is None or is_trivial(result) or result not in expected.results_of(short):
        return None
    used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    if used & parameters:
        return None
    return Special(returns[0].lineno, text_of(returns[0]), result, is_constant=True)


def _is_lookup(node: Function) -> bool:
    """Whether every way out is a literal or an error: a table, written as branches."""
    returns = [each for each in ast.walk(node) if isinstance(each, ast.Return)]
    return all(each.value is None or literal_of(each.value) is not None for each in returns)
