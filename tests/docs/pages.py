"""The pages that people read, and the snippets and commands on them.

Above: the tests of this folder. Below: nothing of ours.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
QUICK_STARTS = sorted((ROOT / "docs").glob("quickstart-*.md"))
"""Run whole by `test_quickstarts`, in a repository of their own."""
READ_IN_ORDER = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page not in QUICK_STARTS),
]
"""Their `console` blocks are run one after another by `test_commands`."""
PAGES = [
    *READ_IN_ORDER,
    *QUICK_STARTS,
    *sorted((ROOT / "examples").glob("**/README.md")),
    *sorted((ROOT / "plugin-template").glob("**/README.md*")),
]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"(?:\A|\n\n)((?: {4}.*\n)(?:(?: {4}.*)?\n)*)")
_FILE = re.compile(r"<!-- file: (\S+) -->\n\n\Z")
_SPAN = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")


@dataclass(frozen=True)
class Snippet:
    """A block of a page; an indented one is of the kind `sh`, and one of a named file has `file`."""

    page: Path
    line: int
    kind: str
    text: str
    file: str = ""
    is_fenced: bool = True

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def snippets_of(page: Path) -> list[Snippet]:
    """Every block of a page, in order."""
    text = _text_of(page)
    found = []
    for match in _FENCE.finditer(text):
        named = _FILE.search(text[: match.start()])
        line = text.count("\n", 0, match.start()) + 1
        found.append(Snippet(page, line, match[1], match[2], named[1] if named else ""))
    # Lines are kept, so that those of indented blocks are still right.
    rest = _FENCE.sub(lambda match: "```" + "\n" * match[0].count("\n"), text)
    for match in _INDENTED.finditer(rest):
        line = rest.count("\n", 0, match.start(1)) + 1
        script = re.sub(r"^ {4}", "", match[1], flags=re.MULTILINE)
        found.append(Snippet(page, line, "sh", script, is_fenced=False))
    return sorted(found, key=lambda snippet: snippet.line)


def all_snippets(kind: str) -> list[Snippet]:
    """The snippets of one kind of all pages, those of named files left out."""
    found = [each for page in PAGES for each in snippets_of(page)]
    return [each for each in found if each.kind == kind and not each.file]


def spans_of(page: Path) -> list[str]:
    """Every text that a page sets as code within its prose."""
    prose = _FENCE.sub("", _text_of(page))
    return [" ".join(span.split()) for span in _SPAN.findall(prose)]


def console_commands(page: Path) -> list[str]:
    """The commands of a page's `console` blocks, without the prompt."""
    blocks = [snippet.text for snippet in snippets_of(page) if snippet.kind == "console"]
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def shell_commands(script: str) -> list[list[str]]:
    """The simple commands of a script as words: no redirections, pipes or substitutions."""
    commands: list[list[str]] = []
    for line in script.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        skips = False
        for word in lexer:
            if set(word) <= set("();<>|&"):
                skips = set(word) <= set("<>")
                if not skips:
                    commands.append(words)
                    words = []
            elif not skips:
                words.append(word)
            else:
                skips = False
        commands.append(words)
    return [words for words in commands if words]


def _text_of(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    if page.suffix != ".jinja":
        return text
    names = {"{{ module_name }}": "agentos_tickets", "{{ plugin_name }}": "tickets"}
    for name, value in names.items():
        text = text.replace(name, value)
    return text
