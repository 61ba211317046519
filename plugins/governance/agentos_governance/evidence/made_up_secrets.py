"""Values that look like secrets and are none: what documentation publishes, what nobody drew at random.

Above: taking, which refuses secrets as evidence; `no_secrets`, which stops them in submitted work: one
judgement for both. Below: nothing. AWS ends its own keys with EXAMPLE (IAM User Guide, "Manage access
keys"); jwt.io shows the token of John Doe; Azurite has one key for everybody. A key that a service draws is of even randomness all over: one
word in it makes it no placeholder, and what is left without all words must be no randomness either.
"""

from __future__ import annotations

import math
import re
from collections import Counter

LEAST_ENTROPY = 2.0
"""Bits for each character; what a service draws has 2.5 and more even where it is of few digits."""
MOST_LEFT = 0.25
"""So large a part may be left of a placeholder without its words."""

MOST_LEFT_TOGETHER = 8
MOST_CHARS = 2_000

_PUBLISHED = re.compile(
    r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{9}EXAMPLE(?![A-Z0-9])"
    r"|(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{30}EXAMPLEKEY(?![A-Za-z0-9/+=])"
    r"|(?:AccountKey=)?Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    r"|eyJ[\w-]{8,100}\.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lI[\w-]{0,80}\.[\w-]{8,100}"
)
_PREFIX = (
    r"aos_|gh[opsur]_|github_pat_|glpat-|npm_|pypi-|sk-|xox[abeoprs]-|hf_|whsec_|AKIA|ASIA|AIza"
    r"|SG\.|dop_v1_|shpat_|[rs]k_live_"
)
_BEGINNING = re.compile(rf"^(?:{_PREFIX})")
_TOKEN = re.compile(rf"(?<![A-Za-z0-9])(?:{_PREFIX})(?P<drawn>[A-Za-z0-9_+/=-]{{10,}}+)")
_WORDS = re.compile(
    r"(?i)examples?|dummy|fakes?|place-?holder|change-?me|redacted|samples?|secrets?|passw(?:or)?d"
    r"|tokens?|test(?:ing|s|ed)?|mock(?:ed|s)?|foo|bar|baz|qux|todo|none|null|invalid|demo|local(?:host)?"
    r"|dead-?beef|cafe-?babe|your|some|this|that|here|goes|must|not|real|value|keys?|access|private"
    r"|public|live|prod|stag(?:e|ing)|user|client|admin|my|is|an?|the|of|for|in|with|live|long|short"
)
_RUNS = re.compile(r"(.)\1{2,}|(.{2,8})\2{2,}")
# In its place, shorter than what redaction takes for the value of a password.
_IN_ITS_PLACE = "..."
_LEAST_SEQUENCE = 3


def without_made_up(text: str) -> str:
    """The text with three dots for each value that looks like a token and is none."""
    text = _PUBLISHED.sub(_IN_ITS_PLACE, text)
    return _TOKEN.sub(_kept_if_real, text)


def is_made_up(value: str) -> bool:
    """Whether a value that looks like a token, and is nothing else, is none."""
    if _PUBLISHED.fullmatch(value) is not None:
        return True
    return not _is_drawn(_BEGINNING.sub("", value, count=1))


def entropy(text: str) -> float:
    """Bits for each character, by how often each occurs in the text."""
    if not text:
        return 0.0
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def _kept_if_real(match: re.Match[str]) -> str:
    return match[0] if _is_drawn(match["drawn"]) else _IN_ITS_PLACE


def _is_drawn(body: str) -> bool:
    """Whether what follows a prefix is as random as what a service draws."""
    if len(body) > MOST_CHARS:
        return True
    if entropy(body) < LEAST_ENTROPY:
        return False
    left = _without_sequences(_RUNS.sub("-", body))
    parts = [part for part in re.split(r"[^A-Za-z0-9]+", _WORDS.sub("-", left)) if part]
    lengths = [len(part) for part in parts]
    # A placeholder that a key is put beside, in one word, is no placeholder.
    return sum(lengths) > MOST_LEFT * len(body) or max(lengths, default=0) > MOST_LEFT_TOGETHER


def _without_sequences(text: str) -> str:
    """The text without what counts up or down: `1234`, `abcdef`, `9876`."""
    kept: list[str] = []
    at = 0
    while at < len(text):
        end = max(_end_of_steps(text, at, 1), _end_of_steps(text, at, -1))
        is_sequence = end - at >= _LEAST_SEQUENCE
        kept.append("-" if is_sequence else text[at])
        at = end if is_sequence else at + 1
    return "".join(kept)


def _end_of_steps(text: str, at: int, step: int) -> int:
    end = at + 1
    while end < len(text) and ord(text[end]) - ord(text[end - 1]) == step:
        end += 1
    return end
