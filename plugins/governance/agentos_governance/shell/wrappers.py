"""Programs that run other commands: what stands inside `bash -c`, `env`, `xargs`, `git -C` ...

Above: commands. Below: command_words. Options are read strictly: an option that is not known
might take the command's name as its value, so it makes the command unreadable. Everything here
raises InvalidArgumentError for what cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agentos import InvalidArgumentError
from agentos_governance.shell.git_commands import unwrap_git
from agentos_governance.shell.variables import is_dangerous_variable
from agentos_governance.shell.words import UNKNOWN_WORD, Word, words

Argv = tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """One command with its wrapping taken off.

    `argv` is the normalised command itself; `inner` and `scripts` are commands and shell texts
    that it runs; `is_transparent` when it does nothing else, so that only those need permission.
    """

    argv: Argv
    inner: tuple[Argv, ...] = ()
    scripts: tuple[str, ...] = ()
    folders: tuple[Word, ...] = ()
    moves_to: Word | None = None
    is_transparent: bool = False
    is_same_shell: bool = False


def unwrap(argv: Argv) -> Unwrapped:
    """What a simple command runs. Raises InvalidArgumentError where it cannot be known."""
    if not argv[0].is_fixed or argv[0].text.startswith(("~", "-")) or not argv[0].text:
        raise InvalidArgumentError("the command's name is computed")
    if set(argv[0].text) & set("{}=") or argv[0].text in _RESERVED:
        # No program is called so: bash and the parser read this line differently.
        raise InvalidArgumentError(f"{argv[0].text[:80]!r} where a command's name should stand")
    program = _plain_program(argv[0].text)
    if program in _OPAQUE:
        raise InvalidArgumentError(f"{program!r} runs or changes commands in ways not followed")
    named = (Word(program), *argv[1:])
    wrapper = _WRAPPERS.get(program)
    return wrapper(named) if wrapper else Unwrapped(named)


_RESERVED = words(
    "if then elif else fi for while until do done case esac in select function { } ! [[ ]]"
)
_TRUSTED_FOLDERS = ("/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin")


def _plain_program(text: str) -> str:
    """`/usr/bin/git` is `git`; `./git` is another program, unless it names a wrapper."""
    folder, _, name = text.rpartition("/")
    if folder in _TRUSTED_FOLDERS or name in SHADOW_PROOF or name in _OPAQUE:
        return name
    return text


@dataclass(frozen=True, slots=True)
class _Options:
    """Options of a wrapper: letters and long names without a value, and with one."""

    flags: str = ""
    valued: str = ""
    long_flags: frozenset[str] = frozenset()
    long_valued: frozenset[str] = frozenset()

    def skip(self, argv: Argv, start: int = 1) -> int:
        """Index of the first operand."""
        index = start
        while index < len(argv):
            word = argv[index]
            if not word.is_fixed:
                # Unquoted, it might become an option; as an operand it is judged later.
                return index
            if word.text == "--":
                return index + 1
            if not word.text.startswith("-") or word.text == "-":
                return index
            index += self._width(argv[0].text, word.text)
        return index

    def _width(self, program: str, option: str) -> int:
        if option.startswith("--"):
            name, equals, _ = option[2:].partition("=")
            if name in self.long_flags or (equals and name in self.long_valued):
                return 1
            if name in self.long_valued:
                return 2
        else:
            for position, letter in enumerate(option[1:], start=1):
                if letter in self.valued:
                    return 1 if position < len(option) - 1 else 2
                if letter not in self.flags:
                    break
            else:
                return 1
        raise InvalidArgumentError(f"option {option!r} of {program!r} is not known here")


def _prefix(options: _Options, *, operands: int = 0, is_transparent: bool = True) -> _Wrapper:
    """A program that runs the rest of its arguments, after options and `operands` of its own."""

    def unwrap_prefix(argv: Argv) -> Unwrapped:
        rest = argv[options.skip(argv) + operands :]
        inner = (rest,) if rest else ()
        return Unwrapped(argv, inner=inner, is_transparent=is_transparent and bool(rest))

    return unwrap_prefix


_Wrapper = Callable[[Argv], Unwrapped]


def _unwrap_env(argv: Argv) -> Unwrapped:
    index = _ENV_OPTIONS.skip(argv)
    while index < len(argv) and "=" in argv[index].text and not argv[index].text.startswith("="):
        _check_assignment(argv[index])
        index += 1
    rest = argv[index:]
    return Unwrapped(argv, inner=(rest,) if rest else (), is_transparent=bool(rest))


def _unwrap_sudo(argv: Argv) -> Unwrapped:
    index = _SUDO_OPTIONS.skip(argv)
    while index < len(argv) and "=" in argv[index].text:
        _check_assignment(argv[index])
        index += 1
    rest = argv[index:]
    return Unwrapped(argv, inner=(rest,) if rest else ())


def _check_assignment(word: Word) -> None:
    name = word.text.partition("=")[0]
    if not name.isidentifier() or is_dangerous_variable(name):
        raise InvalidArgumentError(f"it sets {name}, which changes what commands mean")


def _unwrap_command(argv: Argv) -> Unwrapped:
    if len(argv) > 1 and argv[1].text in {"-v", "-V", "-pv", "-pV"}:
        return Unwrapped(argv)
    return _prefix(_Options(flags="p"))(argv)


def _unwrap_same_shell(argv: Argv) -> Unwrapped:
    rest = argv[2:] if len(argv) > 1 and argv[1].text == "--" else argv[1:]
    inner = (rest,) if rest else ()
    return Unwrapped(argv, inner=inner, is_transparent=bool(rest), is_same_shell=True)


def _unwrap_shell(argv: Argv) -> Unwrapped:
    index, has_script = 1, False
    while index < len(argv) and argv[index].is_fixed and argv[index].text[:1] in {"-", "+"}:
        text = argv[index].text
        index += 1
        if text in {"--", "-"}:
            break
        if text.startswith("--"):
            if text not in {"--norc", "--noprofile", "--login", "--posix"}:
                raise InvalidArgumentError(f"option {text!r} of a shell is not known here")
            continue
        if not set(text[1:]) <= set("abcefhiklmnptuvxBCEHPToO"):
            raise InvalidArgumentError(f"option {text!r} of a shell is not known here")
        has_script = has_script or (text[0] == "-" and "c" in text)
        index += sum(letter in "oO" for letter in text[1:])
    if index >= len(argv):
        raise InvalidArgumentError("a shell that reads its commands from its input")
    script = argv[index]
    if not script.is_fixed and not (has_script and script.is_literal):
        raise InvalidArgumentError("a shell whose script is computed")
    if has_script:
        return Unwrapped(argv, scripts=(script.text,), is_transparent=True)
    if script.text.startswith(("/dev/", "/proc/")) or script.text == "-":
        raise InvalidArgumentError("a shell that reads its commands from its input")
    return Unwrapped(argv)


def _unwrap_source(argv: Argv) -> Unwrapped:
    if len(argv) < 2 or not argv[1].is_fixed or argv[1].text.startswith(("/dev/", "/proc/")):
        raise InvalidArgumentError("it sources what cannot be known")
    # The file may move the shell anywhere.
    return Unwrapped(argv, moves_to=UNKNOWN_WORD)


def _unwrap_cd(argv: Argv) -> Unwrapped:
    index = 1
    while index < len(argv) and argv[index].text in {"-L", "-e", "-@", "--", "-n"}:
        index += 1
    if index >= len(argv):
        return Unwrapped(argv, moves_to=Word("~") if argv[0].text == "cd" else UNKNOWN_WORD)
    if index + 1 < len(argv) or argv[index].text.startswith(("-", "+")):
        return Unwrapped(argv, moves_to=UNKNOWN_WORD)
    return Unwrapped(argv, moves_to=argv[index])


def _unwrap_trap(argv: Argv) -> Unwrapped:
    if len(argv) < 3 or argv[1].text in {"-l", "-p", "-", ""}:
        return Unwrapped(argv)
    script = argv[2] if argv[1].text == "--" else argv[1]
    if not script.is_literal:
        raise InvalidArgumentError("a trap whose script is computed")
    return Unwrapped(argv, scripts=(script.text,), is_transparent=True, is_same_shell=True)


def _unwrap_xargs(argv: Argv) -> Unwrapped:
    index = _XARGS_OPTIONS.skip(argv)
    rest = argv[index:]
    if not rest:
        return Unwrapped(argv)
    marks = _replacement_marks(argv[:index])
    inner = tuple(
        Word(word.text, is_literal=False) if any(mark in word.text for mark in marks) else word
        for word in rest
    )
    return Unwrapped(argv, inner=((*inner, UNKNOWN_WORD),), is_transparent=True)


def _replacement_marks(options: Argv) -> list[str]:
    marks = []
    for index, word in enumerate(options):
        if word.text.startswith("--replace"):
            marks.append(word.text.partition("=")[2] or "{}")
        elif word.text.startswith("-") and "I" in word.text:
            attached = word.text.partition("I")[2]
            marks.append(attached or (options[index + 1].text if index + 1 < len(options) else ""))
        elif word.text.startswith("-i"):
            marks.append(word.text[2:] or "{}")
    return [mark for mark in marks if mark]


_FIND_EXEC = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_FIND_WRITES = frozenset({"-fprint", "-fprint0", "-fprintf", "-fls"})


def _unwrap_find(argv: Argv) -> Unwrapped:
    inner: list[Argv] = []
    index = 1
    while index < len(argv):
        word = argv[index]
        previous = argv[index - 1].text
        if not word.is_literal and index > 1 and not previous.startswith("-"):
            raise InvalidArgumentError("an expression of find is computed")
        if word.text in _FIND_WRITES:
            raise InvalidArgumentError(f"find {word.text} writes a file")
        if word.text in _FIND_EXEC:
            end = next(
                (i for i in range(index + 1, len(argv)) if argv[i].text in {";", "+"}), len(argv)
            )
            inner.append(tuple(_found(part) for part in argv[index + 1 : end]))
            index = end
        elif word.text == "-delete":
            inner.append((Word("rm"), argv[1] if len(argv) > 2 else Word(".")))
        index += 1
    return Unwrapped(argv, inner=tuple(part for part in inner if part))


def _found(word: Word) -> Word:
    """`{}` is a path that find supplies: known to lie below its starting points, no more."""
    return Word(word.text, is_literal=False) if "{}" in word.text else word


def _unwrap_git(argv: Argv) -> Unwrapped:
    git = unwrap_git(argv)
    return Unwrapped(git.argv, inner=git.inner, scripts=git.scripts, folders=git.folders)


_ENV_OPTIONS = _Options("i0v", "u", frozenset({"ignore-environment", "null", "debug"}))
_SUDO_OPTIONS = _Options("AbEHKknPSs", "ugpCTrth", frozenset({"preserve-env", "non-interactive"}))
_XARGS_OPTIONS = _Options(
    "0rtpxio",
    "InPLsdaE",
    frozenset({"null", "no-run-if-empty", "verbose", "exit", "replace"}),
    frozenset({"max-args", "max-procs", "max-lines", "delimiter", "arg-file", "replace"}),
)
_SHELLS = ("sh", "bash", "dash", "zsh", "ksh", "ash", "mksh", "rbash")

_WRAPPERS: Mapping[str, _Wrapper] = {
    **dict.fromkeys(_SHELLS, _unwrap_shell),
    "env": _unwrap_env,
    "sudo": _unwrap_sudo,
    "doas": _prefix(_Options("nsL", "uCa"), is_transparent=False),
    "nohup": _prefix(_Options()),
    "setsid": _prefix(_Options("cfw")),
    "time": _prefix(_Options("pvaq", "fo")),
    "nice": _prefix(_Options(valued="n", long_valued=frozenset({"adjustment"}))),
    "ionice": _prefix(_Options("t", "cn")),
    "stdbuf": _prefix(_Options(valued="ioe")),
    "timeout": _prefix(
        _Options(
            "v",
            "sk",
            frozenset({"preserve-status", "foreground", "verbose"}),
            frozenset({"signal", "kill-after"}),
        ),
        operands=1,
    ),
    "taskset": _prefix(_Options("a"), operands=1),
    "busybox": _prefix(_Options()),
    "toybox": _prefix(_Options()),
    "coproc": _prefix(_Options()),
    "command": _unwrap_command,
    "builtin": _unwrap_same_shell,
    "exec": _prefix(_Options("cl", "a")),
    "source": _unwrap_source,
    ".": _unwrap_source,
    "cd": _unwrap_cd,
    "pushd": _unwrap_cd,
    "popd": lambda argv: Unwrapped(argv, moves_to=UNKNOWN_WORD),
    "trap": _unwrap_trap,
    "xargs": _unwrap_xargs,
    "find": _unwrap_find,
    "git": _unwrap_git,
}

SHADOW_PROOF = frozenset(_WRAPPERS)
"""Programs whose meaning the analysis relies on; a function may not take their names."""

_OPAQUE = words(
    "eval alias unalias hash enable bind fc complete compgen mapfile readarray let shopt "
    "chroot unshare nsenter setpriv runuser su pkexec parallel watch script expect flock at batch "
    "crontab systemd-run start-stop-daemon strace ltrace gdb entr socat ssh-agent fish csh tcsh "
    "rlwrap unbuffer dbus-run-session proot fakeroot firejail bwrap tmux screen "
    "ld.so ld-linux-x86-64.so.2 ld-linux.so.2 ld-linux-aarch64.so.1"
)
