"""Programs that run other commands: what stands inside `bash -c`, `env`, `xargs`, `git -C` ...

Above: commands. Below: command_words. Options are read strictly: an option that is not known
might take the command's name as its value, so it makes the command unreadable. Everything here
raises InvalidArgumentError for what cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from agentos import InvalidArgumentError
from agentos_governance.shell.effects_of_code import CodeEffects
from agentos_governance.shell.finding import unwrap_find
from agentos_governance.shell.git_commands import unwrap_git
from agentos_governance.shell.interpreters import (
    interpreter_of,
    module_command,
    refuse_running_options,
)
from agentos_governance.shell.strict_options import StrictOptions
from agentos_governance.shell.unwrapped import Argv, Unwrapped
from agentos_governance.shell.variables import command_set, is_dangerous_variable
from agentos_governance.shell.words import UNKNOWN_WORD, Word, words


def unwrap(argv: Argv, stdin: str | None = None) -> Unwrapped:
    """What a simple command runs. Raises InvalidArgumentError where it cannot be known.

    `stdin` is the here-document or here-string that it reads, if that is known.
    """
    if not argv[0].is_fixed or argv[0].text.startswith(("~", "-")) or not argv[0].text:
        raise InvalidArgumentError("the command's name is computed")
    if set(argv[0].text) & set("{}=") or argv[0].text in _RESERVED:
        # No program is called so: bash and the parser read this line differently.
        raise InvalidArgumentError(f"{argv[0].text[:80]!r} where a command's name should stand")
    program = _plain_program(argv[0].text)
    if program in _OPAQUE and [word.text for word in argv[1:]] not in _ASKED:
        raise InvalidArgumentError(f"{program!r} runs or changes commands in ways not followed")
    if program == "deno" and any(word.text in {"eval", "repl"} for word in argv[1:2]):
        raise InvalidArgumentError("a program for deno is not followed")
    named = _git_program((Word(program), *argv[1:]))
    program = named[0].text
    wrapper = _WRAPPERS.get(program)
    if wrapper is not None:
        return wrapper(named)
    refuse_running_options(named)
    interpreter = interpreter_of(program)
    if interpreter is not None:
        return _interpreted(named, interpreter(named, stdin))
    return Unwrapped(named, possible=_possible(named) if program in _RUNNERS else ())


def possible_commands(starts: tuple[Argv, ...]) -> list[Argv]:
    """Those commands, with what each of them would run; raises where that cannot be known."""
    found: list[Argv] = []
    for argv in starts:
        found.append(argv)
        program = argv[0].text.rpartition("/")[2]
        if not argv[0].is_fixed or not (program in _SHELLS or interpreter_of(program)):
            continue
        if len(argv) > 1 and argv[1].text.startswith("-"):
            raise_for_inline(program, argv)
    return found


def raise_for_inline(program: str, argv: Argv) -> None:
    """A program given in a command that another program starts is not followed further."""
    if program in _SHELLS and any("c" in word.text for word in argv[1:2]):
        raise InvalidArgumentError(f"{program} -c inside a command that another program starts")
    if interpreter_of(program):
        unwrapped = unwrap(argv, "")
        if unwrapped.inner or unwrapped.scripts or unwrapped.writes or unwrapped.uses_network:
            raise InvalidArgumentError(f"{program} with a program that reaches outside")


def _interpreted(argv: Argv, effects: CodeEffects) -> Unwrapped:
    module = module_command(argv) if argv[0].text.startswith(("python", "pypy")) else None
    return Unwrapped(
        argv,
        inner=tuple(effects.inner),
        scripts=tuple(effects.scripts),
        writes=tuple(effects.writes),
        enters=tuple(effects.enters),
        possible=(module,) if module else (),
        uses_network=effects.uses_network,
    )


def _git_program(argv: Argv) -> Argv:
    """`/usr/lib/git-core/git-push` is `git push`."""
    name = argv[0].text.rpartition("/")[2]
    if name.startswith("git-") and name not in {"git-lfs", "git-cola"}:
        return (Word("git"), Word(name.removeprefix("git-")), *argv[1:])
    return argv


def _possible(argv: Argv) -> tuple[Argv, ...]:
    """Every command that the arguments may be: which of them begins one, only the program knows."""
    starts = [index for index, word in enumerate(argv) if index and word.text[:1] not in {"", "-"}]
    if len(starts) > MAX_POSSIBLE:
        raise InvalidArgumentError(f"{argv[0].text} with more than {MAX_POSSIBLE} arguments")
    return tuple(argv[index:] for index in starts)


MAX_POSSIBLE = 60
_ASKED = (["--version"], ["--help"], ["-V"])
_RUNNERS = words(
    "docker podman nerdctl docker-compose kubectl oc lxc incus vagrant multipass uv uvx pipx poetry "
    "pipenv pdm hatch rye pixi conda mamba micromamba npx bunx npm pnpm yarn bun deno bundle mise asdf "
    "direnv nix nix-shell devbox heroku flyctl dotenv doppler op chamber aws-vault tox nox coverage "
    "valgrind perf hyperfine ltrace rr catchsegv turbo nx lerna lage concurrently nodemon pm2 forever "
    "watchexec reflex air foreman honcho overmind supervisorctl systemctl launchctl wsl wine qemu "
    "start-stop-daemon chrt numactl prlimit cgexec choom setarch linux64 i386 unshare faketime proxychains "
    "torsocks tsocks sshpass autossh ionice caffeinate arch dotnet cargo go mvn gradle rustup pyenv nvm "
    "rbenv sdk xvfb-run dbus-launch pkexec run-parts daemonize daemon logger act gh bwrap ag "
    "cmake tsp ts machinectl ack podman-compose chronic eatmydata"
)
_RESERVED = words(
    "if then elif else fi for while until do done case esac in select function { } ! [[ ]]"
)
_TRUSTED_FOLDERS = ("/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin")


def _plain_program(text: str) -> str:
    """`/usr/bin/git` is `git`; `./git` is another program, unless it names a wrapper."""
    folder, _, name = text.rpartition("/")
    name = name.removesuffix(".exe")
    if folder in _TRUSTED_FOLDERS or name in SHADOW_PROOF or name in _OPAQUE:
        return name
    return text.removesuffix(".exe")


def _prefix(options: StrictOptions, *, operands: int = 0, is_transparent: bool = True) -> _Wrapper:
    """A program that runs the rest of its arguments, after options and `operands` of its own."""

    def unwrap_prefix(argv: Argv) -> Unwrapped:
        rest = argv[options.skip(argv) + operands :]
        inner = (rest,) if rest else ()
        return Unwrapped(argv, inner=inner, is_transparent=is_transparent and bool(rest))

    return unwrap_prefix


_Wrapper = Callable[[Argv], Unwrapped]


def _unwrap_env(argv: Argv) -> Unwrapped:
    index, commands = _read_assignments(argv, _ENV_OPTIONS.skip(argv))
    rest = argv[index:]
    inner = (rest,) if rest else ()
    return Unwrapped(argv, inner=inner, scripts=commands, is_transparent=bool(rest))


def _unwrap_sudo(argv: Argv) -> Unwrapped:
    index, commands = _read_assignments(argv, _SUDO_OPTIONS.skip(argv))
    rest = argv[index:]
    return Unwrapped(argv, inner=(rest,) if rest else (), scripts=commands)


def _read_assignments(argv: Argv, index: int) -> tuple[int, tuple[str, ...]]:
    """Where the variables end that stand before a command, and the commands that they name."""
    commands: list[str] = []
    while index < len(argv) and "=" in argv[index].text[1:]:
        name, _, value = argv[index].text.partition("=")
        if not name.isidentifier() or is_dangerous_variable(name):
            raise InvalidArgumentError(f"it sets {name}, which changes what commands mean")
        command = command_set(name, Word(value, argv[index].is_literal))
        commands += [] if command is None else [command]
        index += 1
    return index, tuple(commands)


def _unwrap_make(argv: Argv) -> Unwrapped:
    """`make CC=...` names programs as the environment does."""
    refuse_running_options(argv)
    commands = (
        command_set(word.text.partition("=")[0], Word(word.text.partition("=")[2], word.is_literal))
        for word in argv[1:]
    )
    return Unwrapped(argv, scripts=tuple(each for each in commands if each is not None))


def _unwrap_coreutils(argv: Argv) -> Unwrapped:
    """`coreutils --coreutils-prog=rm -rf x` is `rm -rf x`."""
    option = argv[1].text if len(argv) > 1 else ""
    name = re.fullmatch(r"--coreutils-prog(?:-shebang)?=(.+)", option)
    if name is None:
        return Unwrapped(argv, possible=_possible(argv))
    return Unwrapped(argv, inner=((Word(name[1]), *argv[2:]),))


def _unwrap_command(argv: Argv) -> Unwrapped:
    if len(argv) > 1 and argv[1].text in {"-v", "-V", "-pv", "-pV"}:
        return Unwrapped(argv)
    return _prefix(StrictOptions(flags="p"))(argv)


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


def _unwrap_hash(argv: Argv) -> Unwrapped:
    if [word.text for word in argv[1:]] not in (["-r"], []):
        raise InvalidArgumentError("hash says where commands are found")
    return Unwrapped(argv)


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
    # With a mark nothing is appended, but a mark may be missed: one word more harms nobody.
    return Unwrapped(argv, inner=((*inner, UNKNOWN_WORD),), is_transparent=True)


def with_names(argv: Argv, names: Argv) -> Argv:
    """The command of xargs with what it is fed, where that is known: files below some folders."""
    found: list[Word] = []
    for word in argv:
        is_mark = not word.is_literal and word.text in {"{}", "%", "@", "FILE", "file", "_"}
        found += names if word is UNKNOWN_WORD or is_mark else (word,)
    return tuple(found)


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


_SSH_VALUED = "BbcDEeFIiJLlmOopPQRSWw"


def _unwrap_ssh(argv: Argv) -> Unwrapped:
    """What runs on the host is a command as well, whatever it then reaches."""
    refuse_running_options(argv)
    index = 1
    while index < len(argv) and argv[index].text.startswith("-"):
        letters = argv[index].text[1:]
        at = next((n for n, letter in enumerate(letters) if letter in _SSH_VALUED), None)
        index += 2 if at == len(letters) - 1 else 1
    rest = argv[index + 1 :]
    if not all(word.is_literal for word in rest):
        raise InvalidArgumentError("a command for another host that is computed")
    script = " ".join(word.text for word in rest)
    return Unwrapped(argv, scripts=(script,) if script else ())


def _unwrap_git(argv: Argv) -> Unwrapped:
    git = unwrap_git(argv)
    return Unwrapped(git.argv, inner=git.inner, scripts=git.scripts, folders=git.folders)


_ENV_OPTIONS = StrictOptions("i0v", "u", frozenset({"ignore-environment", "null", "debug"}))
_SUDO_OPTIONS = StrictOptions(
    "AbEHKknPSs", "ugpCTrth", frozenset({"preserve-env", "non-interactive"})
)
_XARGS_OPTIONS = StrictOptions(
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
    "doas": _prefix(StrictOptions("nsL", "uCa"), is_transparent=False),
    "nohup": _prefix(StrictOptions()),
    "setsid": _prefix(StrictOptions("cfw")),
    "time": _prefix(StrictOptions("pvaq", "fo")),
    "nice": _prefix(StrictOptions(valued="n", long_valued=frozenset({"adjustment"}))),
    "ionice": _prefix(StrictOptions("t", "cn")),
    "stdbuf": _prefix(StrictOptions(valued="ioe")),
    "timeout": _prefix(
        StrictOptions(
            "v",
            "sk",
            frozenset({"preserve-status", "foreground", "verbose"}),
            frozenset({"signal", "kill-after"}),
        ),
        operands=1,
    ),
    "taskset": _prefix(StrictOptions("a"), operands=1),
    "busybox": _prefix(StrictOptions()),
    "toybox": _prefix(StrictOptions()),
    "coreutils": _unwrap_coreutils,
    **dict.fromkeys(("make", "gmake"), _unwrap_make),
    "coproc": _prefix(StrictOptions()),
    "command": _unwrap_command,
    "builtin": _unwrap_same_shell,
    "exec": _prefix(StrictOptions("cl", "a")),
    "source": _unwrap_source,
    ".": _unwrap_source,
    "cd": _unwrap_cd,
    "pushd": _unwrap_cd,
    "popd": lambda argv: Unwrapped(argv, moves_to=UNKNOWN_WORD),
    "trap": _unwrap_trap,
    "hash": _unwrap_hash,
    "xargs": _unwrap_xargs,
    "find": unwrap_find,
    "git": _unwrap_git,
    "ssh": _unwrap_ssh,
}

SHADOW_PROOF = frozenset(_WRAPPERS)
"""Programs whose meaning the analysis relies on; a function may not take their names."""

_OPAQUE = words(
    "eval alias unalias enable bind fc complete compgen mapfile readarray let shopt "
    "chroot unshare nsenter setpriv runuser su pkexec parallel watch script expect flock at batch "
    "crontab systemd-run start-stop-daemon strace ltrace gdb entr socat ssh-agent fish csh tcsh "
    "rlwrap unbuffer dbus-run-session proot fakeroot firejail bwrap tmux screen "
    "ed ex red vi vim nvim view vimdiff rvim gvim emacs emacsclient nano pico joe micro helix hx mg "
    "ne mcedit tclsh wish wapiti m4 gnuplot guile sbcl clisp racket scheme octave Rscript R julia ghci "
    "runghc runhaskell elixir iex erl escript groovy jshell scala kotlin osascript ts-node tsx zx qjs "
    "irb pry psysh bpython expect spawn-fcgi dc pwsh powershell nu elvish xonsh "
    "ld.so ld-linux-x86-64.so.2 ld-linux.so.2 ld-linux-aarch64.so.1"
)
