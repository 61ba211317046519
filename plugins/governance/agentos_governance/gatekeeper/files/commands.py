"""Commands of shells: which files hold them, and which of them test, check or build.

Above: checks of scripts and pipelines, records of tools. Below: nothing.
"""

from __future__ import annotations

import re

from agentos import ReviewedFile

CHECKING = re.compile(
    r"\b(pytest|py\.test|unittest|tox|nox|jest|vitest|mocha|ava|playwright|cypress|karma|phpunit|rspec"
    r"|go\s+(test|vet|build)|cargo\s+(test|clippy|check|build|nextest)|gotestsum|golangci-lint|mvnw?|gradlew?"
    r"|(npm|pnpm|yarn|bun)\s+(run\s+)?(test|lint|check|build|typecheck|ci)\S*|make\s+(test|check|lint|ci|all|build)\S*"
    r"|mypy|pyright|ruff|flake8|pylint|eslint|tsc|bandit|semgrep|coverage|black\s+--check|dotnet\s+test"
    r"|ctest|bats|prettier\s+--check|lint-imports|hadolint|shellcheck|test\.sh|check\.sh|alembic)\b"
)
_SHELL = re.compile(
    r"(\.(sh|bash|zsh|ksh|bat|ps1|mk|just)|(^|/)(Makefile|GNUmakefile|justfile|Jenkinsfile|Dockerfile[\w.-]*))$"
)


def is_shell(file: ReviewedFile) -> bool:
    """Whether a file holds commands of a shell, line by line."""
    return bool(_SHELL.search(file.path)) or (file.new or b"").startswith(b"#!")
