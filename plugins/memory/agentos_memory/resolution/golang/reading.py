"""Type expressions as types: what a declaration, a parameter or a conversion states.

Above: members and the evaluator. Below: imports, packages, generics.
"""

from __future__ import annotations

from agentos_memory.expressions import (
    Attribute,
    Expression,
    Item,
    Literal,
    Mapping,
    Name,
    Sequence,
    Subscript,
)
from agentos_memory.languages.collector import last_name
from agentos_memory.languages.go_types import EMBEDDED, PREDECLARED_TYPES
from agentos_memory.resolution.golang.declarations import (
    Declaration,
    SourceFile,
    TypeDeclaration,
)
from agentos_memory.resolution.golang.imports import PackageImports
from agentos_memory.resolution.golang.types import (
    UNKNOWN,
    Basic,
    ChannelOf,
    External,
    Function,
    Imported,
    Interface,
    MapOf,
    Named,
    Parametric,
    SliceOf,
    Struct,
    Type,
)

TYPE_WORDS = frozenset({"[]", "map", "chan", "struct", "func", "interface", "..."})
MAX_ALIASES = 20


class Reader:
    """Reads type expressions, and finds what package-level names declare."""

    def __init__(self, imports: PackageImports) -> None:
        self._imports = imports
        self._aliases = 0
        self._known_packages: dict[tuple[SourceFile, str], Imported | External | None] = {}

    def read(self, expression: Expression, file: SourceFile) -> Type:
        """The type that the expression states in that file."""
        match expression:
            case Name(identifier):
                return self._named(identifier, file)
            case Attribute(Name(package), name):
                return self._qualified(package, name, file)
            case Subscript(Name(word), parts) if word in TYPE_WORDS:
                return self._composite(word, parts, file)
            case Subscript(head, arguments):
                return self._generic(head, arguments, file)
            case _:
                return UNKNOWN

    def declaration(self, name: str, file: SourceFile) -> Declaration | None:
        """What a name without a package declares: in the file's package or a dot import."""
        found = file.package.find(name, file)
        if found is not None or not file.dot_imports:
            return found
        packages = (self._imports.find(each, file) for each in file.dot_imports)
        members = (package.find(name, file) for package in packages if package is not None)
        return next((member for member in members if member is not None), None)

    def package(self, name: str, file: SourceFile) -> Imported | External | None:
        """What a name means as that of an import; None when nothing imports it."""
        key = (file, name)
        if key not in self._known_packages:
            self._known_packages[key] = self._package(name, file)
        return self._known_packages[key]

    def _package(self, name: str, file: SourceFile) -> Imported | External | None:
        statement = file.imports.get(name)
        if statement is None:
            return self._differently_named(name, file)
        package = self._imports.find(statement, file)
        if package is not None:
            return Imported(package)
        return None if self._imports.is_own(statement.module) else External(statement.module)

    def of_declaration(self, declaration: TypeDeclaration) -> Type:
        """The type of that name; an alias gives what it stands for."""
        if not declaration.is_alias:
            return Named(declaration)
        if self._aliases > MAX_ALIASES:
            return UNKNOWN
        self._aliases += 1
        try:
            return self.read(declaration.definition, declaration.file)
        finally:
            self._aliases -= 1

    def local_type(self, value: Expression, file: SourceFile) -> Type | None:
        """The type that a local declares: a type of the block, or a type parameter."""
        match value:
            case Subscript(Name("type"), (Literal(qualified_name),)):
                declaration = file.types.get(qualified_name)
                return self.of_declaration(declaration) if declaration is not None else UNKNOWN
            case Subscript(Name("typeparam"), (Item(Name(owner), index),)):
                return self._receiver_parameter(owner, index, file)
            case _:
                return None

    def _receiver_parameter(self, owner: str, index: int, file: SourceFile) -> Type:
        declaration = file.package.find(owner, file)
        if not isinstance(declaration, TypeDeclaration):
            return UNKNOWN
        parameters = declaration.type_parameters
        return Parametric(parameters[index]) if index < len(parameters) else UNKNOWN

    def _differently_named(self, name: str, file: SourceFile) -> Imported | External | None:
        # A package's clause decides on its name; its path only suggests one.
        outside: External | None = None
        for statement in file.imports.values():
            package = self._imports.find(statement, file)
            if package is not None and package.name == name:
                return Imported(package)
            is_outside = package is None and not self._imports.is_own(statement.module)
            if is_outside and name in statement.module:
                outside = External(statement.module)
        return outside

    def _named(self, identifier: str, file: SourceFile) -> Type:
        if "'" in identifier:
            binding = file.locals.get(identifier)
            if binding is None:
                return UNKNOWN
            for parameter in file.parameters.get(binding.scope, ()):
                if parameter.name == identifier:
                    return Parametric(parameter)
            return self.local_type(binding.value, file) or UNKNOWN
        declaration = self.declaration(identifier, file)
        if isinstance(declaration, TypeDeclaration):
            return self.of_declaration(declaration)
        return Basic(identifier) if identifier in PREDECLARED_TYPES else self._from_dots(file)

    def _from_dots(self, file: SourceFile) -> Type:
        for statement in file.dot_imports:
            if self._imports.find(statement, file) is None:
                return External(statement.module)
        return UNKNOWN

    def _qualified(self, package: str, name: str, file: SourceFile) -> Type:
        owner = self.package(package, file)
        if isinstance(owner, External):
            return External(f"{owner.name}.{name}")
        if owner is None:
            return UNKNOWN
        declaration = owner.package.find(name, file)
        if isinstance(declaration, TypeDeclaration):
            return self.of_declaration(declaration)
        return UNKNOWN

    def _generic(
        self, head: Expression, arguments: tuple[Expression, ...], file: SourceFile
    ) -> Type:
        generic = self.read(head, file)
        given = tuple([self.read(each, file) for each in arguments])
        match generic:
            case Named(declaration):
                return Named(declaration, given)
            case External(name):
                return External(name, given)
            case _:
                return generic

    def _composite(self, word: str, parts: tuple[Expression, ...], file: SourceFile) -> Type:
        match word, parts:
            case "[]" | "...", (element,):
                return SliceOf(self.read(element, file))
            case "map", (key, element):
                return MapOf(self.read(key, file), self.read(element, file))
            case "chan", (element,):
                return ChannelOf(self.read(element, file))
            case "func", (Sequence(taken), Sequence(given)):
                return self._function(taken, given, file)
            case "struct", (Mapping() as members,):
                return self._struct(members, file)
            case "interface", (Mapping() as members,):
                return self._interface(members, file)
            case _:
                return UNKNOWN

    def _function(
        self, taken: tuple[Expression, ...], given: tuple[Expression, ...], file: SourceFile
    ) -> Function:
        parameters: list[Type] = []
        is_variadic = False
        for each in taken:
            match each:
                case Subscript(Name("..."), (element,)):
                    parameters.append(SliceOf(self.read(element, file)))
                    is_variadic = True
                case _:
                    parameters.append(self.read(each, file))
        results = tuple([self.read(each, file) for each in given])
        return Function(tuple(parameters), results, is_variadic)

    def _struct(self, members: Mapping, file: SourceFile) -> Struct:
        fields: list[tuple[str, Type]] = []
        embedded: list[tuple[str, Type]] = []
        for key, value in zip(members.keys, members.values, strict=True):
            read = self.read(value, file)
            if key == EMBEDDED:
                embedded.append((_embedded_name(value), read))
            elif isinstance(key, Literal):
                fields.append((key.type_name, read))
        return Struct(tuple(fields), tuple(embedded))

    def _interface(self, members: Mapping, file: SourceFile) -> Interface:
        methods: list[tuple[str, Type]] = []
        embedded: list[Type] = []
        for key, value in zip(members.keys, members.values, strict=True):
            read = self.read(value, file)
            if key == EMBEDDED:
                embedded.append(read)
            elif isinstance(key, Literal):
                methods.append((key.type_name, read))
        return Interface(tuple(methods), tuple(embedded))


def _embedded_name(expression: Expression) -> str:
    head = expression.value if isinstance(expression, Subscript) else expression
    return last_name(head).partition("'")[0]
