"""The command line `agentos`: parses arguments, asks the kernel, prints.

`entry` turns errors into exit codes; `app` names the commands, of which plugins add their own;
every other module is one command or group. Nothing here knows a plugin by name.
"""

from agentos.cli.entry import main

__all__ = ["main"]
