"""Which files formatters, linters that mend, and like programs rewrite: `black DIR`, `yq -i`.

Above: files. Below: program_files, options. What they are given is a file or a whole tree; the tree
of the workspace itself (`black .`) is left to the gate over the difference, since most of what
lies in it is left alone. Sources: the manuals of the programs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agentos_governance.shell.options import Options, Role, read_arguments
from agentos_governance.shell.program_files import ProgramFiles
from agentos_governance.shell.words import Word, words

_ASKING = words("check check-only diff c d list-different l version help color dry-run n")


def _always(letters: str = "", names: str = "", asking: str = "") -> ProgramFiles:
    """Rewrites what it is given, unless it is asked what it would do."""
    return ProgramFiles(
        Options(letters, words(names)), "tree", printing=_ASKING | words(asking) - words(letters)
    )


def _on_request(
    request: str, letters: str = "", names: str = "", n_texts: int = 0, text_options: str = ""
) -> ProgramFiles:
    """Rewrites what it is given where an option of `request` says so."""
    return ProgramFiles(
        Options(letters, words(names)),
        rewriting=words(request),
        rewritten="tree",
        n_texts=n_texts,
        text_options=words(text_options),
    )


FORMATTER_FILES: Mapping[str, ProgramFiles] = {
    "black": _always("tlCW", "target-version line-length config workers include exclude"),
    "blue": _always("tl", "target-version line-length"),
    "isort": _always(
        "lpo", "line-length profile src project settings-path sp skip filter-files", "show-files"
    ),
    "rustfmt": _always(names="edition config config-path emit"),
    "stylua": _always("f", "config-path glob"),
    "pyupgrade": ProgramFiles(operands="tree"),
    "add-trailing-comma": ProgramFiles(operands="tree"),
    "swiftformat": _always(names="config rules", asking="lint"),
    "dart-format": _always(),
    **dict.fromkeys(words("autopep8 yapf autoflake docformatter"), _on_request(
        "i in-place", "jp", "style max-line-length exclude imports"
    )),
    **dict.fromkeys(words("gofmt goimports gofumpt golines"), _on_request("w", "rm", "r local m")),
    "shfmt": _on_request("w write", "ipf", "indent language-dialect"),
    "prettier": _on_request("w write", names="config parser ignore-path plugin log-level"),
    "eslint": _on_request("fix", "c", "config ext rule parser-options ignore-path max-warnings f format"),
    "stylelint": _on_request("fix", names="config custom-syntax f formatter"),
    "markdownlint": _on_request("f fix", "c", "config ignore"),
    "rubocop": _on_request("a A x auto-correct autocorrect autocorrect-all fix-layout", "c", "config only"),
    "biome": _on_request("write fix apply", n_texts=1),
    "djlint": _on_request("reformat", names="profile indent"),
    "sqlfluff": _on_request("f force", names="dialect", n_texts=1),
    "codespell": _on_request("w write-changes", "LSID", "ignore-words-list skip"),
    "jupytext": _on_request("sync to set-formats update", names="to from"),
    "nbstripout": ProgramFiles(operands="tree"),
    "yq": ProgramFiles(
        Options("pIo", words("indent input-format output-format"), {"from-file": "read"}),
        n_texts=1,
        text_options=words("from-file"),
        rewriting=words("i inplace in-place"),
    ),
    "sd": ProgramFiles(
        Options("nf", words("max-replacements flags")), "write", n_texts=2, printing=words("p preview")
    ),
}  # fmt: skip

_RUFF = Options("le", words("select ignore extend-select line-length config target-version output-format per-file-ignores"))  # fmt: skip


def ruff_files(argv: tuple[Word, ...]) -> Sequence[tuple[Role, Word]]:
    """`ruff format` rewrites, `ruff check` does with `--fix`."""
    arguments = read_arguments(argv, _RUFF)
    task, *paths = [*arguments.operands, Word("")]
    is_asking = arguments.has(words("check diff")) or not (
        task.text == "format" or arguments.has(words("fix unsafe-fixes add-noqa"))
    )
    return [("read" if is_asking else "tree", path) for path in paths if path.text]


_READING_SQL = words("select explain pragma .schema .tables .dump .indexes .databases .help .mode")


def sqlite_files(argv: tuple[Word, ...]) -> Sequence[tuple[Role, Word]]:
    """The database is written, unless every statement that is given only reads."""
    # Its long options have one dash.
    spelled = tuple(
        Word(f"-{word.text}", word.is_literal) if _LONG.match(word.text) else word for word in argv
    )
    arguments = read_arguments(spelled, _SQLITE)
    if not arguments.operands:
        return []
    database, *statements = arguments.operands
    is_reading = arguments.has(words("readonly version help")) or (
        bool(statements) and all(map(_only_reads, statements))
    )
    return [("read" if is_reading or database.text == ":memory:" else "write", database)]


_LONG = re.compile(r"-[a-z]{2}")
_SQLITE = Options(names=words("cmd separator newline nullvalue"), paths={"init": "read"})


def _only_reads(statement: Word) -> bool:
    parts = [part.split() for part in statement.text.split(";")]
    return statement.is_literal and all(
        part[0].lower() in _READING_SQL and "=" not in part for part in parts if part
    )


_OWN_FOLDERS = words(".venv venv .env env .virtualenv .tox .nox")


def environment_files(argv: tuple[Word, ...]) -> Sequence[tuple[Role, Word]]:
    """`venv DIR`: a folder of its own by a usual name belongs to no root; any other is written."""
    arguments = read_arguments(argv, Options("p", words("prompt python seed with-pip")))
    return [
        ("into", word) for word in arguments.operands if word.text.rstrip("/") not in _OWN_FOLDERS
    ]
