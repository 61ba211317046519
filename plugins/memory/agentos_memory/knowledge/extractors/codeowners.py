"""Who owns which paths, from CODEOWNERS; the last pattern that matches a path decides."""

from __future__ import annotations

import re

from agentos_memory.knowledge.model import Extraction, Findings, Ref
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile

_PLACES = frozenset({
    "CODEOWNERS", ".github/CODEOWNERS", ".gitlab/CODEOWNERS", "docs/CODEOWNERS",
})  # fmt: skip
MAX_ANY_FOLDERS = 2
_INNER_STAR = re.compile(r"\\\*((?:(?!\\\*|/).)*)(?=\\\*)")
_OWNER = re.compile(r"@[\w-]+(?:/[\w.-]+)?|[\w.+-]+@[\w-]+\.[\w.-]+")


def _extract(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    for number, line in enumerate(file.text.split("\n"), start=1):
        parts = line.partition("#")[0].split()
        # GitLab's section heads name no paths.
        if not parts or parts[0].startswith(("[", "^[")):
            continue
        owners = [part for part in parts[1:] if _OWNER.fullmatch(part)]
        for owner in owners:
            kind = "team" if "/" in owner else "owner"
            findings.entity("team" if "/" in owner else "owner", owner, number, "codeowners")
            pattern = Ref("pattern", f"{number}:{parts[0]}")
            findings.edge(pattern, "owned_by", Ref(kind, owner), number, "codeowners")
        if not owners:
            # A pattern without owners takes its paths from the owners of earlier ones.
            nobody = Ref("owner", "")
            findings.edge(
                Ref("pattern", f"{number}:{parts[0]}"), "owned_by", nobody, number, "codeowners"
            )
    return findings.extraction()


def pattern_expression(pattern: str) -> re.Pattern[str]:
    """The paths that a pattern of CODEOWNERS matches; gitignore's rules without `!` and `[ ]`.

    A pattern with `**` at more than MAX_ANY_FOLDERS places matches nothing: it could take years.
    """
    if len(re.findall(r"\*\*+", pattern)) > MAX_ANY_FOLDERS:
        return re.compile(r"(?!)")
    is_rooted = "/" in pattern.rstrip("/")
    body = re.escape(pattern.strip("/"))
    body = body.replace(r"\*\*/", "(?:.*/)?").replace(r"/\*\*", "/.*")
    body = ".*" if body == r"\*\*" else re.sub(r"(?:\\\*)+", r"\\*", body)
    # The first place that fits is as good as any, unless the star is the last one of its folder.
    body = _INNER_STAR.sub(r"(?>[^/]*?\1)", body)
    body = body.replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    start = "^" if is_rooted else "^(?:.*/)?"
    if pattern.endswith("/"):
        end = "/.*$"
    elif pattern.rstrip("/").endswith("/*"):
        # A last `/*` means the files of the folder, not of those below it.
        end = "$"
    else:
        end = "(?:/.*)?$"
    return re.compile(start + body + end)


CODEOWNERS = KnowledgeExtractor("codeowners", 1, lambda path: path in _PLACES, _extract)
