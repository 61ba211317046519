"""Tools over the code index: build it, search it."""

from __future__ import annotations

from itertools import count
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from agentos import InvalidArgumentError, ToolCall, tool
from agentos_memory.code_hits import CodeHit
from agentos_memory.indexing import NAME_PATTERN
from agentos_memory.measured import ArmName, SearchMode
from agentos_memory.memory import Memory
from agentos_memory.ranked import CodeQuery
from agentos_memory.run_timing import RunTiming
from agentos_memory.search import IndexState

MAX_LISTED_SKIPS = 20
INDEX_TIMEOUT_S = 1_800.0
IS_TEST = "A test runner runs it as a test; fixtures and helpers are none."

RepositoryName = Annotated[
    str, Field(min_length=1, max_length=100, description="Indexed repository.")
]


class SkippedFileResult(BaseModel):
    """A file that a language claims but whose content cannot be indexed."""

    path: str
    reason: str
    detail: str


class StageResult(BaseModel):
    """One stage of a run; CPU seconds are of the server's process in that time."""

    stage: str
    wall_s: float
    cpu_s: float


class TimingResult(BaseModel):
    """How long the run took."""

    keyword_ready_s: float | None = Field(
        description="When search by keyword had the files; null where nothing was written."
    )
    graph_ready_s: float | None = Field(
        description="When the symbol graph was that of these files; null where it was already."
    )
    stages: list[StageResult]
    analysis_cpu_s: float = Field(description="CPU seconds of the process that analysed.")
    analysis_peak_bytes: int

    @classmethod
    def of(cls, timing: RunTiming) -> TimingResult:
        """The wire form."""
        return cls(
            keyword_ready_s=timing.files_ready_s,
            graph_ready_s=timing.graph_ready_s,
            stages=[
                StageResult(stage=s.stage, wall_s=s.wall_s, cpu_s=s.cpu_s) for s in timing.stages
            ],
            analysis_cpu_s=round(timing.child_cpu_s, 4),
            analysis_peak_bytes=timing.child_peak_bytes,
        )


class IndexResult(BaseModel):
    """The index after the run."""

    repo: str
    commit: str | None = Field(description="HEAD when the run started; null before a first commit.")
    generation: int = Field(description="Grows by one with every run that changes something.")
    files: int
    symbols: int
    edges: int
    chunks: int
    seconds: float
    timing: TimingResult
    changed: int = Field(description="Files read anew, because their content changed.")
    unchanged: int
    removed: int
    analysed: int = Field(
        description="Files parsed; the other changed ones were known from another branch, work "
        "tree or repository."
    )
    renamed: dict[str, str] = Field(
        description="New path by old path of files that went on under another name."
    )
    embedded: int = Field(description="Texts that had no vector yet.")
    skipped: dict[str, int] = Field(description="Files left out, counted by reason.")
    skipped_files: list[SkippedFileResult] = Field(
        description=f"The first {MAX_LISTED_SKIPS} files that are source code but not indexed."
    )


class EmbeddedResult(BaseModel):
    """How many of the chunks have a vector."""

    done: int
    total: int


class IndexStateResult(BaseModel):
    """Which index answered."""

    repo: str
    commit: str | None
    generation: int
    stale: bool = Field(
        description="The working tree has another commit checked out, a hit's file changed, or a "
        "newer generation is still being loaded."
    )
    arms: list[ArmName] = Field(
        default=[],
        description="What took part in the answer: keyword, vectors of names, vectors of bodies.",
    )
    embedded: dict[str, EmbeddedResult] = Field(
        default={}, description="How far the vectors are; they are made in the background."
    )

    @classmethod
    def of(cls, state: IndexState) -> IndexStateResult:
        """The wire form."""
        repository = state.repository
        return cls(
            repo=repository.name,
            commit=repository.commit,
            generation=repository.generation,
            stale=state.is_stale,
            arms=list(state.arms),
            embedded={
                arm: EmbeddedResult(done=done, total=total)
                for arm, (done, total) in (state.embedded or {}).items()
            },
        )


class CodeHitResult(BaseModel):
    """One symbol, or a part of one."""

    repo: str
    path: str
    start_line: int
    end_line: int
    symbol: str
    kind: str
    language: str
    score: float
    snippet: str
    stale: bool = Field(
        description="The file changed since it was indexed; the lines were found again in it, "
        "unless sha256 is null."
    )
    line: int | None = Field(
        description="The line that answers a path:line, a message or a regular expression."
    )
    sha256: str | None = Field(
        description="SHA-256 of the bytes of the lines with their ends, as they are now."
    )
    commit: str | None = Field(
        description="The commit in which these lines stand there; null while uncommitted."
    )
    is_test: bool = Field(default=False, description=IS_TEST)
    redacted: bool = Field(
        default=False,
        description="Something that looks like a secret was taken out of the snippet; sha256 is "
        "of the lines as they are.",
    )

    @classmethod
    def of(cls, hit: CodeHit) -> CodeHitResult:
        """The wire form."""
        chunk = hit.chunk
        return cls(
            repo=hit.repository.name,
            path=chunk.path,
            start_line=hit.start_line,
            end_line=hit.end_line,
            symbol=chunk.symbol,
            kind=chunk.kind,
            language=chunk.language,
            score=hit.score,
            snippet=hit.snippet,
            stale=hit.is_stale,
            line=hit.line,
            sha256=hit.sha256,
            commit=hit.commit,
            is_test=hit.is_test,
            redacted=hit.is_redacted,
        )


class SearchCodeResult(BaseModel):
    """Hits, best first."""

    hits: list[CodeHitResult]
    index: IndexStateResult = Field(description="The index of the best hit's repository.")
    indexes: list[IndexStateResult] = Field(description="Every index that was searched.")
    arms: list[ArmName] = Field(description="What took part in the answer, over all indexes.")
    missing: str | None = Field(
        description="Why vectors did not take part although the mode asks for them."
    )
    truncated: bool = Field(description="There are more hits than `limit`.")


@tool(
    writes=["code_index"],
    paths=["path"],
    # A killed run leaves the generation before it in place.
    idempotent=True,
    task="always",
    timeout_s=INDEX_TIMEOUT_S,
    profiles=["admin"],
)
async def index_repository(
    call: ToolCall,
    path: Annotated[
        str,
        Field(
            min_length=1,
            max_length=4_096,
            description="Absolute path of a git working tree's top folder on the server's "
            "machine; under a contract, inside the workspace.",
        ),
    ],
    name: Annotated[
        str | None,
        Field(
            pattern=NAME_PATTERN,
            description="Name to index it under; by default the folder's name.",
        ),
    ] = None,
) -> IndexResult:
    """Build or refresh the code index of a git repository; only changed files are read anew.

    Run it once before search_code and trace_symbol_dependencies, and again when their answers
    say `stale`. Tracked and untracked files count, ignored ones do not. Refuses a folder that is
    not a git working tree, and a name that another indexed repository has.
    """
    run = await call.service(Memory).indexer.run(call, path, name)
    return IndexResult(
        repo=run.repository.name,
        commit=run.repository.commit,
        generation=run.repository.generation,
        files=run.files,
        symbols=run.symbols,
        edges=run.edges,
        chunks=run.chunks,
        seconds=round(run.timing.elapsed_s, 3),
        timing=TimingResult.of(run.timing),
        changed=run.changed,
        unchanged=run.unchanged,
        removed=run.removed,
        analysed=run.analysed,
        renamed=dict(run.renamed),
        embedded=0,
        skipped=dict(run.skipped_by_reason),
        skipped_files=[
            SkippedFileResult(path=s.path, reason=s.reason, detail=s.detail)
            for s in run.skipped[:MAX_LISTED_SKIPS]
        ],
    )


@tool(reads=["code"], profiles=["worker", "reviewer", "planner"], records_once=True)
async def search_code(
    call: ToolCall,
    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=1_000,
            description="Words, an error message, a symbol or file, path:line, or /regex/.",
        ),
    ],
    mode: SearchMode = "hybrid",
    repo: RepositoryName | None = None,
    path: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=1_000,
            description="Prefix or glob.",
        ),
    ] = None,
    language: Annotated[
        str | None, Field(min_length=1, max_length=40, description="Such as python.")
    ] = None,
    kind: Annotated[
        Literal["function", "method", "class", "interface", "module"] | None,
        Field(description="module: outside of definitions."),
    ] = None,
    limit: Annotated[int, Field(ge=1, le=100)] = 10,
) -> SearchCodeResult:
    """Find code by what it does, its name, a message or a regular expression.

    Prefer it to grep and to reading files one by one; for who calls a symbol, use
    trace_symbol_dependencies. Answers symbols with file, lines and snippet, best first; `index`
    says whether it is stale.
    """
    if not query.strip():
        raise InvalidArgumentError("argument `query` is blank", remedy="say what to search for")
    forbidden = tuple(call.forbidden_reads)
    wanted = CodeQuery(query, mode, repo, path, language, kind, limit, forbidden)
    steps = count(1)

    async def tell(step: str) -> None:
        await call.progress(next(steps), None, step)

    found = await call.service(Memory).search.run(wanted, tell)
    states = [IndexStateResult.of(state) for state in found.states]
    first = found.hits[0].repository.name if found.hits else states[0].repo
    return SearchCodeResult(
        hits=[CodeHitResult.of(hit) for hit in found.hits],
        index=next(state for state in states if state.repo == first),
        indexes=states,
        arms=list(dict.fromkeys(arm for state in found.states for arm in state.arms)),
        missing=found.missing,
        truncated=found.is_cut,
    )
