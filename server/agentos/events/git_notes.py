"""Signed heads in git notes: witnesses that travel with a repository to wherever it is pushed.

Above: `agentos audit anchor --git-notes` and `verify --git-notes`. Below: git. A note belongs to a
commit of the repository and holds one head a line, without the names of streams.
"""

from __future__ import annotations

from pathlib import Path

from agentos.errors import ConfigurationError, VerificationError
from agentos.events.head import SignedHead, read_head
from agentos.git import Git, check_object_id

REF = "refs/notes/agentos-audit"
AUTHOR = {
    "GIT_AUTHOR_NAME": "AgentOS",
    "GIT_AUTHOR_EMAIL": "agentos@localhost",
    "GIT_COMMITTER_NAME": "AgentOS",
    "GIT_COMMITTER_EMAIL": "agentos@localhost",
}
MAX_NOTE_BYTES = 16 * 1024 * 1024


async def publish_head(repository: Path, signed: SignedHead) -> str:
    """Add a head to the notes of the repository's current commit; the commit's id.

    Pushing `refs/notes/agentos-audit` is up to whoever pushes the rest.
    """
    git = _git(repository)
    head = await git.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if head.status != 0:
        raise ConfigurationError(f"{repository} is not a git repository with a commit")
    commit = check_object_id(head.text)
    before = await git.run("notes", f"--ref={REF}", "show", commit)
    text = before.output if before.status == 0 else b""
    note = text + signed.published().line()
    await git.check("notes", f"--ref={REF}", "add", "--force", "--file=-", commit, input_bytes=note)
    return commit


async def read_notes(repository: Path) -> list[SignedHead]:
    """Every head in the repository's notes; VerificationError for a note that was changed.

    ConfigurationError where there are no notes: fetch `refs/notes/agentos-audit` first.
    """
    git = _git(repository)
    listed = await git.run("notes", f"--ref={REF}", "list")
    if listed.status != 0 or not listed.text:
        raise ConfigurationError(f"{repository} has no {REF}; `git fetch` it from where it went")
    heads: list[SignedHead] = []
    for line in listed.text.splitlines():
        blob, _, commit = line.partition(" ")
        size = await git.check("cat-file", "-s", check_object_id(blob))
        if int(size.text) > MAX_NOTE_BYTES:
            raise VerificationError(f"the note on {commit[:12]} is larger than any of ours")
        note = await git.check("cat-file", "blob", blob)
        heads += _heads_of(note.output, commit)
    return sorted(heads, key=lambda signed: (signed.head.chain, signed.head.number))


def _heads_of(note: bytes, commit: str) -> list[SignedHead]:
    try:
        return [read_head(line) for line in note.splitlines() if line.strip()]
    except VerificationError as error:
        raise VerificationError(f"the note on {commit[:12]}: {error.message}") from None


def _git(repository: Path) -> Git:
    if not repository.is_dir():
        raise ConfigurationError(f"{repository} is not a folder")
    return Git(repository, environment=AUTHOR)
