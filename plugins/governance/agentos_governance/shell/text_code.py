"""Reads one-line programs of awk and sed: commands they run and files they write.

Above: interpreters. Below: nothing. Both languages have few words that reach outside; those with a
constant text are followed, the others raise InvalidArgumentError.
"""

from __future__ import annotations

import re

from agentos import InvalidArgumentError
from agentos_governance.shell.effects_of_code import CodeEffects
from agentos_governance.shell.words import Word

_AWK_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<comment>#[^\n]*)|(?P<name>[A-Za-z_]\w*)'
    r"|(?P<number>\d[\d.]*)|(?P<space>[ \t\r\\]+)|(?P<operator>\|\||>>|>=|\|&|&&|.|\n)",
    re.DOTALL,
)
_AWK_REGEX = re.compile(r"/(?:[^/\\\n\[]|\\.|\[\^?\]?(?:[^\]\\\n]|\\.)*\])+/")
_AWK_SCREENS = frozenset({"/dev/stderr", "/dev/stdout", "/dev/null", "-"})


def read_awk(code: str) -> CodeEffects:
    """The effects of an awk program."""
    effects = CodeEffects()
    tokens = _awk_tokens(code)
    is_printing, depth = False, 0
    for index, (kind, text) in enumerate(tokens):
        if kind == "name":
            if text in {"print", "printf"}:
                is_printing, depth = True, 0
            elif text == "system":
                effects.scripts.append(_constant(tokens, index + 2, "system", {")"}))
        elif text in {"(", "[", "{"}:
            depth += 1
        elif text in {")", "]", "}"}:
            depth -= 1
            is_printing = is_printing and depth >= 0
        elif text in {";", "\n"}:
            is_printing = is_printing and depth > 0
        elif text in {"|", "|&"}:
            effects.scripts.append(_piped(tokens, index))
        elif text in {">", ">>"} and is_printing and depth == 0:
            target = _constant(tokens, index + 1, "a file", {";", "\n", "}"})
            if target not in _AWK_SCREENS:
                effects.writes.append(Word(target))
        elif text == "@":
            raise InvalidArgumentError("awk that calls or loads what is named elsewhere")
    return effects


def _awk_tokens(code: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(code):
        may_divide = bool(tokens) and (
            tokens[-1][0] in {"number", "string"}
            or (tokens[-1][0] == "name" and tokens[-1][1] not in _AWK_BEFORE_REGEX)
            or tokens[-1][1] in {")", "]", "$"}
        )
        regex = None if may_divide else _AWK_REGEX.match(code, position)
        if regex is not None:
            tokens.append(("regex", regex[0]))
            position = regex.end()
            continue
        match = _AWK_TOKEN.match(code, position)
        assert match is not None and match.lastgroup is not None
        if match.lastgroup not in {"space", "comment"}:
            tokens.append((match.lastgroup, match[0]))
        position = match.end()
    return tokens


_AWK_BEFORE_REGEX = frozenset({"print", "printf", "return", "in", "case", "if", "while", "else"})


def _constant(tokens: list[tuple[str, str]], at: int, what: str, ends: set[str]) -> str:
    """The text of a string that stands alone before one of `ends`."""
    is_alone = at + 1 >= len(tokens) or tokens[at + 1][1] in ends
    if at < len(tokens) and tokens[at][0] == "string" and is_alone:
        return _unescaped(tokens[at][1])
    raise InvalidArgumentError(f"awk that uses {what} whose name or text is computed")


def _piped(tokens: list[tuple[str, str]], index: int) -> str:
    """The command on either side of a pipe."""
    following = tokens[index + 1] if index + 1 < len(tokens) else ("", "")
    if following == ("name", "getline"):
        before = tokens[index - 1] if index else ("", "")
        outer = tokens[index - 2][1] if index > 1 else "{"
        if before[0] == "string" and outer in {"{", ";", "\n", "(", "while", "&&", "!"}:
            return _unescaped(before[1])
        raise InvalidArgumentError("awk that reads from a command that is computed")
    return _constant(tokens, index + 1, "a command", {";", "\n", "}"})


def _unescaped(text: str) -> str:
    inner = text[1:-1]
    if re.search(r"\\[^\"\\/nt]", inner):
        raise InvalidArgumentError("awk with an escape that is not followed")
    plain = {"n": "\n", "t": "\t"}
    return re.sub(r"\\(.)", lambda match: plain.get(match[1], match[1]), inner)


def read_sed(script: str) -> CodeEffects:
    """The effects of a sed script."""
    effects = CodeEffects()
    reader = _Sed(script, effects)
    while reader.position < len(script):
        reader.command()
    return effects


class _Sed:
    def __init__(self, text: str, effects: CodeEffects) -> None:
        self.text = text
        self.position = 0
        self._effects = effects

    def command(self) -> None:
        """One command with its addresses."""
        self._skip(" \t\n;{}")
        self._address()
        if self._peek() == ",":
            self.position += 1
            self._skip(" \t")
            self._address()
        self._skip(" \t!")
        name = self._next()
        if name in "sy":
            self._substitute(name)
        elif name in "aic":
            self._text_block()
        elif name in "wWrR":
            self._file(name)
        elif name == "e":
            command = self._line()
            if not command.strip():
                raise InvalidArgumentError("sed that runs what it reads")
            self._effects.scripts.append(command)
        elif name in "bt:T":
            self._until("\n;}")
        elif name == "v":
            self._until("\n;")
        elif name == "#":
            self._line()
        elif name in "qQlL":
            self._skip("0123456789 ")
        elif name and name not in "{}=dDgGhHnNpPxFz;\n ":
            raise InvalidArgumentError(f"a sed command {name!r} that is not known here")

    def _address(self) -> None:
        head = self._peek()
        if head == "/":
            self.position += 1
            self._delimited("/")
        elif head == "\\" and self.position + 1 < len(self.text):
            delimiter = self.text[self.position + 1]
            self.position += 2
            self._delimited(delimiter)
        else:
            self._skip("0123456789$~+")
        self._skip("IM \t")

    def _substitute(self, name: str) -> None:
        delimiter = self._next()
        if delimiter in {"", "\n", "\\"}:
            raise InvalidArgumentError("a sed script that ends too early")
        self._delimited(delimiter)
        self._delimited(delimiter, in_replacement=True)
        while name == "s" and self._peek() and self._peek() not in "\n;} \t#":
            flag = self._next()
            if flag == "e":
                raise InvalidArgumentError("sed that runs what it reads")
            if flag == "w":
                self._file(flag)
                return
            if flag not in "gpiIMm0123456789":
                raise InvalidArgumentError(f"a flag {flag!r} of sed that is not known here")

    def _delimited(self, delimiter: str, *, in_replacement: bool = False) -> None:
        in_set = False
        while self.position < len(self.text):
            character = self._next()
            if character == "\\":
                self.position += 1
            elif in_set:
                in_set = character != "]"
            elif character == delimiter:
                return
            elif character == "[" and not in_replacement:
                in_set = True
                self._skip("^")
                self.position += self._peek() == "]"
        raise InvalidArgumentError("a sed script that ends too early")

    def _text_block(self) -> None:
        while self.position < len(self.text):
            character = self._next()
            if character == "\\":
                self.position += 1
            elif character == "\n":
                return

    def _file(self, name: str) -> None:
        path = self._line().strip()
        if name in "wW" and path not in {"/dev/stdout", "/dev/stderr"}:
            self._effects.writes.append(Word(path))

    def _line(self) -> str:
        return self._until("\n")

    def _until(self, ends: str) -> str:
        start = self.position
        while self.position < len(self.text) and self.text[self.position] not in ends:
            self.position += 1
        return self.text[start : self.position]

    def _skip(self, characters: str) -> None:
        while self._peek() and self._peek() in characters:
            self.position += 1

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _next(self) -> str:
        found = self._peek()
        self.position += 1
        return found
