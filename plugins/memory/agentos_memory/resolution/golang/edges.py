"""Edges of a repository's Go: calls, constructions, callbacks, references, imports, interfaces.

`Evaluator` says what an expression is; this module says how sure that is and what stays open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from agentos_memory.expressions import Attribute, Expression, Name, Subscript, Typed
from agentos_memory.model import (
    CallSite,
    Edge,
    Reference,
    Tier,
    UnresolvedSite,
)
from agentos_memory.resolution.builtin_methods import BUILTIN_METHODS
from agentos_memory.resolution.evidence import edge
from agentos_memory.resolution.golang.declarations import (
    FunctionDeclaration,
    SourceFile,
    TypeDeclaration,
    VariableDeclaration,
)
from agentos_memory.resolution.golang.evaluation import Evaluator
from agentos_memory.resolution.golang.imports import PackageImports
from agentos_memory.resolution.golang.packages import Packages
from agentos_memory.resolution.golang.reading import Reader
from agentos_memory.resolution.golang.satisfaction import Satisfaction
from agentos_memory.resolution.golang.types import Callee, Named, Type, TypeName, Unknown
from agentos_memory.resolution.golang.variants import RULE, Variants


class EdgeBuilder:
    """Writes the edges of all files."""

    def __init__(
        self,
        packages: Packages,
        variants: Variants,
        imports: PackageImports,
        reader: Reader,
        evaluator: Evaluator,
    ) -> None:
        self._packages = packages
        self._variants = variants
        self._imports = imports
        self._reader = reader
        self._evaluator = evaluator
        self.unresolved: list[UnresolvedSite] = []
        self._methods: dict[str, list[FunctionDeclaration]] = defaultdict(list)
        for package in packages:
            for methods in package.methods.values():
                for name, declared in methods.items():
                    self._methods[name].extend(declared)

    def edges_of(self, file: SourceFile) -> Iterator[Edge]:
        """Every edge whose evidence lies in the file, satisfied interfaces left out."""
        used: dict[str, set[str]] = defaultdict(set)
        for call in file.analysis.calls:
            self._note_use(call.function, file, used)
            yield from self._call(call, file)
        for reference in file.analysis.references:
            self._note_use(reference.value, file, used)
            yield from self._reference(reference, file)
        yield from self._imported(file, used)
        yield from self._embedded(file)

    def satisfied(self, found: Satisfaction) -> Iterator[Edge]:
        """The edges of a type that implements an interface."""
        type_, interface = found.type_.symbol, found.interface.symbol
        yield edge(
            "implements", type_.qualified_name, interface, type_.path, type_.start_line,
            "typed", "method set",
        )  # fmt: skip
        for method, wanted in found.methods:
            symbol = method.symbol
            yield edge(
                "overrides", symbol.qualified_name, wanted.symbol, symbol.path, symbol.start_line,
                "typed", "method set",
            )  # fmt: skip

    def _call(self, call: CallSite, file: SourceFile) -> Iterator[Edge]:
        called = self._evaluator.evaluate(call.function, file)
        match called:
            case Callee(declaration):
                tier, rule = self._certainty(call.function, called, file)
                if self._variants.has(declaration):
                    rule = RULE
                yield edge(
                    "calls", call.caller, declaration.symbol, file.path, call.line, tier, rule
                )
            case Named(declaration) if isinstance(call.function, Typed):
                yield edge(
                    "constructs", call.caller, declaration.symbol, file.path, call.line, "exact",
                    "composite literal",
                )  # fmt: skip
            case TypeName(Named(declaration)):
                yield edge(
                    "constructs", call.caller, declaration.symbol, file.path, call.line, "exact",
                    "conversion",
                )  # fmt: skip
            case Unknown() if not isinstance(call.function, Typed):
                self.unresolved.append(
                    UnresolvedSite(call.caller, call.callee, call.receiver, file.path, call.line)
                )
                yield from self._by_name(call, file)

    def _by_name(self, call: CallSite, file: SourceFile) -> Iterator[Edge]:
        candidates = self._methods.get(call.callee, [])
        if call.receiver is None or len(candidates) != 1:
            return
        if call.callee[:1].lower() + call.callee[1:] not in BUILTIN_METHODS:
            yield edge(
                "calls", call.caller, candidates[0].symbol, file.path, call.line, "name_only",
                "unique method name",
            )  # fmt: skip

    def _certainty(
        self, function: Expression, called: Callee, file: SourceFile
    ) -> tuple[Tier, str]:
        while isinstance(function, Subscript):
            function = function.value
        match function:
            case Name(identifier):
                return ("typed", "value") if "'" in identifier else ("exact", "scope")
            case Attribute(Name(identifier), _) if "'" not in identifier:
                if self._evaluator.declaration(function, file) is not None:
                    return "exact", "package member"
                return "typed", "receiver type"
            case Attribute(Name(identifier), _) if not called.is_promoted:
                binding = file.locals.get(identifier)
                stated = file.stated.get((binding.scope, "func")) if binding is not None else None
                if binding is not None and stated is not None and binding.value == stated.value:
                    return "exact", "receiver"
                return "typed", "receiver type"
            case Attribute():
                return "typed", "promoted method" if called.is_promoted else "receiver type"
            case _:
                return "typed", "value"

    def _reference(self, reference: Reference, file: SourceFile) -> Iterator[Edge]:
        declaration = self._evaluator.declaration(reference.value, file)
        if isinstance(declaration, TypeDeclaration | VariableDeclaration):
            if declaration.symbol.qualified_name != reference.source:
                yield edge(
                    "references", reference.source, declaration.symbol, file.path, reference.line,
                    "exact", "scope",
                )  # fmt: skip
            if isinstance(declaration, TypeDeclaration):
                return
        value = self._evaluator.evaluate(reference.value, file)
        if isinstance(value, Callee):
            tier, _ = self._certainty(reference.value, value, file)
            yield edge(
                "callback", reference.source, value.declaration.symbol, file.path, reference.line,
                tier, "function value",
            )  # fmt: skip

    def _note_use(
        self, expression: Expression, file: SourceFile, used: dict[str, set[str]]
    ) -> None:
        while isinstance(expression, Typed | Subscript):
            expression = (
                expression.annotation if isinstance(expression, Typed) else expression.value
            )
        match expression:
            case Attribute(Name(package), _) if "'" not in package:
                owner = self._evaluator.declaration(expression, file)
                if owner is not None:
                    used[package].add(owner.file.path)

    def _imported(self, file: SourceFile, used: dict[str, set[str]]) -> Iterator[Edge]:
        """An import names a package; its edges go to the files of it that are used."""
        for statement in file.analysis.imports:
            package = self._imports.find(statement, file)
            if package is None:
                continue
            names = {statement.bound_name, package.name}
            paths = {path for name in names for path in used.get(name, ())}
            own = {each.path for each in package.files}
            chosen = sorted(paths & own) or [min(own)]
            for path in chosen:
                target = self._packages.files[path].analysis.symbols[0]
                yield edge(
                    "imports", statement.scope, target, file.path, statement.line, "exact", "import"
                )

    def _embedded(self, file: SourceFile) -> Iterator[Edge]:
        for facts in file.analysis.classes:
            for base in facts.bases:
                stated: Type = self._reader.read(base, file)
                if isinstance(stated, Named):
                    yield edge(
                        "inherits", facts.qualified_name, stated.declaration.symbol, file.path,
                        facts.line, "exact", "embedding",
                    )  # fmt: skip
