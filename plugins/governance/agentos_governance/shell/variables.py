"""Shell variables that change what later words mean or that programs run as commands.

Above: commands, command_wrappers. Below: words.
"""

from __future__ import annotations

import re

from agentos import InvalidArgumentError
from agentos_governance.shell.words import Word, words

_DANGEROUS = re.compile(
    r"^(PATH|CDPATH|IFS|ENV|BASH_ENV|BASH_FUNC.*|BASH_ALIASES.*|BASH_CMDS.*|SHELLOPTS|BASHOPTS|PS4"
    r"|PROMPT_COMMAND|LD_.*|DYLD_.*|GIT_.*|EDITOR|VISUAL|PAGER|BROWSER|HOME|PWD|OLDPWD"
    r"|PYTHONSTARTUP|PYTHONHOME|PERL5OPT|PERL5LIB|RUBYOPT|NODE_OPTIONS|LESSOPEN|LESSCLOSE"
    r"|SSH_ASKPASS|TAR_OPTIONS|MAKEFLAGS|MAKEFILES|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS"
    r"|(?i:npm_config_(script_shell|node_options|editor|git|shell)))$"
)


COMMAND_VARIABLES = words(
    "CC CXX CPP LD AR AS FC NM RANLIB STRIP MAKE CARGO RUSTC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER "
    "CARGO_BUILD_RUSTC_WRAPPER CMAKE_C_COMPILER_LAUNCHER CMAKE_CXX_COMPILER_LAUNCHER PYTHON NPM NODE "
    "YARN SUDO DIFF DIFFTOOL MANPAGER SYSTEMD_PAGER PSQL_PAGER PSQL_EDITOR TERRAFORM_EDITOR KUBE_EDITOR "
    "FCEDIT HGEDITOR HGMERGE SVN_EDITOR SVN_SSH CVS_RSH RSYNC_RSH SUDO_EDITOR SUDO_ASKPASS"
)
"""Variables whose value programs run as a command: it is judged as one."""


def command_set(name: str, value: Word) -> str | None:
    """The command that a variable makes programs run, if it is one of those.

    InvalidArgumentError where the command cannot be known.
    """
    if name not in COMMAND_VARIABLES or not value.text:
        return None
    if not value.is_literal:
        raise InvalidArgumentError(f"the command in {name} is computed")
    return value.text


def is_dangerous_variable(name: str) -> bool:
    """Whether setting the variable can make an allowed command run another program."""
    return bool(_DANGEROUS.match(name))
