"""Linking: from the analyses of Go files to packages with their declarations.

Above: imports and the evaluator. Below: declarations and builds.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from agentos_memory.expressions import Expression, Item, Literal, Name, Subscript
from agentos_memory.model import Binding, FileAnalysis, Symbol
from agentos_memory.resolution.golang.builds import is_default_build, variant_of
from agentos_memory.resolution.golang.declarations import (
    FunctionDeclaration,
    Package,
    SourceFile,
    TypeDeclaration,
    TypeParameter,
    VariableDeclaration,
)

# Bindings under these words belong to a scope and not to a name.
STATED_WORDS = frozenset({"package", "go:build", "type", "=", "func"})


class Packages:
    """All packages of a repository, and its files by path."""

    def __init__(self, analyses: Iterable[FileAnalysis]) -> None:
        self.files: dict[str, SourceFile] = {}
        self.by_folder: dict[str, list[Package]] = {}
        self._packages: dict[tuple[str, str], Package] = {}
        for analysis in analyses:
            file = self.files[analysis.path] = self._add_file(analysis)
            _index_bindings(file)
            _declare_types(file)
            _declare_functions(file)
            _declare_variables(file)

    def __iter__(self) -> Iterator[Package]:
        """Every package, in the order of the folders' first files."""
        return iter(self._packages.values())

    def _add_file(self, analysis: FileAnalysis) -> SourceFile:
        clause, constraint = "", ""
        for binding in analysis.bindings:
            if isinstance(binding.value, Literal):
                if binding.name == "package":
                    clause = binding.value.type_name
                elif binding.name == "go:build":
                    constraint = binding.value.type_name
        folder = posixpath.dirname(analysis.path)
        package = self._packages.get((folder, clause))
        if package is None:
            package = self._packages[folder, clause] = Package(folder, clause)
            self.by_folder.setdefault(folder, []).append(package)
        variant = variant_of(analysis.path, constraint)
        file = SourceFile(analysis, package, variant, is_default_build(variant))
        package.files.append(file)
        for statement in analysis.imports:
            if statement.name == "*":
                file.dot_imports.append(statement)
            elif statement.bound_name != "_":
                file.imports[statement.bound_name] = statement
        return file


def _index_bindings(file: SourceFile) -> None:
    for binding in file.analysis.bindings:
        if binding.name in STATED_WORDS:
            file.stated[binding.scope, binding.name] = binding
        elif "'" in binding.name:
            file.locals[binding.name] = binding
            constraint = _type_parameter(binding)
            if constraint is not None and not isinstance(constraint, Item):
                parameter = TypeParameter(file, binding.name, constraint)
                file.parameters.setdefault(binding.scope, []).append(parameter)


def _type_parameter(binding: Binding) -> Expression | None:
    match binding.value:
        case Subscript(Name("typeparam"), (constraint,)):
            return constraint
        case _:
            return None


def _declare_types(file: SourceFile) -> None:
    for symbol in file.analysis.symbols:
        scope = symbol.qualified_name
        alias, defined = file.stated.get((scope, "=")), file.stated.get((scope, "type"))
        stated = alias or defined
        if stated is None:
            continue
        declaration = TypeDeclaration(symbol, file, alias is not None, stated.value)
        file.types[scope] = declaration
        if _is_package_level(symbol, file):
            file.package.members.setdefault(symbol.name, []).append(declaration)


def _declare_functions(file: SourceFile) -> None:
    signatures = {f.qualified_name: f.return_annotation for f in file.analysis.functions}
    for symbol in file.analysis.symbols:
        signature = signatures.get(symbol.qualified_name)
        if symbol.kind == "function":
            declared = FunctionDeclaration(symbol, file, None, signature)
            file.package.members.setdefault(symbol.name, []).append(declared)
        elif symbol.kind == "method":
            local_name = symbol.qualified_name.rpartition(":")[2]
            owner = local_name.rpartition(".")[0]
            method = FunctionDeclaration(symbol, file, owner, signature)
            interface = file.types.get(f"{file.path}:{owner}") if signature is None else None
            if interface is not None:
                interface.interface_methods.setdefault(symbol.name, method)
            else:
                methods = file.package.methods.setdefault(owner, {})
                methods.setdefault(symbol.name, []).append(method)


def _declare_variables(file: SourceFile) -> None:
    symbols = {s.name: s for s in file.analysis.symbols if s.kind == "variable"}
    module = file.analysis.module
    for binding in file.analysis.bindings:
        symbol = symbols.get(binding.name) if binding.scope == module else None
        if symbol is not None:
            declared = VariableDeclaration(symbol, file, binding)
            file.package.members.setdefault(binding.name, []).append(declared)


def _is_package_level(symbol: Symbol, file: SourceFile) -> bool:
    return symbol.parent == file.analysis.module
