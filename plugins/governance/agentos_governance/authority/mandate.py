"""The mandate of a call: its work order's contract and those of all ancestors, together.

Above: enforcement, check_action. Below: compiled contracts, `sql/mandate.sql`. A call happens only
if every contract of the mandate admits it, so whoever delegates cannot pass on more than they
have. The ancestors are read with every call: an amended or cancelled parent binds at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from agentos import CallRefusedError, Queries
from agentos_governance.contracts.actions import Action
from agentos_governance.contracts.compiled import ContractCache
from agentos_governance.contracts.judgement import CompiledContract, Judgement
from agentos_governance.orders import Reader
from agentos_governance.workspace.paths import PathResolver

MAX_ANCESTORS = 8
ENDED_STATES = frozenset({"completed", "failed", "cancelled"})

sql = Queries("agentos_governance", "sql/mandate.sql")
contracts = ContractCache()


@dataclass(frozen=True, slots=True)
class Grant:
    """What one work order of a mandate allows."""

    work_order: str
    state: str
    contract: CompiledContract
    first_claimed_at: datetime | None
    repo: str | None = None
    base_commit: str | None = None
    """Where the policy of the repository is read; None before the first claim."""

    def judge(
        self,
        action: Action,
        now: datetime,
        workspace: Path | None,
        *,
        has_repository: bool,
        resolver: PathResolver | None = None,
    ) -> Judgement:
        """The contract's judgement; once its wall-clock time is used up, no."""
        limit_s = self.contract.contract.wall_clock_s
        began = self.first_claimed_at
        if limit_s is not None and began is not None and now - began > timedelta(seconds=limit_s):
            return Judgement(
                "deny",
                "wall_clock_s",
                f"{self.work_order} has used its {limit_s} s of wall-clock time",
                "submit what is done, or stand down",
            )
        return self.contract.judge(
            action, workspace, has_repository=has_repository, resolver=resolver
        )


@dataclass(frozen=True, slots=True)
class Mandate:
    """The grants that bind a call: the work order's own, then its parent's, and so on."""

    grants: tuple[Grant, ...]

    @property
    def own(self) -> Grant:
        """The work order's own."""
        return self.grants[0]

    @property
    def ancestors(self) -> tuple[Grant, ...]:
        """Those of the parent, its parent, and so on; empty for a work order of its own."""
        return self.grants[1:]

    @property
    def versions(self) -> tuple[tuple[str, str], ...]:
        """Work order and contract version of every grant, the own first."""
        return tuple((grant.work_order, grant.contract.version) for grant in self.grants)

    @property
    def glob_bytes(self) -> int:
        """Size of all globs that a judgement may match."""
        return sum(grant.contract.glob_bytes for grant in self.grants)

    def judge(
        self,
        action: Action,
        now: datetime,
        workspace: Path | None = None,
        *,
        has_repository: bool = True,
        resolver: PathResolver | None = None,
    ) -> Judgement:
        """The own contract's judgement, unless an ancestor has ended or its contract refuses.

        `contract_version` and `work_order` of a refusal say whose contract decided.
        """
        # A child without a repository must not be judged by text where its parent is by files.
        has_repository = has_repository or any(grant.repo is not None for grant in self.ancestors)
        if resolver is None and workspace is not None:
            resolver = PathResolver(workspace)
        own = self.own.judge(
            action, now, workspace, has_repository=has_repository, resolver=resolver
        )
        if not own.is_allowed:
            return _said_by(self.own, own)
        for grant in self.ancestors:
            refusal = _ended(grant) or grant.judge(
                action, now, workspace, has_repository=has_repository, resolver=resolver
            )
            if not refusal.is_allowed:
                reason = f"{grant.work_order}, above {self.own.work_order}: {refusal.reason}"
                return _said_by(grant, replace(refusal, reason=reason))
        return own

    @property
    def may_forbid_reads(self) -> bool:
        """Whether some contract may keep a file from being read; most do not."""
        return any(grant.contract.may_forbid_reads for grant in self.grants)

    def forbids_read(self, relative: str) -> bool:
        """Whether some contract keeps a file from being read, by whatever tool."""
        return self.judge_read(relative) is not None

    def judge_read(self, relative: str) -> Judgement | None:
        """The first refusal to read a file, whatever the tool; None where nothing forbids it."""
        for grant in self.grants:
            refusal = grant.contract.judge_read(relative)
            if refusal is not None:
                return _said_by(grant, refusal)
        return None


async def read_ancestors(reader: Reader, work_order: str) -> tuple[Grant, ...]:
    """The grants of the parent, its parent, and so on, as the reader sees them now.

    Raises CallRefusedError where the line is longer than any that can be created.
    """
    rows = await reader.fetch(sql.list_ancestors, work_order, MAX_ANCESTORS + 1)
    if len(rows) > MAX_ANCESTORS:
        raise CallRefusedError(
            f"{work_order} has more than {MAX_ANCESTORS} ancestors", rule="mandate"
        )
    return tuple(
        Grant(
            row["id"],
            row["state"],
            contracts.get(row["contract_version"], row["contract"]),
            row["first_claimed_at"],
            row["repo"],
            row["base_commit"],
        )
        for row in rows
    )


async def check_mandate(reader: Reader, mandate: Mandate) -> None:
    """CallRefusedError where an ancestor's contract or state is not what the call was judged by."""
    if not mandate.ancestors:
        return
    now = await read_ancestors(reader, mandate.own.work_order)
    if [_standing(grant) for grant in now] != [_standing(grant) for grant in mandate.ancestors]:
        raise CallRefusedError(
            f"the contract above {mandate.own.work_order} changed while the call ran",
            rule="mandate",
            contract_version=mandate.own.contract.version,
            remedy="repeat the call; it is judged by the contract that binds now",
        )


def _standing(grant: Grant) -> tuple[str, str, bool]:
    return (grant.work_order, grant.contract.version, grant.state in ENDED_STATES)


def _said_by(grant: Grant, judgement: Judgement) -> Judgement:
    return replace(judgement, contract_version=grant.contract.version, work_order=grant.work_order)


def _ended(grant: Grant) -> Judgement | None:
    if grant.state not in ENDED_STATES:
        return None
    return Judgement(
        "deny",
        "mandate",
        f"it is {grant.state}, and what it delegated ended with it",
        "stand down, or submit what is done",
    )
