"""Tests as checks compare them, whatever their language: cases, and what each asserts.

Above: the readers of languages make them, comparison judges them. Below: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

EXACT = 5
"""The strength of an assertion that one value alone passes."""
VAGUE = 1
"""The strength of an assertion that nearly everything passes, such as `assert result`."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """One statement that a test makes.

    `strength` is 0 for what cannot fail; `flaw` says why. `roots` are the names that it is about,
    `subject` is the expression, `constants` the literals in it. `tolerance` is how far off a number
    may be, None where that is not said.
    """

    text: str
    line: int
    strength: int
    roots: frozenset[str]
    subject: str
    constants: frozenset[str]
    tolerance: float | None = None
    flaw: str | None = None
    condition: str | None = None
    """Where it stands in a branch: of what."""
    alias: str = ""
    """The subject with names replaced by what they were assigned from."""
    is_helper: bool = False
    """It calls a function that asserts; the constants are what that function is given."""
    is_awaited: bool | None = None
    """Of a call: whether somebody waits for it; None where that makes no difference, as far as is known."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a test does not run; `is_conditional` on something that differs between machines."""

    text: str
    line: int
    is_conditional: bool
    is_expected_failure: bool = False


@dataclass(frozen=True, slots=True)
class Replaced:
    """Something that a test puts a double in place of: the full dotted name."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Case:
    """One test, or a function beside tests: its name in the file, and what is in it."""

    path: str
    name: str
    line: int
    end_line: int
    is_test: bool
    assertions: tuple[Assertion, ...]
    parameters: tuple[str, ...] = ()
    skips: tuple[Skip, ...] = ()
    replaced: tuple[Replaced, ...] = ()
    calls: frozenset[str] = frozenset()
    """Full dotted names of what it calls, as far as imports tell."""
    words: frozenset[str] = frozenset()
    """Every identifier in it."""
    constants: frozenset[str] = frozenset()
    is_automatic: bool = False
    """Of a fixture: every test uses it, without naming it."""
    body: str = ""
    """Its text without its name, in one form."""
    doubts: tuple[tuple[int, str], ...] = ()
    """Line and what is odd there, of what decides for other tests."""

    @property
    def short_name(self) -> str:
        """The name without its class."""
        return self.name.rpartition(".")[2]

    @property
    def effective(self) -> tuple[Assertion, ...]:
        """The assertions that can fail."""
        return tuple(each for each in self.assertions if each.strength > 0)


@dataclass(frozen=True, slots=True)
class TestFile:
    """What a file of tests holds; `is_readable` is False where it cannot be parsed."""

    path: str
    cases: tuple[Case, ...] = ()
    fixtures: tuple[Case, ...] = ()
    skips: tuple[Skip, ...] = ()
    """Of the whole module."""
    shadowed: Mapping[str, int] = field(default_factory=dict)
    """Tests that a later definition of the same name replaces: the line that is lost."""
    is_readable: bool = True
    imports: Mapping[str, str] = field(default_factory=dict)
    """What each imported name stands for: `shop.price.total`, `../src/cart.js total`."""
    defined: Mapping[str, int] = field(default_factory=dict)
    """The line of each name that the file itself defines for its tests."""
    data: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Literals of each constant of the module."""
