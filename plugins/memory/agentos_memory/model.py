"""What analysis of files yields: symbols, imports, calls, facts for the resolver, and edges.

Extractors in `agentos_memory.languages` make these values, `chunks`, `resolution` and storage
read them. Paths are relative to the repository root with `/`; lines are 1-based and inclusive.
A qualified name is `package.module.Class.method` in Python and `path/to/file.ts:Class.method`
elsewhere. It may repeat within a file (overloads, property setters) and, for modules outside
packages, across files; `(path, qualified_name, start_line)` is unique.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agentos_memory.expressions import Expression

SymbolKind = Literal[
    "module",
    "class",
    "function",
    "method",
    "interface",
    "type",
    "enum",
    "variable",
    "namespace",
    "block",  # a named piece of configuration: a table, a stage, a resource, a top-level key
]
EdgeKind = Literal[
    "calls",
    "constructs",
    "imports",
    "inherits",
    "implements",
    "overrides",
    "references",
    "decorates",
    "callback",
    "fixture",
]
FixtureRole = Literal["named", "autouse", "used", "requested", "given", "plugin"]
ReferenceRole = Literal["value", "argument", "decorator"]
Tier = Literal["exact", "typed", "may_dispatch", "name_only"]
SkipReason = Literal[
    "unsupported", "binary", "encoding", "too_large", "minified", "too_deeply_nested",
    "too_costly", "unreadable", "crashed", "symlink", "submodule", "path",
]  # fmt: skip


@dataclass(slots=True, unsafe_hash=True)
class Symbol:
    """One definition.

    `signature` is the source text up to the body on one line, decorators left out; `start_line`
    is the first decorator's line, `name_line` that of the name. `bases` and `decorators` are as
    written. `parent` is the qualified name of the enclosing symbol, None for the module itself.
    """

    qualified_name: str
    name: str
    kind: SymbolKind
    path: str
    start_line: int
    end_line: int
    name_line: int
    signature: str
    docstring: str
    parent: str | None
    bases: tuple[str, ...] = ()
    decorators: tuple[str, ...] = ()


@dataclass(slots=True, unsafe_hash=True)
class Import:
    """One imported name, bound in `scope` as `bound_name`.

    Python: `module` is dotted and `level` counts the leading dots; `name` is None for
    `import a.b`. TypeScript: `module` is the specifier and `level` is 1 for what is exported
    again, else 0; `name` is `default` for a default import and None for `* as ns`. A star import
    has `name` `*`, `bound_name` "".
    """

    scope: str
    module: str
    name: str | None
    bound_name: str
    level: int
    line: int


@dataclass(slots=True, unsafe_hash=True)
class CallSite:
    """One call. `caller` is the innermost enclosing symbol, the module at top level.

    `callee` is the last name of what is called, "" when it has none (`handlers[0]()`);
    `receiver` is the text before it, at most 120 characters, None for a bare name. `function`
    is what the resolver evaluates.
    """

    caller: str
    callee: str
    receiver: str | None
    line: int
    function: Expression


@dataclass(slots=True, unsafe_hash=True)
class Reference:
    """A name mentioned without being called.

    `role` says where it stands: an `argument` of a call or an element of a list or dictionary, a
    `decorator`, or any other `value`. `source` is the enclosing symbol; a decorator's is what it
    decorates, around which `value` is looked up.
    """

    source: str
    value: Expression
    line: int
    role: ReferenceRole = "value"


@dataclass(slots=True, unsafe_hash=True)
class Binding:
    """A name that gets a value or a declared type in `scope`.

    `value` is looked up from `evaluated_in`: the enclosing scope for a parameter's annotation
    and default. `is_annotation` says that `value` is a type, not a value. `on_instance` marks
    `self.name` and `this.name`; `scope` is then the class.
    """

    scope: str
    name: str
    value: Expression
    evaluated_in: str
    is_annotation: bool
    on_instance: bool
    line: int


@dataclass(slots=True, unsafe_hash=True)
class FunctionFacts:
    """What the resolver needs of one function or method, beside its bindings.

    `parameters` are positional names in order; `returned` and `yielded` are the expressions of
    its return and yield statements. `decorators` are dotted names without call arguments.
    """

    qualified_name: str
    line: int
    parameters: tuple[str, ...]
    decorators: tuple[str, ...]
    return_annotation: Expression | None
    returned: tuple[Expression, ...]
    yielded: tuple[Expression, ...]


@dataclass(slots=True, unsafe_hash=True)
class ClassFacts:
    """What the resolver needs of one class or interface: its bases as expressions."""

    qualified_name: str
    line: int
    bases: tuple[Expression, ...]


@dataclass(slots=True, unsafe_hash=True)
class FixtureNote:
    """What a file says about pytest fixtures in text that is no expression.

    `named`: the fixture `source` goes by `name`. `autouse`: the fixture `source` is for every test
    in its scope. `used`: all tests in `source` use `name`. `requested`: the body of `source` asks
    for `name`. `given`: the parameter `name` of tests in `source` is given by a parametrization and
    is no fixture. `plugin`: the module `name` has fixtures for the folder of `source`.
    """

    source: str
    name: str
    line: int
    role: FixtureRole


@dataclass(frozen=True, slots=True)
class FileAnalysis:
    """Everything extracted from one file, in source order. `sha256` is of the file's bytes.

    `symbols[0]` is the module. `has_errors` says that the parser had to recover, so that facts
    may be missing. `statement_lines` are where stretches too long for one chunk may be cut.
    """

    path: str
    language: str
    module: str
    sha256: str
    line_count: int
    has_errors: bool
    symbols: tuple[Symbol, ...]
    imports: tuple[Import, ...]
    calls: tuple[CallSite, ...]
    references: tuple[Reference, ...]
    bindings: tuple[Binding, ...]
    functions: tuple[FunctionFacts, ...]
    classes: tuple[ClassFacts, ...]
    statement_lines: tuple[int, ...] = ()
    fixtures: tuple[FixtureNote, ...] = ()


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that was not analysed, and why; `detail` is a sentence for people."""

    path: str
    reason: SkipReason
    detail: str


@dataclass(slots=True, unsafe_hash=True)
class Edge:
    """One relation between two symbols, with its evidence at `path:line` (the source's file).

    `tier` orders trust: `exact` follows names and imports only, `typed` infers a receiver's
    type, `may_dispatch` is an override that the call may reach, `name_only` is a guess by a
    name that is defined once; answers leave `name_only` out unless asked. `rule` names the
    deciding step. `confidence` lies in 0..1 and is fixed per tier.
    """

    source: str
    target: str
    kind: EdgeKind
    path: str
    line: int
    target_path: str
    confidence: float
    tier: Tier
    rule: str


@dataclass(slots=True, unsafe_hash=True)
class UnresolvedSite:
    """A call whose receiver or name the resolver could not type: a possible, unproven caller."""

    caller: str
    callee: str
    receiver: str | None
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Resolution:
    """The edges of a repository and the call sites that stayed open, both in a stable order."""

    edges: tuple[Edge, ...]
    unresolved: tuple[UnresolvedSite, ...]
