"""What the product defines: names of functions, classes and modules, and which of them went.

Above: tests_kept, which lets a test go with what it tested; no_hard_coded_results. Below: source text, by the
words that stand before a definition in common languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from agentos import ReviewedFile
from agentos_governance.gatekeeper.files.naming import is_product

# What a stranger wrote comes here: nothing runs on over more than a few hundred characters.
_DEFINITION = re.compile(
    rb"^[ \t]*+(?:(?:export|default|pub(?:\([a-z]{1,20}\))?|public|private|protected|static|final"
    rb"|abstract|async|unsafe)[ \t]++)*+"
    rb"(?:def|class|func(?:[ \t]*+\([^)\n]{0,200}\))?|fn|function\*?|const|let|var|interface|type"
    rb"|struct|enum|trait|record)[ \t]++([A-Za-z_$][\w$]*+)",
    re.MULTILINE,
)
_METHOD = re.compile(
    rb"^[ \t]++(?:(?:public|private|protected|static|final|async|override|readonly|get|set)[ \t]++)*+"
    rb"(?:[\w<>\[\],.? ]{1,80}[ \t])?([A-Za-z_$][\w$]{0,80})[ \t]{0,8}"
    rb"\([^;{}]{0,300}\)\s{0,8}(?::[^;{}]{1,60})?\{",
    re.MULTILINE,
)
_CONSTANT = re.compile(rb"^([A-Za-z_]\w*+)\s*+(?::[^=\n]++)?=", re.MULTILINE)
_ATTRIBUTE = re.compile(
    rb"^[ \t]++(?:self\.)?([A-Za-z_]\w*+)[ \t]*+(?::[^=\n]*+)?(?:=|$)", re.MULTILINE
)
_SLICE_BYTES = 32 * 1024
_WORDS_OF_CONTROL = frozenset({"if", "for", "while", "switch", "catch", "return", "else", "with"})
_LEAST_CHARS = 3


def defined_names(content: bytes | None) -> set[str]:
    """Names that a source file defines, without their module."""
    if content is None:
        return set()
    found = set()
    for part in _slices(content):
        for pattern in (_DEFINITION, _METHOD, _CONSTANT, _ATTRIBUTE):
            found |= {each.decode("ascii", "replace") for each in pattern.findall(part)}
    return {name for name in found if len(name) >= _LEAST_CHARS} - _WORDS_OF_CONTROL


def _slices(content: bytes) -> Iterator[bytes]:
    """The content in parts that end with a line: a search keeps every other thread waiting."""
    at = 0
    while at < len(content):
        end = content.find(b"\n", at + _SLICE_BYTES) + 1 or len(content)
        yield content[at:end]
        at = end


def removed_names(files: Iterable[ReviewedFile]) -> frozenset[str]:
    """What product files defined at the base and none of the changed ones defines now."""
    before: set[str] = set()
    after: set[str] = set()
    for file in files:
        old_path = file.old_path or file.path
        if is_product(old_path) and file.old is not None:
            before |= defined_names(file.old)
            if file.new is None and not file.is_left_out:
                before.add(_module(old_path))
        if is_product(file.path) and file.new is not None:
            after |= defined_names(file.new) | {_module(file.path)}
    return frozenset(before - after)


def _module(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]
