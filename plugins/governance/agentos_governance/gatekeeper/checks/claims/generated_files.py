"""Generated files that were written by hand: nothing that they are made from changed.

Above: diff_matches_claims. Below: the changed files. The next run of the generator takes such a change away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.files.manifests import LOCK, MANIFEST
from agentos_governance.gatekeeper.files.naming import is_code, is_document, is_test_path

CHECK = "diff_matches_claims"
_HEAD_BYTES = 1_500
_MARK = re.compile(
    rb"(?i)\bDO NOT EDIT\b|@generated\b|\bdo not (?:modify|edit) (?:this file|by hand|manually)"
)
_SOURCE = re.compile(
    r"\.(proto|graphql|gql|thrift|avsc|fbs|capnp|g4|lark|jjt?|y|l|pyx|sql|prisma|xsd|wsdl|idl|tmpl|j2|mustache|in|ya?ml|json|toml)$"
    r"|(^|/)(buf|openapi|swagger|schema|codegen|generate|gen)[\w.-]*$"
)
_NAMED = re.compile(r"[\w/-]{1,60}+(?:\.[\w/-]{1,60}+){1,6}+")


def written_by_hand(files: Sequence[ReviewedFile]) -> Iterator[Finding]:
    """Findings in generated files of the base that changed by themselves."""
    changed = {file.path for file in files}
    for file in files:
        if file.old is None or file.new is None or not is_code(file.path):
            continue
        head = file.old[:_HEAD_BYTES]
        if not _MARK.search(head):
            continue
        named = set(_NAMED.findall(head.decode("utf-8", "replace")))
        others = changed - {file.path}
        if any(_may_be_source(path, named) for path in others):
            continue
        yield Finding(
            CHECK,
            "blocking",
            f"{file.path} is generated and says so; nothing that it may be made from changed: change its "
            "source, and run the generator",
            "a generated file was written by hand",
            file.path,
        )


def _may_be_source(path: str, named: set[str]) -> bool:
    if any(path.endswith(each) or each.endswith(path) for each in named):
        return True
    if LOCK.search(path) or MANIFEST.search(path):
        # Another version of the generator writes another text.
        return True
    is_other = is_document(path) or is_test_path(path)
    return bool(_SOURCE.search(path)) and not is_other
