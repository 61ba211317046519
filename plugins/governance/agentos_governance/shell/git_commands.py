"""Git's own indirections: global options, `-c`, aliases, and subcommands that run commands.

Above: command_wrappers. Below: command_words. Raises InvalidArgumentError for what would make
git run something that the command line does not show.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentos import InvalidArgumentError
from agentos_governance.shell.words import Word, words

Argv = tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class UnwrappedGit:
    """`git push origin` without global options, the folders it enters, and what it runs."""

    argv: Argv
    folders: tuple[Word, ...] = ()
    inner: tuple[Argv, ...] = ()
    scripts: tuple[str, ...] = ()


_FLAGS = words(
    "--no-pager -p --paginate -P --no-replace-objects --literal-pathspecs --glob-pathspecs "
    "--noglob-pathspecs --icase-pathspecs --no-optional-locks --bare --version --help -v -h "
    "--html-path --man-path --info-path"
)
_FOLDER_OPTIONS = frozenset({"-C", "--git-dir", "--work-tree"})
_HARMLESS_SETTING = re.compile(
    r"^(user|author|committer|color|advice|column|init|log|status|branch|i18n|gc|pull|rebase"
    r"|merge\.conflictstyle|diff\.(renames|algorithm|context)|commit\.gpgsign|tag\.gpgsign"
    r"|core\.(autocrlf|quotepath|filemode|eol|safecrlf|abbrev))(\.|=|$)",
    re.IGNORECASE,
)
# Options whose value git runs as a program, on either side of a connection.
_RUNNING_OPTION = re.compile(
    r"^(--upload-pack|--receive-pack|--exec|--extcmd|--open-files-in-pager|--ext-diff|--textconv"
    r"|--config-env|--exec-path|--template|--config|--sequence-editor|--editor|--gpg-program"
    r"|--separate-git-dir)(=|$)"
)
_RUNNING_SUBCOMMANDS = words(
    "filter-branch difftool mergetool instaweb daemon http-backend shell upload-pack receive-pack "
    "remote-ext remote-fd credential fsmonitor--daemon hook fast-import cvsserver p4 svn "
    "remote-http remote-https remote-ftp remote-ftps gui citool gitk web--browse archimport "
    "sh-setup sh-i18n imap-send send-email quiltimport maintenance"
)
_HIDING = ("--assume-u", "--skip-w", "--cacheinfo", "--index-info")
# Plumbing that does what a porcelain command does under another name.
_SAME_AS = {"send-pack": "push", "http-push": "push", "fetch-pack": "fetch"}


def unwrap_git(argv: Argv) -> UnwrappedGit:
    """The subcommand that runs, whatever global options stand before it."""
    folders: list[Word] = []
    index = 1
    while index < len(argv) and argv[index].text.startswith("-"):
        index += _read_global_option(argv, index, folders)
    if index >= len(argv):
        return UnwrappedGit(argv[:1] + argv[1:], tuple(folders))
    subcommand = argv[index]
    if not subcommand.is_fixed:
        raise InvalidArgumentError("git's subcommand is computed")
    name = _SAME_AS.get(subcommand.text, subcommand.text)
    rest = argv[index + 1 :]
    _refuse_hidden_commands(name, rest)
    inner, scripts = _commands_of(name, rest)
    if name in {"subtree", "lfs", "flow", "svn"} and rest:
        inner = (*inner, (argv[0], *rest))
    return UnwrappedGit((argv[0], Word(name), *rest), tuple(folders), inner, scripts)


def _read_global_option(argv: Argv, index: int, folders: list[Word]) -> int:
    word = argv[index]
    name, equals, value = word.text.partition("=")
    if not word.is_literal and name not in _FOLDER_OPTIONS:
        raise InvalidArgumentError("an option of git is computed")
    if word.text in _FLAGS:
        return 1
    if name in _FOLDER_OPTIONS and equals:
        folders.append(Word(value, word.is_literal))
        return 1
    following = argv[index + 1] if index + 1 < len(argv) else None
    if word.text in _FOLDER_OPTIONS and following is not None:
        folders.append(following)
        return 2
    if word.text == "-c" and following is not None and following.is_literal:
        if _HARMLESS_SETTING.match(following.text):
            return 2
        raise InvalidArgumentError(
            f"git -c {following.text.partition('=')[0]} is not known as safe"
        )
    raise InvalidArgumentError(f"git option {word.text!r} is not known here")


def _refuse_hidden_commands(name: str, rest: Argv) -> None:
    if name in _RUNNING_SUBCOMMANDS:
        raise InvalidArgumentError(f"git {name} runs commands that are not shown")
    for word in rest:
        if _RUNNING_OPTION.match(word.text) and not (name == "rebase" and "--exec" in word.text):
            raise InvalidArgumentError(f"git {name} {word.text} runs a command")
        if "ext::" in word.text or "fd::" in word.text:
            raise InvalidArgumentError("git's ext transport runs a command")
    texts = [word.text for word in rest]
    if name in {"clone", "ls-remote"} and "-u" in texts:
        raise InvalidArgumentError(f"git {name} -u runs a command")
    if name == "grep" and any(text.startswith("-O") for text in texts):
        raise InvalidArgumentError("git grep -O runs a command")
    if name in {"clone", "init", "submodule"} and any(text == "-c" for text in texts):
        raise InvalidArgumentError(f"git {name} -c changes settings")
    if name == "update-index" and any(text.startswith(_HIDING) for text in texts):
        raise InvalidArgumentError("git update-index hides changes")
    if name == "config":
        _refuse_dangerous_settings(rest)


def _refuse_dangerous_settings(rest: Argv) -> None:
    operands = [word for word in rest if not word.text.startswith("-")]
    options = {word.text.partition("=")[0] for word in rest if word.text.startswith("-")}
    if options & {"--get", "--get-all", "--get-regexp", "--list", "-l", "--get-urlmatch"}:
        return
    if operands and operands[0].text in {"get", "list"}:
        return
    if options - {"--local", "--worktree", "--add", "--type", "--bool", "--int"}:
        raise InvalidArgumentError("git config with options not known here")
    if len(operands) == 1 and operands[0].is_literal:
        return
    if not operands or not operands[0].is_literal or not _HARMLESS_SETTING.match(operands[0].text):
        raise InvalidArgumentError("git config of a setting not known as safe")


def _commands_of(name: str, rest: Argv) -> tuple[tuple[Argv, ...], tuple[str, ...]]:
    """Commands and shell texts that `bisect run`, `rebase --exec`, `submodule foreach` run."""
    texts = [word.text for word in rest]
    if name == "bisect" and texts[:1] == ["run"]:
        return ((rest[1:],), ()) if rest[1:] else ((), ())
    if name == "submodule" and "foreach" in texts:
        script = [word for word in rest[texts.index("foreach") + 1 :] if word.text != "--recursive"]
        return (), (_script(script),)
    if name == "rebase":
        return (), tuple(_rebase_scripts(rest))
    return (), ()


def _rebase_scripts(rest: Argv) -> list[str]:
    scripts = []
    for index, word in enumerate(rest):
        if word.text in {"-x", "--exec"}:
            scripts.append(_script(list(rest[index + 1 : index + 2])))
        elif word.text.startswith(("-x", "--exec=")):
            value = word.text.removeprefix("--exec=").removeprefix("-x")
            scripts.append(_script([Word(value, word.is_literal)]))
    return scripts


def _script(parts: list[Word]) -> str:
    if not parts or not all(part.is_literal for part in parts):
        raise InvalidArgumentError("a command that git runs is computed")
    return " ".join(part.text for part in parts)
