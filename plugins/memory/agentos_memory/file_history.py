"""What the history of a repository says of its files: how often each changed, and with what words.

Faults lie where there were faults before: in files that change often, and in those whose changes
were spoken of in the words of the report. Above: shards. Below: commits, the lexical index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from agentos_memory.knowledge.history import MAX_FILES_OF_COMMIT, Commit
from agentos_memory.query_style import weighted_terms
from agentos_memory.ranking import Bm25fIndex, Scores, standardised
from agentos_memory.term_counts import count_terms


class FileHistory:
    """The changes of files, by the files' numbers.

    `often` is how often each changed, on a scale of its own: 0 for the average file. A repository
    without commits says nothing: zeros everywhere.
    """

    def __init__(self, changes: NDArray[np.int64], words: Bm25fIndex) -> None:
        # The tenth change says less than the first.
        self.often: Scores = standardised(np.log1p(changes))
        self._words = words

    @classmethod
    def of_commits(cls, paths: Sequence[str], commits: Iterable[Commit]) -> Self:
        """The history of the files at `paths`; commits of very many files say nothing of each."""
        numbers = {path: number for number, path in enumerate(paths)}
        changes = np.zeros(len(paths), np.int64)
        subjects: list[list[str]] = [[] for _ in paths]
        for commit in commits:
            if len(commit.paths) > MAX_FILES_OF_COMMIT:
                continue
            for path in commit.paths:
                number = numbers.get(path)
                if number is not None:
                    changes[number] += 1
                    subjects[number].append(commit.subject)
        counted = count_terms([["\n".join(each)] for each in subjects], n_fields=1)
        return cls(changes, Bm25fIndex.of_counts([counted], weights={"subjects": 1.0}))

    def scores(self, query: str) -> Scores:
        """How well the words of each file's changes fit; 0 where none occurs."""
        return self._words.weighted_scores(weighted_terms(query, self._words.vocabulary))
