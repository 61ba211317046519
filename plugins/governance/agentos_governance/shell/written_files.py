"""Files that a line writes before it runs them: what they hold, where the line itself says so.

Above: commands. Below: nodes and words. `cat > x <<'E'` and `echo ... > x` say what the file holds;
running a file that the line wrote in another way raises InvalidArgumentError.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence

from tree_sitter import Node

from agentos import InvalidArgumentError
from agentos_governance.shell.effects import FileUse
from agentos_governance.shell.files import file_uses
from agentos_governance.shell.words import Word, word_of, words

_SHELLS = words("sh bash dash zsh ksh ash mksh rbash source .")
_INTERPRETERS = ("python", "pypy", "perl", "ruby", "node", "php", "lua", "bun", "deno", "tsx")
# Compilers write what then runs, too; that is what they are for.
_COPIERS = words("tee cp mv ln install dd curl wget rsync sed patch tar unzip gunzip base64")


class WrittenFiles:
    """The files that a line has written so far, by path, with their text where it is known."""

    def __init__(self) -> None:
        self._texts: dict[str, str | None] = {}

    def note_redirects(
        self, argv: tuple[Word, ...], redirects: Sequence[Node], fed: str | None
    ) -> None:
        """Remember where a command's output goes."""
        for redirect in redirects:
            for node in [redirect, *redirect.named_children]:
                if node.type != "file_redirect":
                    continue
                operator = next((c.type for c in node.children if not c.is_named), ">")
                targets = node.children_by_field_name("destination")
                if targets and operator in {">", ">|", ">>", "&>", "&>>"}:
                    text = _output_of(argv, fed) if operator in {">", ">|"} else None
                    self._note(word_of(targets[0]), text)

    def note_command(self, argv: tuple[Word, ...]) -> None:
        """Remember what a copying program writes."""
        if argv[0].text.rpartition("/")[2] in _COPIERS:
            for use in file_uses(argv, frozenset({"."})):
                if use.is_write:
                    self._note_use(use)

    def scripts_of(self, argv: tuple[Word, ...]) -> list[str]:
        """The text of a file that a command runs, where the line wrote it; raises if not known."""
        if not self._texts:
            return []
        _refuse_written_description(argv, self._texts)
        run = _file_run_by(argv)
        if run is None or _plain(run) not in self._texts:
            return []
        text = self._texts[_plain(run)]
        is_shell = argv[0].text in _SHELLS or argv[0].text == run
        if text is None or not is_shell or (text.startswith("#!") and "sh" not in text[:40]):
            if text is not None and argv[0].text.startswith("python"):
                return _scripts_of_python(text)
            raise InvalidArgumentError(f"it runs {run!r}, which the same line writes")
        return [text]

    def _note(self, word: Word, text: str | None) -> None:
        self._texts[_plain(word.text)] = text if word.is_literal else None

    def _note_use(self, use: FileUse) -> None:
        if use.path is not None:
            self._texts[_plain(use.path)] = None


def known_input(redirects: Sequence[Node]) -> str | None:
    """What a here-document or here-string feeds a command; None where that is not known."""
    for node in redirects:
        if node.type == "herestring_redirect":
            word = word_of(node.named_children[-1])
            return word.text + "\n" if word.is_literal else None
        if node.type == "heredoc_redirect":
            body = next((c for c in node.named_children if c.type == "heredoc_body"), None)
            start = next((c for c in node.named_children if c.type == "heredoc_start"), None)
            if body is None or start is None:
                return ""
            text = (body.text or b"").decode("utf-8", "replace")
            is_quoted = (start.text or b"")[:1] in {b"'", b'"', b"\\"}
            has_expansion = any(c.type != "heredoc_content" for c in body.named_children)
            return None if not is_quoted and (has_expansion or "\\" in text) else text
    return None


def _output_of(argv: tuple[Word, ...], fed: str | None) -> str | None:
    """What `cat` with a here-document, or `echo` with plain words, prints."""
    if not argv:
        return ""
    texts = [word.text for word in argv]
    if texts == ["cat"] or texts == ["cat", "-"]:
        return fed
    is_plain = all(word.is_fixed and "\\" not in word.text for word in argv)
    if texts[0] == "echo" and is_plain and not any(t.startswith("-") for t in texts[1:2]):
        return " ".join(texts[1:]) + "\n"
    return None


def _file_run_by(argv: tuple[Word, ...]) -> str | None:
    program = argv[0].text
    if program in _SHELLS or program.startswith(_INTERPRETERS):
        operands = [word.text for word in argv[1:] if not word.text.startswith("-")]
        return operands[0] if operands else None
    return program if "/" in program else None


def _refuse_written_description(argv: tuple[Word, ...], written: Iterable[str]) -> None:
    """Raises where a builder takes its commands from a file that the line wrote."""
    names = {*_BUILDERS.get(argv[0].text.rpartition("/")[2], ())}
    if not names:
        return
    names |= {posixpath.basename(word.text) for word in argv[1:]}
    for path in written:
        if posixpath.basename(path) in names:
            raise InvalidArgumentError(f"it runs what {path!r} says, which the same line writes")


# The files that tell a builder which commands to run.
_BUILDERS = {
    **dict.fromkeys(("make", "gmake"), ("GNUmakefile", "makefile", "Makefile")),
    **dict.fromkeys(("npm", "pnpm", "yarn", "bun"), ("package.json",)),
    "just": ("justfile", "Justfile", ".justfile"),
    "task": ("Taskfile.yml", "Taskfile.yaml"),
    "rake": ("Rakefile", "rakefile"),
    "tox": ("tox.ini",),
    "nox": ("noxfile.py",),
    "invoke": ("tasks.py",),
    "doit": ("dodo.py",),
    "ninja": ("build.ninja",),
}


def _scripts_of_python(text: str) -> list[str]:
    from agentos_governance.shell.python_code import read_python

    effects = read_python(text)
    if effects.inner or effects.writes or effects.enters or effects.uses_network:
        raise InvalidArgumentError("it runs a program that reaches outside, and writes it itself")
    return effects.scripts


def _plain(path: str) -> str:
    return posixpath.normpath(path)
