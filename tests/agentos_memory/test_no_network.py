"""Indexing needs no network: everything it uses lies in the package."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys

def refuse(event, arguments):
    if event.startswith("socket."):
        raise SystemExit(f"opened {event} {arguments}")

sys.addaudithook(refuse)
from agentos_memory.analysis import analyse_file
from agentos_memory.chunks import chunk_file
from agentos_memory.embedding import load_embedder
from agentos_memory.languages import LANGUAGES
from agentos_memory.ranking import Bm25fIndex
from agentos_memory.resolution import resolve

source = b"class A:\\n    def run(self): return A().run()\\n"
analyses = [analyse_file("a.py", source), analyse_file("b.ts", b"export const f = () => f();")]
for language in LANGUAGES:
    path = "x" + language.suffixes[0] if language.suffixes[0][0] == "." else language.suffixes[0]
    analyses.append(analyse_file(path, b"{}"))
    assert analyses[-1].language == language.name
chunks = chunk_file(analyses[0], source)
assert resolve(analyses).edges
assert Bm25fIndex.build([{"body": chunk.body} for chunk in chunks]).scores("run").any()
assert load_embedder().embed([chunk.embed_text for chunk in chunks]).shape[0] == len(chunks)
print("indexed")
"""


def test_indexing_and_embedding_open_no_socket() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.stdout, done.returncode) == ("indexed\n", 0), done.stderr
