"""Reads a Python program on a command line: what it runs, which files it writes, network.

Above: interpreters. Below: ast. Imports of unknown modules pass, as a script would; what reaches
the system through the standard library is found or refused: `subprocess.run(["ls"])` is the command
`ls`, `Path("src/a").write_text(...)` writes that file, and a name or path that is computed raises.
"""

from __future__ import annotations

import ast
import posixpath
import warnings

from agentos import InvalidArgumentError
from agentos_governance.shell.effects_of_code import CodeEffects
from agentos_governance.shell.words import Word, words

MAX_NODES = 5_000

_NETWORK = words(
    "socket ssl socketserver http urllib.request urllib3 requests httpx aiohttp ftplib smtplib "
    "imaplib poplib telnetlib nntplib xmlrpc webbrowser paramiko boto3 websocket websockets grpc "
    "google azure"
)
_REFUSED_MODULES = words(
    "ctypes cffi pty pexpect sh plumbum invoke fabric runpy code codeop imp pdb bdb builtins posix nt "
    "_posixsubprocess marshal pickle shelve dill cloudpickle commands popen2 pip ensurepip venv git "
    "dulwich docker _thread gc multiprocessing concurrent.futures zipimport pkgutil timeit trace "
    "fileinput logging.config logging.handlers _io _pyio _ctypes _tkinter tkinter turtle mailbox "
    "distutils lib2to3 compileall py_compile cProfile profile readline pydoc antigravity test.support"
)
_REFUSED_NAMES = words(
    "exec eval compile __import__ breakpoint globals locals vars setattr delattr __builtins__ "
    "__loader__ help"
)
_RUNNERS = words("run call check_call check_output Popen")
_SHELLS = words("getoutput getstatusoutput")
_OS_WRITES = words(
    "remove unlink rename replace rmdir removedirs mkdir makedirs renames link symlink chmod chown "
    "lchown truncate mkfifo mknod utime chflags setxattr"
)
_OS_REFUSED = words(
    "open fdopen fork forkpty kill killpg chroot chdir fchdir putenv unsetenv startfile memfd_create "
    "posix_spawn posix_spawnp pipe dup2 setuid setgid write pwrite sendfile copy_file_range"
)
_SHUTIL_READS = words("which disk_usage get_terminal_size get_archive_formats")
_PATH_WRITES = words(
    "write_text write_bytes touch mkdir unlink rmdir symlink_to hardlink_to chmod lchmod"
)
_ARGUMENT_WRITES = words(
    "to_csv to_json to_pickle to_parquet to_excel to_html savefig savetxt tofile save savez"
)
_REFUSED_ATTRIBUTES = words(
    "system popen create_subprocess_exec create_subprocess_shell import_module load_module "
    "exec_module run_path run_module modules urlretrieve load_extension cr_frame gi_frame f_globals "
    "f_builtins f_locals tb_frame"
)
_DUNDERS = words(
    "__version__ __file__ __name__ __doc__ __class__ __path__ __all__ __len__ __qualname__ "
    "__module__ __annotations__ __spec__ __init__ __main__ __init_subclass__ __post_init__ __str__ "
    "__repr__ __eq__ __hash__ __iter__ __enter__ __exit__ __call__ __getitem__ __lt__ __add__"
)


def read_python(code: str) -> CodeEffects:
    """The effects of a program; InvalidArgumentError where they cannot be known."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidArgumentError("a Python program that does not parse") from error
    nodes = list(ast.walk(tree))
    if len(nodes) > MAX_NODES:
        raise InvalidArgumentError(f"a Python program of more than {MAX_NODES} parts")
    reader = _Reader()
    for node in nodes:
        reader.learn(node)
    for node in nodes:
        reader.read(node)
    return reader.effects


class _Reader:
    def __init__(self) -> None:
        self.effects = CodeEffects()
        self._modules: dict[str, str] = {}
        self._functions: dict[str, str] = {}
        self._values: dict[str, list[ast.expr]] = {}
        self._called: set[int] = set()
        self._handed: list[tuple[str, ast.AST]] = []
        """Names that another name or a call gets, which may change what they hold."""

    def learn(self, node: ast.AST) -> None:
        """Names: what they import, and what they are assigned."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._check_module(alias.name)
                plain = alias.name if alias.asname else alias.name.partition(".")[0]
                self._modules[alias.asname or plain] = plain
        elif isinstance(node, ast.ImportFrom):
            self._learn_from(node)
        elif isinstance(node, ast.Assign):
            if isinstance(node.value, ast.Name):
                self._handed.append((node.value.id, node))
            for target in node.targets:
                self._assign(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            self._assign(node.target, node.value)
        elif isinstance(node, ast.For | ast.comprehension):
            parts = node.iter.elts if isinstance(node.iter, ast.List | ast.Tuple) else [node.iter]
            for part in parts:
                self._assign(node.target, part)
        elif isinstance(node, ast.AugAssign | ast.withitem | ast.arg | ast.ExceptHandler):
            self._forget(node)
        elif isinstance(node, ast.Call):
            self._called.add(id(node.func))
            self._handed += [(each.id, node) for each in node.args if isinstance(each, ast.Name)]
            if isinstance(node.func, ast.Attribute) and node.func.attr in _LIST_CHANGES:
                self._assign(node.func.value, _UNKNOWN)
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            self._assign(node.value, _UNKNOWN)

    def _learn_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        self._check_module(module)
        for alias in node.names:
            full = f"{module}.{alias.name}"
            self._check_module(full)
            if alias.name == "*" and module.partition(".")[0] in {"os", "subprocess", "shutil"}:
                raise InvalidArgumentError(f"Python that imports everything of {module}")
            self._functions[alias.asname or alias.name] = full

    def _check_module(self, name: str) -> None:
        parents = {name, name.partition(".")[0], ".".join(name.split(".")[:2])}
        if parents & _REFUSED_MODULES:
            raise InvalidArgumentError(f"Python that uses {name}, which may do anything")
        if parents & _NETWORK:
            self.effects.uses_network = True

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._values.setdefault(target.id, []).append(value)
            return
        for part in ast.walk(target):
            if isinstance(part, ast.Name):
                self._values.setdefault(part.id, []).append(_UNKNOWN)

    def _forget(self, node: ast.AST) -> None:
        name = getattr(node, "arg", None) or getattr(node, "name", None)
        target = getattr(node, "target", None) or getattr(node, "optional_vars", None)
        if isinstance(target, ast.Name):
            name = target.id
        if isinstance(name, str):
            self._values.setdefault(name, []).append(_UNKNOWN)

    def read(self, node: ast.AST) -> None:
        """What one part of the program does."""
        if isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Attribute):
            self._attribute(node)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            full = self._functions.get(node.id, node.id)
            if node.id in _REFUSED_NAMES or (id(node) not in self._called and _is_power(full)):
                raise InvalidArgumentError(f"Python that uses {node.id}")

    def _attribute(self, node: ast.Attribute) -> None:
        full = self._full_name(node)
        is_dunder = node.attr.startswith("__") and node.attr not in _DUNDERS
        if is_dunder or (node.attr in _REFUSED_ATTRIBUTES and not _is_runner(full)):
            raise InvalidArgumentError(f"Python that uses .{node.attr}")
        if id(node) not in self._called and (_is_power(full) or node.attr in _PATH_WRITES):
            raise InvalidArgumentError(f"Python that hands {full or node.attr} on")
        if full is not None:
            self._check_module(full)

    def _full_name(self, node: ast.expr) -> str | None:
        """`os.path.join` of an expression that reaches into an imported module."""
        if isinstance(node, ast.Name):
            return self._modules.get(node.id) or self._functions.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self._full_name(node.value)
            return None if base is None else f"{base}.{node.attr}"
        return None

    def _call(self, node: ast.Call) -> None:
        full = self._full_name(node.func)
        if isinstance(node.func, ast.Name) and node.func.id not in self._functions:
            full = node.func.id
        if full is None:
            self._method(node)
        elif full in {"getattr", "hasattr"}:
            self._check_getattr(node)
        elif _is_runner(full):
            self._run(full, node)
        elif full in _OPENERS or _is_opener(full):
            self._open(node.args, node)
        elif full.startswith("os.") and full.count(".") == 1:
            self._os(full.partition(".")[2], node)
        elif full.startswith("shutil.") and full.partition(".")[2] not in _SHUTIL_READS:
            self._write(node.args[:2])
        elif full == "sqlite3.connect":
            self._write(node.args[:1])
        elif full in {"logging.basicConfig", "logging.FileHandler"}:
            named = [each.value for each in node.keywords if each.arg in (None, "filename")]
            self._write([*node.args[:1], *named])
        elif full.count(".") or full in self._values:
            self._method(node)

    def _check_getattr(self, node: ast.Call) -> None:
        name = node.args[1] if len(node.args) > 1 else _UNKNOWN
        text = name.value if isinstance(name, ast.Constant) else None
        is_known = isinstance(text, str) and text not in _REFUSED_ATTRIBUTES | _PATH_WRITES
        reached = self._full_name(node.args[0]) if node.args else None
        if not is_known or reached in {"os", "subprocess", "shutil"} or str(text)[:2] == "__":
            raise InvalidArgumentError("Python that looks a name up which is computed")

    def _run(self, full: str, node: ast.Call) -> None:
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        command = node.args[0] if node.args else given.get("args", _UNKNOWN)
        if not set(given) <= _RUN_KEYWORDS:
            raise InvalidArgumentError(f"Python that calls {full} in a way not followed")
        if isinstance(command, ast.Name) and self._is_shared(command.id, node):
            raise InvalidArgumentError(f"Python that calls {full} with what others may change")
        shell = given.get("shell")
        if shell is not None and not isinstance(shell, ast.Constant):
            raise InvalidArgumentError(f"Python that calls {full} with a computed shell")
        is_shell = full.rpartition(".")[2] in {"system", "popen", *_SHELLS}
        is_shell = is_shell or (isinstance(shell, ast.Constant) and bool(shell.value))
        for found in self._candidates(command):
            if isinstance(found, ast.List | ast.Tuple) and found.elts:
                argv = [self._text(part) for part in found.elts]
                self.effects.inner.append(tuple(_word(text) for text in argv))
                continue
            text = self._text(found)
            if text is None:
                raise InvalidArgumentError(f"Python that calls {full} with what is computed")
            if is_shell:
                self.effects.scripts.append(text)
            else:
                self.effects.inner.append((Word(text),))

    def _is_shared(self, name: str, node: ast.Call) -> bool:
        """Whether a list of words may be changed under another name."""
        values = self._values.get(name, [])
        if all(isinstance(value, ast.Constant) for value in values):
            return False
        others = [each for known, each in self._handed if known == name and each is not node]
        return any(not isinstance(o, ast.Call) or not self._only_reads(o) for o in others)

    def _only_reads(self, call: ast.Call) -> bool:
        named = call.func.id if isinstance(call.func, ast.Name) else ""
        return named in {"print", "len", "repr", "str"} or _is_runner(self._full_name(call.func))

    def _os(self, name: str, node: ast.Call) -> None:
        if name in _OS_REFUSED or name.startswith(("exec", "spawn")):
            raise InvalidArgumentError(f"Python that calls os.{name}")
        if name in _OS_WRITES:
            self._write(node.args[:2] if name in _TWO_PATHS else node.args[:1])

    def _open(self, arguments: list[ast.expr], node: ast.Call) -> None:
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        mode = arguments[1] if len(arguments) > 1 else given.get("mode")
        path = arguments[0] if arguments else given.get("file", _UNKNOWN)
        if mode is None:
            return
        text = self._text(mode)
        if text is None:
            raise InvalidArgumentError("Python that opens a file in a computed mode")
        if set(text) & set("wax+"):
            self._write([path])

    def _method(self, node: ast.Call) -> None:
        """A method of what may be a path, an archive or a table."""
        if not isinstance(node.func, ast.Attribute):
            return
        name, receiver = node.func.attr, node.func.value
        if name in _PATH_WRITES:
            self._write([receiver])
        elif name in {"rename", "replace"} and len(node.args) == 1 and not node.keywords:
            self._write([receiver, node.args[0]])
        elif name == "open":
            self._open([receiver, *node.args], node)
        elif name in _ARGUMENT_WRITES and node.args:
            self._write(node.args[:1])
        elif name in {"extractall", "extract"}:
            path = node.args[-1] if node.args else ast.Constant(".")
            self.effects.enters += [_word(text) for text in self._paths(path)]

    def _write(self, targets: list[ast.expr]) -> None:
        for target in targets:
            self.effects.writes += [_word(text) for text in self._paths(target)]

    def _paths(self, node: ast.expr) -> list[str]:
        found = []
        for candidate in self._candidates(node):
            text = self._path(candidate)
            if text is None:
                raise InvalidArgumentError("Python that writes a file whose name is computed")
            found.append(text)
        return [text for text in found if text != ":memory:"]

    def _path(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return _joined([self._one_path(node.left), self._one_path(node.right)])
        if isinstance(node, ast.Call):
            name = self._full_name(node.func) or ""
            if name in {"pathlib.Path", "pathlib.PurePath", "os.path.join"}:
                return _joined([self._one_path(part) for part in node.args])
            return None
        return self._text(node)

    def _one_path(self, node: ast.expr) -> str | None:
        candidates = self._candidates(node)
        return self._path(candidates[0]) if len(candidates) == 1 else None

    def _candidates(self, node: ast.expr) -> list[ast.expr]:
        """What an expression may be: a name's assigned values, however often it is assigned."""
        seen: set[str] = set()
        waiting, found = [node], []
        while waiting:
            each = waiting.pop()
            if isinstance(each, ast.Name) and each.id in self._values and each.id not in seen:
                seen.add(each.id)
                waiting += self._values[each.id]
            else:
                found.append(each)
        return found

    def _text(self, node: ast.expr) -> str | None:
        return (
            node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
        )


_UNKNOWN = ast.Tuple([], ast.Load())
_OPENERS = frozenset({"open", "io.open", "io.FileIO", "codecs.open"})
_LIST_CHANGES = words("append extend insert remove pop clear reverse sort __setitem__ __iadd__")
_TWO_PATHS = words("rename replace renames link symlink")
_RUN_KEYWORDS = frozenset(
    {
        *("args", "shell", "check", "capture_output", "text", "stdout", "stderr", "timeout"),
        *("encoding", "errors", "universal_newlines", "bufsize"),
    }
)


def _is_runner(full: str | None) -> bool:
    """Whether it runs a command that its first argument says."""
    if full is None:
        return False
    module, _, name = full.rpartition(".")
    return (module == "subprocess" and name in _RUNNERS | _SHELLS) or full in {
        "os.system",
        "os.popen",
    }


def _is_opener(full: str) -> bool:
    module, _, name = full.rpartition(".")
    archives = {"gzip", "bz2", "lzma", "tarfile", "zipfile", "dbm"}
    return module in archives and name in {"open", "ZipFile", "TarFile", "GzipFile"}


def _is_power(full: str | None) -> bool:
    """Whether the function itself, handed on, could do what is then not seen."""
    if full is None:
        return False
    module, _, name = full.rpartition(".")
    if module == "os" and (name in _OS_WRITES | _OS_REFUSED or name.startswith(("exec", "spawn"))):
        return True
    if full in _OPENERS or _is_opener(full):
        return True
    return _is_runner(full) or (module == "shutil" and name not in _SHUTIL_READS)


def _joined(parts: list[str | None]) -> str | None:
    known = [part for part in parts if part is not None]
    return posixpath.join(*known) if known and len(known) == len(parts) else None


def _word(text: str | None) -> Word:
    return Word("<computed>", is_literal=False) if text is None else Word(text)
