"""The repository's policies, as its base commit has them: whatever a worker edits changes nothing.

Above: the service of policies in force. Below: git objects that are hashed again when read.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from pathlib import Path

from agentos import CallRefusedError, Git, InvalidArgumentError, ToolError
from agentos_governance.policies.layers import Layer
from agentos_governance.policies.texts import (
    MAX_FILES,
    MAX_LAYER_BYTES,
    SUFFIX,
    PolicyCompiler,
    PolicyText,
)
from agentos_governance.workspace.verified_objects import list_folder_at, read_file_at

NAME = "repository"
PATH = ".agentos/policy"
MAX_REMEMBERED = 500


class RepositoryPolicies:
    """Layers by repository and base commit; a commit never changes, so neither does its layer."""

    def __init__(self, compiler: PolicyCompiler) -> None:
        self._compiler = compiler
        self._found: OrderedDict[tuple[str, str], Layer | str | None] = OrderedDict()
        self._reading = asyncio.Lock()

    async def layer(self, repo: str, base_commit: str) -> Layer | None:
        """The layer of a work order's base commit; None where the repository has no policy.

        Raises CallRefusedError where it has one that cannot be used, or cannot be read.
        """
        key = (repo, base_commit)
        if key not in self._found:
            async with self._reading:
                if key not in self._found:
                    self._remember(key, await self._read(repo, base_commit))
        found = self._found[key]
        if isinstance(found, str):
            raise _unusable(repo, base_commit, found)
        return found

    def _remember(self, key: tuple[str, str], found: Layer | str | None) -> None:
        self._found[key] = found
        if len(self._found) > MAX_REMEMBERED:
            self._found.popitem(last=False)

    async def _read(self, repo: str, base_commit: str) -> Layer | str | None:
        try:
            texts = await read_texts_at(Git(Path(repo)), base_commit)
        except (InvalidArgumentError, UnicodeDecodeError) as error:
            return str(error)
        except (ToolError, OSError) as error:
            # Git may work again at the next call, which a remembered problem would not see.
            raise _unusable(repo, base_commit, str(error)) from error
        try:
            policies = await asyncio.to_thread(self._compiler.compile_all, texts)
        except InvalidArgumentError as error:
            return str(error)
        return Layer(NAME, f"{NAME}:{repo}", policies) if policies else None


async def read_texts_at(git: Git, commit: str) -> list[PolicyText]:
    """`.agentos/policy` in a commit: a file, or the `*.policy` in a folder, sorted.

    Raises InvalidArgumentError for links and for more than a layer may hold, InvalidStateError for
    forged objects.
    """
    listed = await list_folder_at(git, commit, PATH)
    if listed is None:
        return []
    names = [name for name in sorted(listed) if not name or name.endswith(SUFFIX)]
    irregular = [name for name in names if not listed[name]]
    if irregular or len(names) > MAX_FILES:
        what = "a link or folder" if irregular else f"more than {MAX_FILES} files"
        raise InvalidArgumentError(f"{PATH} holds {what}; it holds regular *{SUFFIX} files")
    texts = []
    for name in names:
        path = f"{PATH}/{name}" if name else PATH
        content = await read_file_at(git, commit, path, MAX_LAYER_BYTES)
        if content is None:
            raise InvalidArgumentError(f"{path} has more than {MAX_LAYER_BYTES} bytes")
        texts.append(PolicyText(name or PATH, content.decode("utf-8")))
    return texts


def _unusable(repo: str, base_commit: str, problem: str) -> CallRefusedError:
    return CallRefusedError(
        f"the policy of {Path(repo).name} at {base_commit[:12]} cannot be used, so nothing is "
        f"allowed under it: {problem}",
        rule=NAME,
        remedy=f"repair {PATH} in the repository, commit it, and make a new work order",
    )
