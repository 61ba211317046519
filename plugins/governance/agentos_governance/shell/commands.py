"""A shell command line as the simple commands it runs, the files it redirects to, and where.

Above: command_judgement. Below: tree-sitter-bash, command_words, command_wrappers. It sees
through pipes, lists, subshells, substitutions, `bash -c`, `env`, `sudo`, `xargs` and the like.
What cannot be known from the text gives an `UnanalysableCommand`, which the judge refuses.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from tree_sitter import Node

from agentos import InvalidArgumentError
from agentos_governance.shell.analysis import CommandAnalysis, SimpleCommand, UnanalysableCommand
from agentos_governance.shell.effects import FileUse, Folders
from agentos_governance.shell.listed_files import names_printed
from agentos_governance.shell.parsing import MAX_COMMAND_CHARACTERS, parse_script
from agentos_governance.shell.subscripts import (
    READING_TWICE,
    refuse_backticks_in_document,
    refuse_commands_in_words,
    refuse_hidden_commands,
)
from agentos_governance.shell.unwrapped import Unwrapped
from agentos_governance.shell.variables import command_set, is_dangerous_variable
from agentos_governance.shell.words import Word, word_of, words_of
from agentos_governance.shell.wrappers import SHADOW_PROOF, possible_commands, unwrap, with_names
from agentos_governance.shell.written_files import WrittenFiles, known_input

MAX_SIMPLE_COMMANDS = 200
MAX_NESTED_SCRIPTS = 8
MAX_NESTING = 150
MAX_KNOWN = 64
"""Texts whose analysis is kept."""

# Control flow whose body may run any number of times, or none.
_REPEATED = frozenset({"for_statement", "c_style_for_statement", "while_statement"})
_SUBSHELLS = frozenset({"subshell", "command_substitution", "process_substitution"})
_OPTIONAL = frozenset({"if_statement", "case_statement", "negated_command"})


def analyse_command(
    text: str, *, cwd: str = ".", trusts_cd: bool = False
) -> CommandAnalysis | UnanalysableCommand:
    """What the command line runs when started in `cwd`; the texts asked about last are known.

    `trusts_cd` takes every `cd` for one that succeeds: the caller has looked that its folder exists.
    """
    known = len(text) <= MAX_COMMAND_CHARACTERS
    return (_analyse if known else _read)(text, cwd, trusts_cd)


# Contract, parents, policies and risk ask about the same text within one call.
@lru_cache(MAX_KNOWN)
def _analyse(text: str, cwd: str, trusts_cd: bool) -> CommandAnalysis | UnanalysableCommand:
    return _read(text, cwd, trusts_cd)


def _read(text: str, cwd: str, trusts_cd: bool) -> CommandAnalysis | UnanalysableCommand:
    walk = _Walk(trusts_cd=trusts_cd)
    try:
        walk.script(text, frozenset({cwd}), depth=0)
        if walk.has_functions and walk.has_moves:
            # A function runs where it is called, which is not followed: its place is unknown.
            walk = _Walk(function_folders=frozenset({None}), trusts_cd=trusts_cd)
            walk.script(text, frozenset({cwd}), depth=0)
    except InvalidArgumentError as error:
        return UnanalysableCommand(error.message)
    return CommandAnalysis(tuple(walk.commands), tuple(walk.file_uses))


@dataclass(slots=True)
class _After:
    """Where the shell may be after a statement that succeeded, and after one that failed."""

    success: Folders
    failure: Folders
    is_sure: bool = False
    """Whether it succeeds, so that what follows starts where success leads."""

    @property
    def either(self) -> Folders:
        return self.success if self.is_sure else self.success | self.failure


_UNKNOWN = _After(frozenset({None}), frozenset({None}))


@dataclass(slots=True)
class _Walk:
    commands: list[SimpleCommand] = field(default_factory=list)
    file_uses: list[FileUse] = field(default_factory=list)
    function_folders: Folders | None = None
    trusts_cd: bool = False
    has_functions: bool = False
    has_moves: bool = False
    n_commands: int = 0
    scripts: int = 0
    nesting: int = 0
    written: WrittenFiles = field(default_factory=WrittenFiles)
    names: tuple[Word, ...] | None = None
    """Where the files lie whose names the part of a pipeline before this one prints."""

    def script(self, text: str, folders: Folders, depth: int) -> _After:
        if depth > MAX_NESTED_SCRIPTS:
            raise InvalidArgumentError(f"more than {MAX_NESTED_SCRIPTS} scripts inside each other")
        root = parse_script(text)
        self.scripts = depth
        return self.sequence(root, folders)

    def node(self, node: Node, folders: Folders) -> _After:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise InvalidArgumentError(f"it is nested more than {MAX_NESTING} deep")
        try:
            return self._dispatch(node, folders)
        finally:
            self.nesting -= 1

    def _dispatch(self, node: Node, folders: Folders) -> _After:
        kind = node.type
        if kind in READING_TWICE:
            refuse_commands_in_words(node)
        if kind == "command":
            return self.command(node, folders, ())
        if kind == "list":
            return self.and_or(node, folders)
        if kind == "redirected_statement":
            return self.redirected(node, folders)
        if kind == "function_definition":
            return self.function(node, folders)
        if kind in _REPEATED:
            return self.repeated(node, folders)
        if kind in {"variable_assignment", "declaration_command", "unset_command"}:
            return self.assignment(node, folders)
        if kind == "expansion":
            self.expansion(node)
        if kind in {"file_redirect", "heredoc_redirect", "herestring_redirect"}:
            return self.redirect(node, folders, [])
        if kind in {"program", "compound_statement", "do_group", *_OPTIONAL, *_CLAUSES}:
            after = self.sequence(node, folders)
            merged = after.either | (folders if kind in _OPTIONAL | _CLAUSES else frozenset())
            return _After(merged, merged)
        if kind in _SUBSHELLS:
            self.sequence(node, folders)
            return _After(folders, folders)
        if kind == "pipeline":
            return self.pipeline(node, folders)
        # Pipelines and all data: each part starts in the same place and moves only itself.
        for child in node.named_children:
            self.node(child, folders)
        return _After(folders, folders)

    def pipeline(self, node: Node, folders: Folders) -> _After:
        """Each part starts in the same place; what names files may feed xargs."""
        before, self.names = self.names, None
        for child in node.named_children:
            mark = len(self.commands)
            self.node(child, folders)
            first = self.commands[mark] if len(self.commands) > mark else None
            self.names = None if first is None else names_printed(first.argv, self.names)
        self.names = before
        return _After(folders, folders)

    def sequence(self, node: Node, folders: Folders) -> _After:
        """The children one after the other, as for `a; b`."""
        after = _After(folders, folders)
        for child in node.named_children:
            start = after.either
            after = self.node(child, start)
            if child.next_sibling is not None and child.next_sibling.type == "&":
                after = _After(start, start)
            if node.type in _OPTIONAL | _CLAUSES:
                after = _After(after.either | start, after.either | start)
        return after

    def and_or(self, node: Node, folders: Folders, redirects: Sequence[Node] = ()) -> _After:
        left, right = node.named_children[0], node.named_children[-1]
        operator = next((child.type for child in node.children if not child.is_named), "&&")
        first = self.node(left, folders)
        start = first.success if operator == "&&" else first.failure
        second = self.with_redirects(right, redirects, start)
        if operator == "&&":
            failed = second.failure if first.is_sure else first.failure | second.failure
            return _After(second.success, failed, first.is_sure and second.is_sure)
        return _After(first.success | second.success, second.failure)

    def repeated(self, node: Node, folders: Folders) -> _After:
        mark = (len(self.commands), len(self.file_uses))
        after = self.sequence(node, folders).either
        if after != folders:
            # A second round starts elsewhere: nothing in the body has a known place.
            del self.commands[mark[0] :], self.file_uses[mark[1] :]
            after = self.sequence(node, folders | {None}).either
        return _After(after | folders, after | folders)

    def function(self, node: Node, folders: Folders) -> _After:
        name = node.child_by_field_name("name")
        if name is None or word_of(name).text in SHADOW_PROOF:
            raise InvalidArgumentError("it redefines a command that the analysis relies on")
        self.has_functions = True
        self.sequence(node, self.function_folders or folders)
        return _After(folders, folders) if self.function_folders is None else _UNKNOWN

    def assignment(self, node: Node, folders: Folders) -> _After:
        for child in [node, *node.named_children]:
            if child.type == "variable_assignment":
                self._check_assignment(child, folders)
        for child in node.named_children:
            self.node(child, folders)
        return _After(folders, folders)

    def _check_assignment(self, node: Node, folders: Folders) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        text = (name.text or b"").decode("utf-8", "replace").split("[")[0] if name else ""
        if is_dangerous_variable(text):
            raise InvalidArgumentError(f"it sets {text}, which changes what commands mean")
        command = command_set(text, word_of(value)) if value is not None else None
        if command is not None:
            depth = self.scripts
            self.script(command, folders, depth + 1)
            self.scripts = depth

    def expansion(self, node: Node) -> None:
        if any(child.type == "@" for child in node.children) and b"@P" in (node.text or b""):
            raise InvalidArgumentError("${...@P} runs what a variable holds")

    def redirected(self, node: Node, folders: Folders) -> _After:
        body = node.child_by_field_name("body")
        redirects = [child for child in node.named_children if child != body]
        return self.with_redirects(body, redirects, folders)

    def with_redirects(
        self, body: Node | None, redirects: Sequence[Node], folders: Folders
    ) -> _After:
        """A statement and its redirections, which bash gives to the last command of a list."""
        if body is not None and body.type == "list" and redirects:
            return self.and_or(body, folders, redirects)
        if body is not None and body.type == "pipeline" and redirects:
            for child in body.named_children[:-1]:
                self.node(child, folders)
            self.names = None
            self.with_redirects(body.named_children[-1], redirects, folders)
            return _After(folders, folders)
        extra: list[Word] = []
        if body is not None and body.type == "command":
            # What follows a here-document on its first line stands inside it for the parser.
            self.written.note_redirects(_words_of(body), redirects, known_input(redirects))
        for redirect in redirects:
            self.redirect(redirect, folders, extra)
        if body is not None and body.type == "command":
            return self.command(body, folders, tuple(extra), redirects)
        if extra:
            raise InvalidArgumentError("words after a redirection")
        return self.node(body, folders) if body is not None else _After(folders, folders)

    def redirect(self, node: Node, folders: Folders, extra: list[Word]) -> _After:
        """The files of one redirection; words that only look like its targets go to `extra`."""
        if node.type != "file_redirect":
            if node.type in READING_TWICE:
                refuse_commands_in_words(node)
            refuse_backticks_in_document(node)
            for child in node.named_children:
                if child.type == "file_redirect":
                    self.redirect(child, folders, extra)
                    continue
                if node.type == "heredoc_redirect" and node.child_by_field_name("argument"):
                    raise InvalidArgumentError("arguments after a here-document")
                self.node(child, folders)
            return _After(folders, folders)
        targets = node.children_by_field_name("destination")
        operator = next((c.type for c in node.children if not c.is_named), ">")
        for target in targets:
            self.node(target, folders)
        for target in targets[1:]:
            extra.append(word_of(target))
        if targets and not _is_descriptor(operator, targets[0]):
            if targets[0].type == "process_substitution":
                return _After(folders, folders)
            word = word_of(targets[0])
            path = word.text if word.is_literal else None
            self.file_uses.append(FileUse(path, folders, is_write=not operator.startswith("<")))
        return _After(folders, folders)

    def command(
        self, node: Node, folders: Folders, extra: tuple[Word, ...], redirects: Sequence[Node] = ()
    ) -> _After:
        argv: list[Word] = []
        late: list[Word] = []
        is_reading = (node.child_by_field_name("name") or node).text == b"read"
        for child in node.named_children:
            if child.type == "variable_assignment":
                # `IFS= read` splits that one line, and nothing after it.
                if not (is_reading and (child.text or b"").startswith(b"IFS=")):
                    self.assignment(child, folders)
            elif child.type.endswith("_redirect"):
                self.redirect(child, folders, late)
            else:
                named = child.named_children[0] if child.type == "command_name" else child
                self.node(named, folders)
                argv += words_of(named)
        words = (*argv, *late, *extra)
        own = [child for child in node.named_children if child.type.endswith("_redirect")]
        self.written.note_redirects(words, own, known_input(own))
        return self.run(words, folders, known_input([*redirects, *own]))

    def run(self, argv: tuple[Word, ...], folders: Folders, fed: str | None = None) -> _After:
        """One simple command whose words are known as far as they can be."""
        if not argv:
            return _After(folders, folders)
        self.n_commands += 1
        if self.n_commands > MAX_SIMPLE_COMMANDS:
            raise InvalidArgumentError(f"it runs more than {MAX_SIMPLE_COMMANDS} commands")
        unwrapped = unwrap(argv, fed)
        refuse_hidden_commands(unwrapped.argv, is_function=self.has_functions)
        self.commands.append(
            SimpleCommand(
                unwrapped.argv, argv, unwrapped.is_transparent, folders, unwrapped.uses_network
            )
        )
        self.commands += [
            SimpleCommand(each, each, is_wrapper=True, folders=folders)
            for each in possible_commands(unwrapped.possible)
        ]
        self.file_uses += [
            FileUse(word.text if word.is_literal else None, folders, True, is_folder)
            for words, is_folder in ((unwrapped.writes, False), (unwrapped.enters, True))
            for word in words
        ]
        for script in self.written.scripts_of(unwrapped.argv):
            unwrapped = replace(unwrapped, scripts=(*unwrapped.scripts, script))
        self.written.note_command(unwrapped.argv)
        self.file_uses += [
            FileUse(word.text if word.is_literal else None, folders, is_write=False, is_folder=True)
            for word in unwrapped.folders
        ]
        if unwrapped.moves_to is not None:
            return self.move(unwrapped.moves_to, folders)
        return self._run_inner(unwrapped, folders)

    def _run_inner(self, unwrapped: Unwrapped, folders: Folders) -> _After:
        after = _After(folders, folders)
        inner_commands = unwrapped.inner
        if unwrapped.argv[0].text == "xargs" and self.names is not None:
            inner_commands = tuple(with_names(each, self.names) for each in inner_commands)
        for inner in inner_commands:
            self.nesting += 1
            if self.nesting > MAX_NESTING:
                raise InvalidArgumentError(f"it is nested more than {MAX_NESTING} deep")
            moved = self.run(inner, folders)
            self.nesting -= 1
            if unwrapped.is_same_shell:
                after = moved
        for script in unwrapped.scripts:
            depth = self.scripts
            moved = self.script(script, folders, depth + 1)
            self.scripts = depth
            if unwrapped.is_same_shell:
                after = _After(moved.either | folders, moved.either | folders)
        return after

    def move(self, target: Word, folders: Folders) -> _After:
        self.has_moves = True
        if not target.is_fixed or target.text == "-":
            return _After(frozenset({None}), folders)
        self.file_uses.append(FileUse(target.text, folders, is_write=False, is_folder=True))
        # `cd` goes to the folder above by name, even where the current one is a link.
        moved: Folders = frozenset(
            posixpath.normpath(posixpath.join(folder, target.text))
            if folder is not None
            else (target.text if target.text.startswith("/") else None)
            for folder in folders
        )
        return _After(moved, folders, self.trusts_cd)


_CLAUSES = frozenset({"elif_clause", "else_clause", "case_item"})


def _words_of(command: Node) -> tuple[Word, ...]:
    """The words of a simple command whose redirections stand outside it."""
    named = [child for child in command.named_children if child.type != "variable_assignment"]
    return tuple(
        word_of(child.named_children[0] if child.type == "command_name" else child)
        for child in named
        if not child.type.endswith("_redirect")
    )


def _is_descriptor(operator: str, target: Node) -> bool:
    text = (target.text or b"").decode("utf-8", "replace")
    return operator in {">&", "<&"} and (text.rstrip("-").isdigit() or text == "-")
