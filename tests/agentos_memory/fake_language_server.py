"""A language server in miniature that speaks the real protocol over stdio.

It answers `textDocument/definition` with the first `def` or `class` of the name that stands at the
position, searched in the files below the root. A behaviour makes it fail as real ones do.
"""

from __future__ import annotations

import sys
from pathlib import Path

SOURCE = """#!{python}
import json, os, re, subprocess, sys, time
from pathlib import Path
from urllib.parse import unquote, urlsplit

BEHAVIOUR = {behaviour!r}
documents = {{}}
if BEHAVIOUR.startswith("has_child"):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path({notes!r}, "child").write_text(str(child.pid))
if BEHAVIOUR == "grows":
    held = b"x" * (64 << 20)

def send(message):
    body = json.dumps(dict(message, jsonrpc="2.0")).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body)
    sys.stdout.buffer.flush()

def receive():
    length = 0
    while (line := sys.stdin.buffer.readline().strip()):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return json.loads(sys.stdin.buffer.read(length)) if length else None

def path_of(uri):
    return Path(unquote(urlsplit(uri).path))

def definition(params):
    text = documents[params["textDocument"]["uri"]]
    line = text.split("\\n")[params["position"]["line"]]
    before = line.encode("utf-16-le")[: 2 * params["position"]["character"]].decode("utf-16-le")
    name = re.match(r"\\w+", line[len(before):]).group()
    with Path({notes!r}, "asked").open("a") as asked:
        asked.write(name + "\\n")
    for file in sorted(root.glob("*/**/*.py")) + sorted(root.glob("*.py")):
        for number, found in enumerate(file.read_text().splitlines()):
            match = re.match(r"(\\s*(?:def|class) )" + name + r"\\b", found)
            if match:
                start = {{"line": number, "character": len(match.group(1))}}
                return [{{"uri": file.as_uri(), "range": {{"start": start, "end": start}}}}]
    return None

def asked_names():
    return Path({notes!r}, "asked").read_text().split()

while (message := receive()) is not None:
    method, number = message.get("method"), message.get("id")
    if method == "initialize":
        root = path_of(message["params"]["rootUri"])
        send({{"id": number, "result": {{"capabilities": {{}}}}}})
        send({{"id": "q1", "method": "workspace/configuration", "params": {{"items": [{{"section": "x"}}]}}}})
    elif method == "initialized" and BEHAVIOUR == "has_child_and_hangs":
        time.sleep(600)
    elif method == "textDocument/didOpen":
        document = message["params"]["textDocument"]
        documents[document["uri"]] = document["text"]
    elif method == "textDocument/definition":
        if BEHAVIOUR == "dies":
            sys.stderr.write("heap out of memory")
            sys.stderr.flush()
            os._exit(134)
        elif BEHAVIOUR == "refuses":
            send({{"id": number, "error": {{"code": -32603, "message": "internal"}}}})
        elif BEHAVIOUR == "loads_nothing":
            text = "no package metadata for file"
            send({{"id": number, "error": {{"code": 0, "message": text}}}})
        elif BEHAVIOUR == "babbles":
            sys.stdout.buffer.write(b"hello\\n" * 30)
            sys.stdout.buffer.flush()
        elif BEHAVIOUR == "stalls_at_start":
            if (answer := definition(message["params"])) and "start" not in asked_names():
                send({{"id": number, "result": answer}})
        elif BEHAVIOUR != "stalls":
            send({{"id": number, "result": definition(message["params"])}})
    elif method == "shutdown":
        send({{"id": number, "result": None}})
    elif method == "exit":
        sys.exit(0)
"""


def write_server(folder: Path, behaviour: str = "answers") -> Path:
    """An executable server.

    `folder/child` gets the process id of its child when it has one, `folder/asked` the names that
    it is asked about.
    """
    folder.mkdir(exist_ok=True)
    program = folder / "server"
    source = SOURCE.format(python=sys.executable, behaviour=behaviour, notes=str(folder))
    program.write_text(source, encoding="utf-8")
    program.chmod(0o755)
    return program


def asked_names(folder: Path) -> list[str]:
    """What the server of that folder was asked about, in order."""
    asked = folder / "asked"
    return asked.read_text(encoding="utf-8").split() if asked.exists() else []
