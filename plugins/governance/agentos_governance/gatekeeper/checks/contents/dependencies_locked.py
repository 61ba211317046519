"""`dependencies_locked`: what a build brings in is what was locked, and nobody looks away while it does.

Above: the registry. Below: unpinned_sources, lock_files, added lines. A version whose digest changes is other code by the
same name; a download that a build makes by itself is in no lock file.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.checks.contents.unpinned_sources import unpinned_sources
from agentos_governance.gatekeeper.files.added_lines import added_lines
from agentos_governance.gatekeeper.files.lock_files import LOCK, Pinned, pinned_packages
from agentos_governance.gatekeeper.files.naming import is_document, is_test_path
from agentos_governance.gatekeeper.work import Work

CHECK = "dependencies_locked"
MAX_NAMED = 5

_BUILDS = re.compile(
    r"(^|/)(\.github/|\.gitlab-ci|\.circleci/|Jenkinsfile|azure-pipelines|Makefile|GNUmakefile|justfile|Dockerfile[\w.-]*"
    r"|Containerfile|package\.json|pyproject\.toml|\.npmrc|pip\.conf|\.yarnrc[\w.]*|noxfile\.py|tox\.ini|build\.gradle[\w.]*"
    r"|requirements[\w.-]*\.txt|\.cargo/config[\w.]*|[\w.-]+\.(sh|bash|mk|ps1))"
)
_UNCHECKED = re.compile(
    r"--trusted-host|strict-ssl[ =]+false|NODE_TLS_REJECT_UNAUTHORIZED\W{0,4}0|\bGO(?:NOSUMDB|NOSUMCHECK|INSECURE)\s*[:=]"
    r"|\bGOSUMDB\s*[:=]\s*[\"']?off|\bGOFLAGS\s*[:=].*-insecure|http\.sslVerify[ =]+false|GIT_SSL_NO_VERIFY|PYTHONHTTPSVERIFY\W{0,4}0"
    r"|\bcurl\b.*\s(?:-\w*k\w*|--insecure)\s|--no-check-certificate|--no-verify-ssl|\bverify_ssl\s*=\s*false|--allow-unauthenticated"
    r"|--index-url[ =]+http://|--extra-index-url[ =]+http://|--ignore-scripts=false|--no-require-hashes|--legacy-bundling"
)
_PIPED = re.compile(
    r"\b(?:curl|wget)\b[^|;&#]{0,300}\|\s*(?:sudo\s+)?(?:ba|z|da|k)?(?:sh|python[\d.]*|node|perl|ruby)\b"
    r"|(?:bash|sh|source|eval)\s+(?:-c\s+)?[\"']?(?:<\(|\$\()\s*(?:curl|wget)\b|\biex\b.{0,40}\b(?:iwr|DownloadString)"
)
_INSTALLERS = re.compile(
    r"https://(?:sh\.rustup\.rs|install\.python-poetry\.org|astral\.sh/uv|deb\.nodesource\.com|get\.docker\.com|pixi\.sh"
    r"|get\.pnpm\.io|bun\.sh/install|deno\.land/install|raw\.githubusercontent\.com/(?:nvm-sh|Homebrew|golangci)/)"
)
_HOOK = re.compile(r"\"(preinstall|install|postinstall|prepare|prepublish)\"\s*:\s*\"(.*)\"")
_NETWORK = re.compile(
    r"https?:|\bcurl\b|\bwget\b|\bfetch\(|require\(\\?['\"](?:https?|net|dgram)|XMLHttpRequest|\bnc\s"
)
_BUILD_SCRIPT = re.compile(
    r"(^|/)(setup\.py|build\.rs|hatch_build\.py|build\.py|conanfile\.py|binding\.gyp|build\.js|install\.js)$"
)
_FETCHES = re.compile(
    r"\burlopen\(|\burlretrieve\(|\brequests\.(?:get|post)|\bhttpx\.|\bhttp\.client|\bsocket\.|\baiohttp\b|\breqwest\b|\bureq\b"
    r"|Command::new\(\s*\"(?:curl|wget|git|sh|bash)\"|[\"'](?:curl|wget)[\"' ]|https?\.(?:get|request)\(|\bfetch\("
)


async def dependencies_locked(work: Work) -> list[Finding]:
    """See the module."""
    return await asyncio.to_thread(lambda: list(_findings(work.files)))


def _findings(files: Sequence[ReviewedFile]) -> Iterator[Finding]:
    for file in files:
        yield from _in_file(file)
    yield from unpinned_sources(files)


def _in_file(file: ReviewedFile) -> Iterator[Finding]:
    if file.new is None or (is_document(file.path) and not LOCK.search(file.path)):
        return
    if LOCK.search(file.path) and file.old is not None:
        yield from _locked(file)
    if _BUILDS.search(file.path) and not is_test_path(file.path):
        yield from _builds(file)
    if _BUILD_SCRIPT.search(file.path):
        for number, line in added_lines(file):
            if _FETCHES.search(line) and not line.strip().startswith(("#", "//")):
                yield _found(
                    file, number, "a build script fetches something that no lock names", line
                )


def _locked(file: ReviewedFile) -> Iterator[Finding]:
    old, new = pinned_packages(file.old), pinned_packages(file.new)
    both = sorted(old.keys() & new.keys())
    changed = [key for key in both if old[key].digests and not old[key].digests & new[key].digests]
    if changed:
        lost = not any(new[key].digests for key in changed)
        what = "has no digest any more" if lost else "has another digest, and is the same version"
        yield _package(file, changed, new, what)
    moved = [
        key
        for key in both
        if old[key].hosts and new[key].hosts and not old[key].hosts & new[key].hosts
    ]
    # A mirror serves all packages; one that comes from elsewhere alone is another one.
    if moved and len(moved) < len([key for key in both if old[key].hosts]):
        yield _package(
            file, moved, new, f"comes from {', '.join(sorted(new[moved[0]].hosts))[:120]}"
        )


def _package(
    file: ReviewedFile,
    keys: Sequence[tuple[str, str]],
    new: dict[tuple[str, str], Pinned],
    what: str,
) -> Finding:
    shown = ", ".join(f"{name} {version}" for name, version in keys[:MAX_NAMED])
    line = new[keys[0]].line
    return Finding(
        CHECK, "blocking", f"{file.path}: {shown} {what}", "a locked dependency is another one",
        file.path, line, line,
    )  # fmt: skip


def _builds(file: ReviewedFile) -> Iterator[Finding]:
    for number, line in added_lines(file):
        if line.strip().startswith(("#", "//")):
            continue
        if _UNCHECKED.search(f"{line} "):
            yield _found(file, number, "what is downloaded is not verified", line)
        elif _PIPED.search(line):
            is_known = bool(_INSTALLERS.search(line))
            yield _found(file, number, "what is downloaded is run unseen", line, is_known=is_known)
        elif file.path.endswith("package.json"):
            hook = _HOOK.search(line)
            if hook is not None and _NETWORK.search(hook[2]):
                yield _found(
                    file, number, f"`{hook[1]}` fetches something that no lock names", line
                )


def _found(
    file: ReviewedFile, line: int, what: str, text: str, *, is_known: bool = False
) -> Finding:
    return Finding(
        CHECK,
        "warning" if is_known else "blocking",
        f"{file.path}: {what}: `{text.strip()[:160]}`",
        "a build brings in what was not locked",
        file.path,
        line,
        line,
    )
