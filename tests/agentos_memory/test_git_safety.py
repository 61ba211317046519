"""A repository's configuration, which a worker may write, runs nothing through a memory tool."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import CallRequest, Credentials, Git, Kernel
from tests.agentos_memory.repositories import call, git, write_files

pytestmark = pytest.mark.anyio

MISSING_COMMIT = "deadbeef" * 5


@pytest.fixture
def program(shop: Path, tmp_path: Path) -> Path:
    """What every setting of `shop` that names a program names; running it leaves `ran`."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    settings = {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "core.sshCommand": str(program),
        "core.fsmonitor": str(program),
        "core.pager": str(program),
        "core.askPass": str(program),
        "core.gitProxy": str(program),
        "log.showSignature": "true",
        "gpg.program": str(program),
        "core.alternateRefsCommand": str(program),
        "credential.helper": str(program),
        "diff.external": str(program),
        "filter.evil.clean": str(program),
        "filter.evil.smudge": str(program),
        "filter.evil.process": str(program),
        "diff.evil.textconv": str(program),
        "uploadpack.packObjectsHook": str(program),
        "protocol.allow": "always",
        "protocol.ext.allow": "always",
        "alias.ls-files": f"!{program}",
    }
    for name, value in settings.items():
        git(shop, "config", name, value)
    write_files(shop, {".gitattributes": "* filter=evil diff=evil\n"})
    return program


URLS = ["ssh://nowhere/x", "git://127.0.0.1:1/x", "ext::{program}", "{folder}"]


@pytest.mark.parametrize("url", URLS)
async def test_no_tool_runs_what_a_configuration_names(
    kernel: Kernel, shop: Path, program: Path, tmp_path: Path, url: str
) -> None:
    where = url.format(program=program, folder=tmp_path / "elsewhere")
    git(shop, "config", "remote.origin.url", where)
    git(shop, "config", "remote.origin.uploadpack", str(program))
    await call(kernel, "index_repository", path=str(shop))
    head = git(shop, "rev-parse", "HEAD")
    refs = [
        {"path": "shop/prices.py", "commit": commit, "start_line": 1}
        for commit in (MISSING_COMMIT, "deadbeef", head)
    ]
    await call(
        kernel, "create_observation", title="Prices", body="", kind="fix",
        refs=[*refs, {"path": "shop/prices.py"}],
    )  # fmt: skip
    await call(kernel, "search_observations", query="prices")
    await call(kernel, "search_code", query="parse_price")
    _remove_objects(shop)
    for tool, arguments in (
        ("search_code", {"query": "parse_price"}),
        ("index_repository", {"path": str(shop)}),
        ("create_observation", {"title": "t", "body": "", "kind": "fix", "refs": refs}),
    ):
        request = CallRequest(tool, arguments, Credentials(is_local=True), "test")
        await kernel.dispatch(request)
    assert not (tmp_path / "ran").exists()


async def test_no_signature_is_checked_by_a_program_of_the_repository(
    shop: Path, program: Path, tmp_path: Path
) -> None:
    head, _, message = git(shop, "cat-file", "commit", "HEAD").partition("\n\n")
    signature = "-----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----"
    (tmp_path / "commit").write_text(f"{head}\ngpgsig {signature}\n\n{message}\n")
    commit = git(shop, "hash-object", "-t", "commit", "-w", str(tmp_path / "commit"))
    git(shop, "update-ref", "HEAD", commit)
    logged = await Git(shop).run("log", "--format=%H")
    assert logged.text.split("\n")[0] == commit
    assert not (tmp_path / "ran").exists()


async def test_the_runner_fetches_no_missing_object(
    shop: Path, program: Path, tmp_path: Path
) -> None:
    git(shop, "config", "remote.origin.url", "ssh://nowhere/x")
    for command in (
        ("cat-file", "blob", f"{MISSING_COMMIT}:a"),
        ("cat-file", "-e", MISSING_COMMIT),
        ("rev-parse", "--verify", f"{MISSING_COMMIT}^{{commit}}"),
        ("fetch", "origin"),
        ("ls-remote", "origin"),
    ):
        assert (await Git(shop).run(*command)).status != 0
    assert not (tmp_path / "ran").exists()


def _remove_objects(root: Path) -> None:
    """As in a partial clone that has fetched nothing yet."""
    for folder in (root / ".git/objects").glob("??"):
        for file in folder.iterdir():
            file.unlink()
