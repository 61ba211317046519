"""Shell variables that change what later words mean or that programs run as commands.

Above: commands, command_wrappers. Below: nothing.
"""

from __future__ import annotations

import re

_DANGEROUS = re.compile(
    r"^(PATH|CDPATH|IFS|ENV|BASH_ENV|BASH_FUNC.*|BASH_ALIASES.*|BASH_CMDS.*|SHELLOPTS|BASHOPTS|PS4"
    r"|PROMPT_COMMAND|LD_.*|DYLD_.*|GIT_.*|EDITOR|VISUAL|PAGER|BROWSER|HOME|PWD|OLDPWD"
    r"|PYTHONSTARTUP|PYTHONHOME|PERL5OPT|PERL5LIB|RUBYOPT|NODE_OPTIONS|LESSOPEN|LESSCLOSE"
    r"|SSH_ASKPASS|TAR_OPTIONS|MAKEFLAGS)$"
)


def is_dangerous_variable(name: str) -> bool:
    """Whether setting the variable can make an allowed command run another program."""
    return bool(_DANGEROUS.match(name))
