"""Real git repositories for tests, and calls of tools on them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentos import CallRequest, Credentials, Kernel

LIBRARY = {
    "shop/__init__.py": "",
    "shop/prices.py": '''"""Prices of articles."""


def parse_price(text: str) -> int:
    """Cents from a text such as 12.50."""
    whole, _, cents = text.partition(".")
    return int(whole) * 100 + int(cents or 0)


def format_price(cents: int) -> str:
    """A text such as 12.50 from cents."""
    return f"{cents // 100}.{cents % 100:02d}"
''',
    "shop/basket.py": '''"""What a customer wants to buy."""

from shop.prices import format_price, parse_price


class Basket:
    """Articles with their prices."""

    def __init__(self) -> None:
        self.cents = 0

    def add(self, price: str) -> None:
        """Put an article into the basket."""
        self.cents += parse_price(price)

    def total(self) -> str:
        """The sum a customer pays."""
        return format_price(self.cents)
''',
    "shop/checkout.py": '''"""Paying."""

from shop.basket import Basket


def pay(prices: list[str]) -> str:
    """Ask the bank for the money."""
    basket = Basket()
    for price in prices:
        basket.add(price)
    return basket.total()
''',
}


def git(folder: Path, *arguments: str) -> str:
    """Run git in `folder`, unaffected by the developer's own configuration."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.invalid",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.invalid",
    }
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write `files` below `folder`."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def commit_all(folder: Path, message: str = "change") -> str:
    """Commit everything below `folder`; the new commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def make_repository(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """A repository with one commit of `files`."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    write_files(folder, files)
    commit_all(folder)
    return folder


async def call(
    kernel: Kernel, tool: str, *, under: str | None = None, **arguments: Any
) -> dict[str, Any]:
    """The structured result of a call that must succeed, made under a work order if one is given."""
    request = CallRequest(tool, arguments, Credentials(is_local=True), "test", work_order=under)
    result = await kernel.dispatch(request)
    assert not result.is_error, result.text
    return dict(result.structured)


async def refusal(kernel: Kernel, tool: str, **arguments: Any) -> dict[str, Any]:
    """The error of a call that must fail."""
    request = CallRequest(tool, arguments, Credentials(is_local=True), "test")
    result = await kernel.dispatch(request)
    assert result.is_error, result.text
    error: dict[str, Any] = result.structured["error"]
    return error
