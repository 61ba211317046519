"""What the history of a repository says of its files: how often each changed, and with what words.

Faults lie where there were faults before: in files that change often, and in those whose changes
were spoken of in the words of the report. Above: shards. Below: commits, the lexical index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from agentos_memory.knowledge.history import MAX_COMMITS, MAX_FILES_OF_COMMIT, Commit
from agentos_memory.query_style import weighted_terms
from agentos_memory.ranking import Bm25fIndex, Scores, standardised
from agentos_memory.term_counts import count_terms

# Commits; a project of some size makes as many in a month or two.
HALF_LIFE = 150


class FileHistory:
    """The changes of files, by the files' numbers.

    `often` is how often each changed, and `recent` the same with changes that count for half as
    much every HALF_LIFE commits, both on scales of their own: 0 for the average file. `age` is how
    many commits ago each changed last, as a logarithm. A repository without commits says nothing:
    all files are alike.
    """

    def __init__(
        self,
        changes: NDArray[np.int64],
        faded: NDArray[np.float64],
        last: NDArray[np.int64],
        words: Bm25fIndex,
    ) -> None:
        # The tenth change says less than the first.
        self.often: Scores = standardised(np.log1p(changes))
        self.recent: Scores = standardised(np.log1p(faded))
        self.age: Scores = np.log1p(last).astype(np.float32)
        self._words = words

    @classmethod
    def of_commits(cls, paths: Sequence[str], commits: Iterable[Commit]) -> Self:
        """The history of the files at `paths`, whose newest commits come first.

        Commits of very many files say nothing of each.
        """
        numbers = {path: number for number, path in enumerate(paths)}
        changes = np.zeros(len(paths), np.int64)
        faded = np.zeros(len(paths))
        last = np.full(len(paths), MAX_COMMITS)
        subjects: list[list[str]] = [[] for _ in paths]
        for place, commit in enumerate(commits):
            if len(commit.paths) > MAX_FILES_OF_COMMIT:
                continue
            for path in commit.paths:
                number = numbers.get(path)
                if number is not None:
                    changes[number] += 1
                    faded[number] += 0.5 ** (place / HALF_LIFE)
                    last[number] = min(last[number], place)
                    subjects[number].append(commit.subject)
        counted = count_terms([["\n".join(each)] for each in subjects], n_fields=1)
        words = Bm25fIndex.of_counts([counted], weights={"subjects": 1.0})
        return cls(changes, faded, last, words)

    def scores(self, query: str) -> Scores:
        """How well the words of each file's changes fit; 0 where none occurs."""
        return self._words.weighted_scores(weighted_terms(query, self._words.vocabulary))
