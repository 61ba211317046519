"""The part of GitHub's checks API that a review channel meets, and the tokens of an app.

Rules after docs.github.com/en/rest/checks/runs: only apps make check runs; 50 annotations a request, each
of which adds to those there; output needs a title and a summary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agentos import Clock, format_time

APP = "Iv1.0123456789abcdef"
INSTALLATION = 77
LEVELS = ("notice", "warning", "failure")
CONCLUSIONS = ("success", "failure", "timed_out", "cancelled")


@dataclass
class App:
    """An app of GitHub and what it may use now."""

    clock: Clock
    key: RSAPrivateKey = field(default_factory=lambda: generate_private_key(65_537, 2_048))
    tokens: dict[str, Any] = field(default_factory=dict)
    """When each ends."""

    def key_text(self) -> str:
        """The private key as GitHub lets one download it."""
        return self.key.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        ).decode()

    def give_token(self, statement: str, wanted: Mapping[str, Any]) -> tuple[int, Any]:
        """A token of an hour for who proves to be the app."""
        now = self.clock.now()
        try:
            said = jwt.decode(
                statement, self.key.public_key(), ["RS256"], options={"verify_exp": False,
                                                                    "verify_iat": False}
            )  # fmt: skip
        except jwt.PyJWTError:
            return 401, {"message": "A JSON web token could not be decoded"}
        seconds = said["exp"] - now.timestamp()
        if said["iss"] != APP or not 0 < seconds <= 600 or said["iat"] > now.timestamp():
            return 401, {"message": "'Expiration time' claim ('exp') is too far in the future"}
        if wanted != {"repositories": ["shop"]}:
            return 422, {"message": "There is at least one repository that does not exist"}
        token, ends = f"ghs_{len(self.tokens):036}", now + timedelta(hours=1)
        self.tokens[token] = ends
        return 201, {"token": token, "expires_at": format_time(ends)}

    def takes(self, token: str) -> bool:
        """Whether a token is good now."""
        return token in self.tokens and self.clock.now() < self.tokens[token]


@dataclass
class CheckRunsDouble:
    """The check runs of a repository."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    annotations: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    largest: int = 0
    """The most annotations that came with one request."""

    def of(self, commit: str) -> list[dict[str, Any]]:
        """The runs of a commit, the oldest first."""
        return [run for run in self.runs if run["head_sha"] == commit]

    def list(self, commit: str, *, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        """GET: the newest first, as GitHub lists them."""
        found = [run for run in self.of(commit) if run["name"] == query["check_name"]]
        return 200, {"total_count": len(found), "check_runs": found[::-1]}

    def create(self, *, query: Any, body: Mapping[str, Any]) -> tuple[int, Any]:
        """POST."""
        id = 500 + len(self.runs)
        run: dict[str, Any] = {"id": id, "conclusion": None, "output": {"annotations_count": 0}}
        if (why_not := self._change(run, body)) is not None:
            return 422, {"message": why_not}
        self.runs.append(run)
        return 201, run

    def update(self, id: str, *, query: Any, body: Mapping[str, Any]) -> tuple[int, Any]:
        """PATCH."""
        run = next((each for each in self.runs if each["id"] == int(id)), None)
        if run is None:
            return 404, {"message": "Not Found"}
        why_not = self._change(run, body)
        return (200, run) if why_not is None else (422, {"message": why_not})

    def _change(self, run: dict[str, Any], body: Mapping[str, Any]) -> str | None:
        output = dict(body.get("output") or {"title": "-", "summary": "-"})
        annotations = output.pop("annotations", [])
        self.largest = max(self.largest, len(annotations))
        if len(annotations) > 50:
            return "No more than 50 items are allowed; annotations"
        if not output.get("title") or not output.get("summary"):
            return "output needs a title and a summary"
        if (body.get("status") == "completed") != ("conclusion" in body):
            return "a conclusion goes with the status completed"
        if body.get("conclusion") not in (None, *CONCLUSIONS):
            return "conclusion is not included in the list"
        for each in annotations:
            lines = each["start_line"], each["end_line"]
            if each["annotation_level"] not in LEVELS or not 1 <= lines[0] <= lines[1]:
                return "annotation is invalid"
            if not each["path"] or not each["message"] or len(each.get("title", "")) > 255:
                return "annotation is invalid"
        kept = self.annotations.setdefault(run["id"], [])
        kept.extend(annotations)
        run.update({name: value for name, value in body.items() if name != "output"})
        run["output"] = {**output, "annotations_count": len(kept)}
        return None
