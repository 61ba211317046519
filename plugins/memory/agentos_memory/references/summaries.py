"""Summaries of sections made of their own sentences: the first one, and what weighs most.

The same text always gives the same summary, whatever stands beside it. Above: sections.
Below: words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from agentos_memory.words import STOP_WORDS, split_identifiers

MAX_SUMMARY_CHARS = 320
# Beyond this a summary of the beginning says as much.
_MAX_SENTENCES = 120
_MAX_SENTENCE_CHARS = 240
_ENDS = re.compile(r"(?<=[.!?:])\s+(?=[A-Z0-9`*\"'(\[])|\n\s*\n|\n(?=\s*[-*+]\s)")
_CODE = re.compile(r"(```|~~~).*?(?:\1|\Z)", re.DOTALL)
_LINKS = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)|<[^<>\n]{1,200}>")
_LINE_MARKS = re.compile(
    r"^[ \t]*(?:[#>|]+|[-*+](?=\s)|\.\. .*$|[=\-~^\"'+|]{4,}\s*$)|[*`]+|(?<=\s)\|(?=\s)",
    re.MULTILINE,
)
_TITLE_BONUS = 1.5


def summarise(text: str, title: str = "") -> str:
    """At most MAX_SUMMARY_CHARS of the text's sentences in their order; code blocks left out."""
    prose = _LINKS.sub(lambda found: found.group(1) or " ", _CODE.sub(" ", text[:20_000]))
    plain = _LINE_MARKS.sub("", prose)
    sentences = list(islice(_sentences(plain), _MAX_SENTENCES)) or list(_sentences(text[:2_000]))
    if not sentences:
        return ""
    chosen = {0}
    size = len(sentences[0])
    for number in _by_weight(sentences, title):
        if number not in chosen and size + 1 + len(sentences[number]) <= MAX_SUMMARY_CHARS:
            chosen.add(number)
            size += 1 + len(sentences[number])
    return " ".join(sentences[number] for number in sorted(chosen))


def _sentences(text: str) -> list[str]:
    found = [" ".join(sentence.split()) for sentence in _ENDS.split(text) if sentence]
    return [_cut(sentence) for sentence in found if re.search(r"\w", sentence)]


def _by_weight(sentences: Sequence[str], title: str) -> list[int]:
    """The heaviest first: a sentence weighs the mean of how often its words occur."""
    words = [set(split_identifiers(s)) - STOP_WORDS for s in sentences]
    counts = Counter(word for own in words for word in own if len(word) > 2)
    of_title = set(split_identifiers(title)) - STOP_WORDS

    def weight(number: int) -> float:
        own = words[number]
        total = sum(counts[w] * (_TITLE_BONUS if w in of_title else 1.0) for w in sorted(own))
        # Short sentences say little, and would win by the mean alone.
        return total / (len(own) + 5)

    return sorted(range(len(sentences)), key=lambda number: (-round(weight(number), 9), number))


def _cut(sentence: str) -> str:
    if len(sentence) <= _MAX_SENTENCE_CHARS:
        return sentence
    return sentence[: _MAX_SENTENCE_CHARS - 3].rpartition(" ")[0] + "..."
