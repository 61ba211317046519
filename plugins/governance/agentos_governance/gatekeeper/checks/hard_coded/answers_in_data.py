"""Files of data beside the product that answer just what tests ask, with just what they expect.

Above: no_hard_coded_results. Below: data_entries, data_lookups, expectations. A table of prices is such a file
as well, and a person sees whether somebody else would have written it. What stops a submission is a
file that takes the place of computing: all that came into it is what tests ask, and the function that
looks it up computes what it does not find, or computed everything before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.checks.hard_coded.data_lookups import overrides_computing
from agentos_governance.gatekeeper.checks.hard_coded.expectations import Expectations, is_trivial
from agentos_governance.gatekeeper.files.checker_settings import is_checker_settings
from agentos_governance.gatekeeper.files.data_entries import SUFFIXES, Entries, data_entries
from agentos_governance.gatekeeper.files.manifests import LOCK, MANIFEST, PIPELINE
from agentos_governance.gatekeeper.files.naming import is_product, is_test_path

CHECK = "no_hard_coded_results"
_WORD = re.compile(r"^'[A-Za-z_][\w .-]{0,40}'$")
_LONG_TEXT = 14


def may_hold_answers(file: ReviewedFile) -> bool:
    """Whether it is a file of data of the product that came or changed."""
    path = file.path
    if file.new is None or not path.endswith(SUFFIXES) or is_test_path(path):
        return False
    is_of_tools = any(each.search(path) for each in (LOCK, MANIFEST, PIPELINE))
    return not (is_of_tools or is_checker_settings(path))


def names_data(content: bytes, file: ReviewedFile) -> bool:
    """Whether a source names the file of data, with its suffix or without."""
    name = file.path.rpartition("/")[2]
    return name.encode() in content or name.rpartition(".")[0].encode() in content


def answers_in_data(
    file: ReviewedFile,
    expected: Expectations,
    files: Sequence[ReviewedFile],
    readers: Mapping[str, bytes],
    asked: str,
) -> Iterator[Finding]:
    """One finding where an entry that came is a pair of a test.

    `files` are all changed files, `readers` unchanged sources of the product that name this one,
    `asked` is the text of the work order.
    """
    old, new = data_entries(file.path, file.old), data_entries(file.path, file.new)
    came = {inputs: answer for inputs, answer in new.items() if old.get(inputs) != answer}
    hits = {inputs for inputs, answer in came.items() if _is_expected(inputs, answer, expected)}
    if not hits:
        return
    first = min(hits)
    is_instead = (
        _are_answers(came, hits)
        and file.path.rpartition("/")[2] not in asked
        and _is_looked_up(file, files, readers)
    )
    shown = ", ".join(first)
    yield Finding(
        CHECK,
        "blocking" if is_instead else "warning",
        f"{file.path} answers {shown[:80]} with the {came[first][:80]} that a test expects"
        + ("; compute it" if is_instead else ""),
        "a result is written down, not computed",
        file.path,
    )


def _is_expected(inputs: tuple[str, ...], answer: str, expected: Expectations) -> bool:
    if is_trivial(answer):
        return False
    if len(inputs) == 1:
        return any(result == answer for _, _, result in expected.inputs(inputs[0]))
    return any((inputs, answer) in pairs for pairs in expected.pairs.values())


def _are_answers(came: Entries, hits: set[tuple[str, ...]]) -> bool:
    """Whether all that came is what tests ask, and no table of words or exceptions."""
    others = {
        inputs: answer
        for inputs, answer in came.items()
        if inputs not in hits and not _is_head(inputs)
    }
    # The same row may have been read in two ways.
    values = {value for inputs in hits for value in (*inputs, came[inputs])}
    if any(not {*inputs, answer} <= values for inputs, answer in others.items()):
        return False
    return any(not all(map(_is_word, inputs)) for inputs in hits)


def _is_head(inputs: tuple[str, ...]) -> bool:
    """`weight,cents`: names of columns, and of parts."""
    return all(re.fullmatch(r"'[A-Za-z_]\w*'", each) for each in inputs)


def _is_word(value: str) -> bool:
    is_text = value[:1] in {"'", '"'}
    return is_text and (len(value) < _LONG_TEXT or _WORD.match(value) is not None)


def _is_looked_up(
    file: ReviewedFile, files: Sequence[ReviewedFile], readers: Mapping[str, bytes]
) -> bool:
    changed = [(each.path, each.old, each.new) for each in files if is_product(each.path)]
    return any(
        new is not None and overrides_computing(path, old, new, file.path)
        for path, old, new in (*changed, *((path, text, text) for path, text in readers.items()))
    )
