"""What changed between two policies, statement by statement.

Above: `agentos policy diff`. Below: printer. Statements are the same by their written id, or,
without one, by their text; layout and comments are no change.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from agentos_governance.rules.printer import statement_text
from agentos_governance.rules.tree import Policy, Statement, rule_id

ChangeKind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One statement that is not as it was; texts are canonical, lines those of each source."""

    kind: ChangeKind
    rule_id: str
    before: str | None
    after: str | None
    before_line: int | None
    after_line: int | None


@dataclass(frozen=True, slots=True)
class _Numbered:
    statement: Statement
    id: str
    text: str


def diff_policies(before: Policy, after: Policy) -> tuple[RuleChange, ...]:
    """The statements removed, changed and added; empty where both policies say the same.

    The order of statements has no meaning, so another order is no change.
    """
    old, new = _numbered(before), _numbered(after)
    named_old = {each.statement.id: each for each in old if each.statement.id is not None}
    named_new = {each.statement.id: each for each in new if each.statement.id is not None}
    changes: list[RuleChange] = []
    for id_, each in named_old.items():
        successor = named_new.get(id_)
        if successor is None:
            changes.append(_change("removed", each, None))
        elif successor.text != each.text:
            changes.append(_change("changed", each, successor))
    changes += [_change("removed", each, None) for each in _unmatched(old, new)]
    changes += [
        _change("added", None, each) for id_, each in named_new.items() if id_ not in named_old
    ]
    changes += [_change("added", None, each) for each in _unmatched(new, old)]
    return tuple(changes)


def _numbered(policy: Policy) -> list[_Numbered]:
    return [
        _Numbered(each, rule_id(each, ordinal), statement_text(each))
        for ordinal, each in enumerate(policy.statements, start=1)
    ]


def _unmatched(these: list[_Numbered], those: list[_Numbered]) -> list[_Numbered]:
    """The statements without id of which the others have fewer."""
    spare = Counter(each.text for each in those if each.statement.id is None)
    found: list[_Numbered] = []
    for each in these:
        if each.statement.id is not None:
            continue
        if spare[each.text] > 0:
            spare[each.text] -= 1
        else:
            found.append(each)
    return found


def _change(kind: ChangeKind, old: _Numbered | None, new: _Numbered | None) -> RuleChange:
    named = new or old
    return RuleChange(
        kind,
        named.id if named is not None else "",
        old.text if old is not None else None,
        new.text if new is not None else None,
        old.statement.span.line if old is not None else None,
        new.statement.span.line if new is not None else None,
    )
