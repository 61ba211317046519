"""Interpreters, editors and archivers that run programs or commands given on their command line.

Above: wrappers. Below: readers of the languages. A program on the line is read; one that comes from
a file is what a script is: judged by what it changed, when the work is submitted. One that is
computed, or comes from elsewhere, raises InvalidArgumentError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agentos import InvalidArgumentError
from agentos_governance.shell.effects_of_code import Argv, CodeEffects
from agentos_governance.shell.options import Options, read_arguments
from agentos_governance.shell.patches import read_patch_command
from agentos_governance.shell.python_code import read_python
from agentos_governance.shell.scanned_code import read_scanned
from agentos_governance.shell.text_code import read_awk, read_sed
from agentos_governance.shell.words import Word, words

Reader = Callable[[str], CodeEffects]


@dataclass(frozen=True, slots=True)
class _Language:
    """How an interpreter takes its program: options with code, with a value, and those that stop."""

    read: Reader
    code: str = "e"
    long_code: frozenset[str] = frozenset()
    valued: str = ""
    long_valued: frozenset[str] = frozenset()
    asks: frozenset[str] = frozenset()
    """Options with which it only tells about itself, or checks."""
    refused: frozenset[str] = frozenset()
    """Options that bring in code from elsewhere."""


def _scanned(language: str) -> Reader:
    return lambda code: read_scanned(language, code)


_ASKS = words("-V -v --version -h --help")
_NODE = _Language(
    _scanned("node"),
    "ep",
    words("eval print"),
    "C",
    words("test-name-pattern test-reporter env-file conditions"),
    asks=_ASKS | {"-c", "--check", "--test"},
    refused=words("-r --require --import --loader --experimental-loader -i --interactive"),
)
_PHP = _Language(
    _scanned("php"), "rBRE", valued="dcSt", asks=_ASKS | {"-l", "-i", "-m"}, refused=words("-a")
)
_LANGUAGES: Mapping[str, _Language] = {
    "perl": _Language(_scanned("perl"), "eE", asks=_ASKS | {"-c"}, refused=words("-d -x -S")),
    "ruby": _Language(
        _scanned("ruby"), "e", valued="CEFWTxIr", asks=_ASKS | {"-c"}, refused=words("-x -S")
    ),
    "node": _NODE,
    "nodejs": _NODE,
    "bun": _Language(_scanned("node"), "ep", words("eval print"), asks=_ASKS),
    "php": _PHP,
    "lua": _Language(_scanned("lua"), "e", valued="l", asks=_ASKS, refused=words("-i")),
    "luajit": _Language(_scanned("lua"), "e", valued="l", asks=_ASKS, refused=words("-i")),
}
_CLUSTERS = {"perl": "nplwsacUuWX0123456789i", "ruby": "nplwsacdvi0123456789"}
"""Letters that may stand before the one with the program: `perl -pie`, `perl -ne`."""


def read_interpreter(argv: Argv, stdin: str | None) -> CodeEffects:
    """What Perl, Ruby, JavaScript, PHP or Lua does that is named and given its program here."""
    program = _plain(argv)
    language = _LANGUAGES[program]
    effects, has_code, index = CodeEffects(), False, 1
    while index < len(argv) and argv[index].text.startswith("-") and argv[index].text != "-":
        text = argv[index].text
        name = text.partition("=")[0]
        if not argv[index].is_literal:
            raise InvalidArgumentError(f"an option of {program} is computed")
        if text == "--" or text in language.asks:
            return effects if text in language.asks else _from_file(argv, index + 1, program, stdin)
        if name in language.refused:
            raise InvalidArgumentError(f"{program} {name} brings in code from elsewhere")
        code, width = _code_option(argv, index, program, language)
        if code is not None:
            _merge(effects, language.read(_constant(code, program)))
            has_code = True
        index += width
    return effects if has_code else _from_file(argv, index, program, stdin)


def _code_option(
    argv: Argv, index: int, program: str, language: _Language
) -> tuple[Word | None, int]:
    """The program that an option carries, if it does, and how many words the option takes."""
    text = argv[index].text
    following = argv[index + 1] if index + 1 < len(argv) else Word("", is_literal=False)
    if text.startswith("--"):
        name, equals, value = text[2:].partition("=")
        if name in language.long_code:
            return (Word(value), 1) if equals else (following, 2)
        return None, 2 if name in language.long_valued and not equals else 1
    for position, letter in enumerate(text[1:], start=1):
        rest = text[position + 1 :]
        if letter in language.code:
            return (Word(rest), 1) if rest and program != "node" else (following, 2)
        if letter in language.valued or letter in "mM":
            if program == "perl" and letter in "mM":
                _merge(CodeEffects(), language.read(f"use {rest.partition('=')[0].lstrip('-')};"))
            if program == "ruby" and letter == "r":
                _merge(CodeEffects(), language.read(f'require "{rest or following.text}"'))
            return None, 1 if rest or letter in "mM" else 2
        if letter not in _CLUSTERS.get(program, ""):
            return None, 1
    return None, 1


def _from_file(argv: Argv, index: int, program: str, stdin: str | None) -> CodeEffects:
    """The program is a file, or what the line feeds the interpreter."""
    if index < len(argv) and argv[index].text != "-":
        if argv[index].text.startswith(("/dev/", "/proc/")):
            raise InvalidArgumentError(f"{program} reads its program from its input")
        return CodeEffects()
    if stdin is None:
        raise InvalidArgumentError(f"{program} reads its program from its input")
    return _LANGUAGES[program].read(stdin)


_PYTHON_VALUED = "WXQ"
_TELLING = words("-V -VV --version -h --help -?")
_REFUSED_MODULES = words("code pdb timeit runpy idlelib zipfile tarfile ensurepip cProfile trace")
_NETWORK_MODULES = words("http.server http ftplib smtplib telnetlib webbrowser xmlrpc.server")


def read_python_command(argv: Argv, stdin: str | None) -> CodeEffects:
    """What `python` does: `-c`, `-m`, a program on its input; a file is a script."""
    index = 1
    while index < len(argv) and argv[index].text.startswith("-") and argv[index].text != "-":
        word = argv[index]
        if not word.is_literal:
            raise InvalidArgumentError("an option of python is computed")
        if word.text in _TELLING:
            return CodeEffects()
        if word.text.startswith("--"):
            index += 1
            continue
        for position, letter in enumerate(word.text[1:], start=1):
            rest = word.text[position + 1 :]
            following = Word(rest) if rest else _at(argv, index + 1)
            if letter == "c":
                return read_python(_constant(following, "python -c"))
            if letter == "m":
                return _module(following, argv[index + (1 if rest else 2) :])
            if letter in _PYTHON_VALUED:
                index += not rest
                break
            if letter == "i":
                raise InvalidArgumentError("python -i reads commands from its input")
        index += 1
    if index < len(argv) and argv[index].text != "-":
        if argv[index].text.startswith(("/dev/", "/proc/")):
            raise InvalidArgumentError("python reads its program from its input")
        return CodeEffects()
    if stdin is None:
        raise InvalidArgumentError("python reads its program from its input")
    return read_python(stdin)


def _module(module: Word, rest: Argv) -> CodeEffects:
    if not module.is_fixed:
        raise InvalidArgumentError("python -m with a computed name")
    if module.text in _REFUSED_MODULES:
        raise InvalidArgumentError(f"python -m {module.text} runs or unpacks what is not shown")
    effects = CodeEffects(uses_network=module.text in _NETWORK_MODULES)
    operands = [word for word in rest if not word.text.startswith("-")]
    if module.text == "json.tool" and len(operands) > 1:
        effects.writes.append(operands[1])
    return effects


def module_command(argv: Argv) -> Argv | None:
    """`pip install x` of `python -m pip install x`: forbidding one forbids the other."""
    for index, word in enumerate(argv[1:], start=1):
        if word.text == "-m" and index + 1 < len(argv):
            return argv[index + 1 :]
        if not word.text.startswith("-") or word.text in {"-", "-c"}:
            return None
    return None


_AWK = Options(
    "Fv",
    words("assign field-separator"),
    {"f": "read", "file": "read", "i": "read", "include": "read"},
)
_SED = Options(
    "el", words("expression line-length"), {"f": "read", "file": "read"}, attached="i",
    flags=words("in-place"),
)  # fmt: skip


def read_awk_command(argv: Argv, stdin: str | None) -> CodeEffects:
    """What an awk program on the line does."""
    arguments = read_arguments(argv, _AWK)
    if arguments.has(frozenset({"E", "l", "load", "exec", "source", "e", "D", "debug"})):
        raise InvalidArgumentError("awk that brings in code in a way not followed")
    if arguments.has(frozenset({"f", "file", "version", "help", "V", "h"})):
        return CodeEffects()
    included = [value.text for value in arguments.values(frozenset({"i", "include"}))]
    if set(included) - {"inplace"} or not arguments.operands:
        raise InvalidArgumentError("awk that brings in code in a way not followed")
    return read_awk(_constant(arguments.operands[0], "awk"))


def read_sed_command(argv: Argv, stdin: str | None) -> CodeEffects:
    """What a sed script on the line does; one that is partly computed may do anything."""
    arguments = read_arguments(argv, _SED)
    scripts: Sequence[Word] = arguments.values(frozenset({"e", "expression"}))
    if arguments.has(frozenset({"version", "help", "sandbox"})):
        return CodeEffects()
    if not scripts and not arguments.has(frozenset({"f", "file"})):
        scripts = arguments.operands[:1]
    # sed joins its `-e` by line breaks: `-e 'a\' -e text` is one command.
    script = "\n".join(_known_part(word) for word in scripts)
    return read_sed(script)


def _known_part(word: Word) -> str:
    """A computed part of an `s` command may hold a delimiter, and then flags that run commands."""
    if word.is_literal:
        return word.text
    raise InvalidArgumentError("a sed script that is computed")


_SQL_ESCAPES = (
    *(".shell", ".system", ".output", ".once", ".save", ".backup", ".excel", ".import", ".load"),
    *(".log", ".trace", ".cd", ".clone", ".read", ".open", ".restore", ".archive", ".edit", ".www"),
    *("writefile(", "load_extension(", "edit(", "readfile(", "fts3_tokenizer("),
)
_CLIENT_ESCAPES = ("\\!", "\\o", "\\w", "\\copy", "\\g", "\\i", "\\|", "program", "into outfile")


def read_sql_command(argv: Argv, stdin: str | None) -> CodeEffects:
    """Database shells have commands of their own, some of which leave the database."""
    escapes = _SQL_ESCAPES if _plain(argv).startswith("sqlite") else _CLIENT_ESCAPES
    for text in [*(word.text for word in argv[1:]), stdin or ""]:
        lowered = text.lower()
        if any(escape in lowered for escape in escapes):
            raise InvalidArgumentError(f"{_plain(argv)} leaves the database: {text[:60]!r}")
    return CodeEffects()


_RUNNING_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "tar": (
        *("--to-command", "--checkpoint-action", "--use-compress-program", "--rsh-command"),
        *("--info-script", "--new-volume-script", "-I", "-F", "--rmt-command"),
    ),
    "rsync": ("-e", "--rsh", "--rsync-path", "-M", "--remote-option"),
    "scp": ("-S", "-o", "-D"),
    "sftp": ("-S", "-o", "-D"),
    "ssh": ("-o", "-F", "-E", "-I"),
    "zip": ("-TT", "--unzip-command", "-T"),
    "less": ("+", "-k", "--lesskey", "-K"),
    "more": ("+",),
    "man": ("-P", "--pager", "-H", "--html", "-C"),
    "sort": ("--compress-program",),
    "split": ("--filter",),
    "make": ("--eval", "-E", "SHELL=", "MAKEFLAGS=", ".SHELLFLAGS="),
    "gmake": ("--eval", "-E", "SHELL=", "MAKEFLAGS=", ".SHELLFLAGS="),
    "rg": ("--pre", "--hostname-bin"),
    "ag": ("--pager",),
    "bat": ("--pager",),
    "pytest": ("--pdb", "--pdbcls"),
    "gcc": ("-wrapper", "-fplugin", "-B", "-specs"),
    "g++": ("-wrapper", "-fplugin", "-B", "-specs"),
    "fd": ("-x", "-X", "--exec", "--exec-batch"),
    "fdfind": ("-x", "-X", "--exec", "--exec-batch"),
    "fzf": ("--bind", "--preview"),
    "tcpdump": ("-z",),
    "ctags": ("--options", "--_"),
    "nc": ("-e", "-c", "--exec", "--sh-exec"),
    "ncat": ("-e", "-c", "--exec", "--sh-exec"),
    "cpio": ("--rsh-command", "-F"),
    "apt-get": ("-o",),
    "apt": ("-o",),
    "install": ("--strip-program",),
    "ld": ("-plugin",),
}
_COMPRESSORS = words("gzip bzip2 xz zstd pigz lz4 lzma pbzip2 pixz lzop compress")


def refuse_running_options(argv: Argv) -> None:
    """Raises for an option with which a harmless program runs another one."""
    program = _plain(argv)
    for index, word in enumerate(argv[1:], start=1):
        for option in _RUNNING_OPTIONS.get(program, ()):
            is_long = option.startswith("--") and option not in {"--"}
            is_same = word.text == option or (
                word.text.startswith(option) if not is_long else _abbreviates(word.text, option)
            )
            value = word.text.partition("=")[2] or _at(argv, index + 1).text
            if is_same and not (program == "tar" and value in _COMPRESSORS):
                if program in {"rsync"} and value in {"ssh", "rsh"}:
                    continue
                raise InvalidArgumentError(f"{program} {word.text[:40]} runs another program")
    if program in {"make", "gmake"}:
        _refuse_makefile_from_input(argv)
    if program in _BUILDERS and any(word.text.startswith("<(") for word in argv[1:]):
        raise InvalidArgumentError(f"{program} reads what to run from another command")
    if program in _SCRIPT_RUNNERS and any("script-shell" in word.text for word in argv[1:]):
        raise InvalidArgumentError(f"{program} would run its scripts in another shell")


_SCRIPT_RUNNERS = words("npm pnpm yarn bun npx")
_BUILDERS = _SCRIPT_RUNNERS | words(
    "make gmake cmake ctest ninja just task rake tox nox meson scons"
)


def _refuse_makefile_from_input(argv: Argv) -> None:
    for index, word in enumerate(argv[1:], start=1):
        name = word.text.partition("=")[0]
        value = word.text.partition("=")[2] or _at(argv, index + 1).text
        attached = word.text[2:] if word.text.startswith("-f") else ""
        if name in {"-f", "--file", "--makefile"} and (value == "-" or value.startswith("/dev/")):
            raise InvalidArgumentError("make reads its rules from its input")
        if attached == "-" or attached.startswith("/dev/"):
            raise InvalidArgumentError("make reads its rules from its input")


def _abbreviates(written: str, option: str) -> bool:
    """Whether a long option is, or may stand for, `option`: `--to-com` is `--to-command`."""
    name = written.partition("=")[0]
    return len(name) > 3 and option.startswith(name)


INTERPRETERS: Mapping[str, Callable[[Argv, str | None], CodeEffects]] = {
    **dict.fromkeys(_LANGUAGES, read_interpreter),
    **dict.fromkeys(
        ("python", "python2", "python3", "pypy", "pypy3", "ipython"), read_python_command
    ),
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), read_awk_command),
    **dict.fromkeys(("sed", "gsed"), read_sed_command),
    **dict.fromkeys(("apply_patch", "applypatch"), read_patch_command),
    **dict.fromkeys(("sqlite3", "sqlite", "psql", "mysql", "mariadb", "duckdb"), read_sql_command),
}
"""By plain name; versions as in `python3.11` are cut off."""


def interpreter_of(program: str) -> Callable[[Argv, str | None], CodeEffects] | None:
    """The reader of an interpreter's command line; None for other programs."""
    return INTERPRETERS.get(program) or INTERPRETERS.get(program.rstrip("0123456789."))


def _merge(into: CodeEffects, found: CodeEffects) -> None:
    into.inner += found.inner
    into.scripts += found.scripts
    into.writes += found.writes
    into.enters += found.enters
    into.uses_network = into.uses_network or found.uses_network


def _constant(word: Word, what: str) -> str:
    if not word.is_literal:
        raise InvalidArgumentError(f"{what} whose program is computed")
    return word.text


def _at(argv: Argv, index: int) -> Word:
    return argv[index] if index < len(argv) else Word("", is_literal=False)


def _plain(argv: Argv) -> str:
    return argv[0].text.rpartition("/")[2]
