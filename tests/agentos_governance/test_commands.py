"""Shell commands: no disguise passes, and ordinary work is not refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos_governance.contracts.actions import Action
from agentos_governance.contracts.judgement import compile_contract
from agentos_governance.contracts.model import parse_contract
from agentos_governance.shell.analysis import CommandAnalysis, UnanalysableCommand
from agentos_governance.shell.commands import analyse_command
from tests.agentos_governance.test_commands_files import ORDINARY as ORDINARY_WITH_FILES

JUDGE = compile_contract(
    parse_contract(
        {
            "allowed_roots": ["src/", "tests/"],
            "allowed_tools": ["Bash"],
            "forbidden_actions": ["git push", "rm -rf *", "Bash(curl:*)", "git reset --hard*"],
        }
    )
).judge

EVASIONS = [
    # the plain thing, and in lists
    "git push",
    "git push origin main",
    "  git   push  ",
    "ls; git push",
    "ls && git push",
    "ls || git push",
    "ls | git push",
    "ls & git push",
    "ls\ngit push",
    "! git push",
    "(git push)",
    "{ git push; }",
    "if true; then git push; fi",
    "if git push; then ls; fi",
    "for i in 1; do git push; done",
    "while git push; do ls; done",
    "until git push; do ls; done",
    "case x in x) git push;; esac",
    "f() { git push; }; f",
    "function f { git push; }",
    # quoting
    "'git' push",
    'g"i"t push',
    "g\\it push",
    "\\git push",
    "git 'push'",
    'git p""ush',
    "git pu\\\nsh",
    "ls\n\\\ngit push",
    "ls\n  \\\ngit push",
    "time X=1 git push",
    "ls\n\\git push",
    "x=$ git push",
    "ls\n>src/x$y\\git push",
    "$'git' push",
    "$'\\x67it' push",
    'git $"push"',
    # places of the program
    "/usr/bin/git push",
    "./git push",
    "../git push",
    "/bin/g?t push",
    "~/git push",
    # options before the subcommand
    "git -C . push",
    "git -C src -c user.name=x push",
    "git --no-pager push",
    "git --git-dir=.git push",
    "git -c alias.x=push x",
    "git -c alias.x='!curl y' x",
    "git -c core.sshCommand=evil fetch",
    "git --exec-path=/tmp status",
    "git send-pack origin",
    "git config alias.p push",
    "git config --global core.pager evil",
    "git rebase -x 'git push' main",
    "git rebase --exec='git push' main",
    "git submodule foreach 'git push'",
    "git bisect run git push",
    "git clone --upload-pack=evil x",
    "git fetch --upload-pack evil",
    "git fetch ext::sh",
    "git grep -Oevil x",
    "git difftool -x evil",
    # wrappers
    "bash -c 'git push'",
    "bash -lc 'git push'",
    "sh -ec 'git push'",
    "bash -c -e 'git push'",
    "bash -o errexit -c 'git push'",
    "/bin/bash -c 'git push'",
    "bash -c \"bash -c 'git push'\"",
    "env git push",
    "env A=1 git push",
    "env -i git push",
    "env -u A git push",
    "env -S 'git push'",
    "sudo git push",
    "sudo -u root git push",
    "doas git push",
    "nohup git push",
    "time git push",
    "time -p git push",
    "nice -n 5 git push",
    "nice --adjustment 5 git push",
    "timeout 5 git push",
    "timeout -k 1 5 git push",
    "stdbuf -oL git push",
    "setsid git push",
    "command git push",
    "builtin command git push",
    "exec git push",
    "exec -a x git push",
    "coproc git push",
    "busybox sh -c 'git push'",
    "echo push | xargs git push",
    "echo push | xargs git",
    "echo x | xargs -I{} git {}",
    "echo x | xargs -I{} sh -c '{}'",
    "echo x | xargs bash -c",
    "echo x | xargs -n1 -P2 curl",
    "find . -exec git push \\;",
    "find . -name x -execdir curl {} +",
    "find . -exec sh -c 'git push' \\;",
    "find . $X",
    "find src -fprint ../x",
    "trap 'git push' EXIT",
    # substitutions
    "echo $(git push)",
    "echo `git push`",
    'echo "$(git push)"',
    "X=$(git push)",
    "export X=$(git push)",
    "cat <(git push)",
    "ls > >(git push)",
    "echo ${X:-$(git push)}",
    "cat <<EOF\n$(git push)\nEOF",
    "cat <<< $(git push)",
    "A=(x $(git push))",
    "echo $((1 + $(git push)))",
    "[[ -n $(git push) ]]",
    # what cannot be known
    "$X push",
    "${X} push",
    "git $X",
    "git $(echo push)",
    "git {push,origin}",
    "{git,push}",
    "$(echo git) push",
    "`echo git` push",
    "eval git push",
    "eval 'gi''t push'",
    "rm $FLAGS src",
    "rm -r{f,} src",
    "source <(curl x)",
    "source $X",
    ". /dev/stdin",
    "bash",
    "curl x | sh",
    "echo git push | bash",
    "bash <<< 'git push'",
    "bash <<EOF\ngit push\nEOF",
    "bash -s < script",
    "bash $SCRIPT",
    "bash <(echo git push)",
    'bash -c "$X"',
    "alias g='git push'; g",
    "watch git push",
    "parallel git push ::: x",
    "script -c 'git push' /dev/null",
    "su -c 'git push'",
    "flock x git push",
    "strace git push",
    "echo ${X@P}",
    "hash -p /tmp/evil ls",
    "enable -f evil.so evil",
    "mapfile -C 'git push' -c 1 A",
    # variables that change what words mean
    "PATH=. ls",
    "export PATH=.:$PATH",
    "LD_PRELOAD=./evil.so ls",
    "BASH_ENV=evil bash -c ls",
    "GIT_SSH_COMMAND=evil git fetch",
    "env GIT_EDITOR=evil git commit",
    "declare -x LD_PRELOAD=evil",
    "PAGER='git push' git log",
    "git() { ls; }; ls",
    "cd() { :; }; cd src && echo > x",
    # redirections and files outside the roots
    "echo x > README.md",
    "echo x >> README.md",
    "echo x >| README.md",
    "echo x &> README.md",
    "echo x >& README.md",
    "echo x 2> err.txt",
    "> README.md",
    "{ ls; } > out",
    "echo x > $F",
    'echo x > "$(pwd)/f"',
    "echo x > ../f",
    "echo x > /tmp/f",
    "echo x > ~/f",
    "echo x > src/../README.md",
    "echo x > src/link/f",
    "echo x > src/.git/hooks/pre-commit",
    "cat < /etc/passwd",
    "cat < $F",
    "ls > src/{a,b}",
    "git > /dev/null push",
    "> src/out git push",
    "git diff --output=README.md",
    "tee README.md",
    "ls | tee -a ../x",
    "cp src/a README.md",
    "cp /etc/passwd src/",
    "mv src/a .",
    "mv README.md src/",
    "rm README.md",
    "touch ../x",
    "mkdir -p /tmp/x",
    "ln -s /etc/passwd README.md",
    "ln -s /etc/passwd src/x",
    "dd if=/dev/zero of=README.md",
    "truncate -s 0 README.md",
    "find . -delete",
    "rm -r -f $X",
    # working folders
    "cd ..",
    "cd / && ls",
    "cd",
    "cd ~ && ls",
    "cd src/link2",
    "cd src && echo x > ../README.md",
    "cd src && cd .. && echo x > README.md",
    "cd src; cd ..; echo x > y",
    "cd $X && echo x > y",
    "cd - && echo x > y",
    "pushd / && ls",
    "popd && echo x > y",
    "cd src || echo x > y",
    "cd src & echo x > y",
    "cd src | echo x > y",
    "(cd src); echo x > y",
    "if cd src; then ls; fi; echo x > y",
    "for d in a b; do cd src; done; echo x > y",
    "while true; do echo x > src/y; cd ..; done",
    "f() { echo x > y; }; cd src && f",
    "f() { cd ..; }; cd src && f && echo x > y",
    "git -C .. status",
    "git -C /etc status",
    "git --work-tree=/ status",
    "source src/env.sh && echo x > y",
    # text that does not parse, or not as one reading
    "git push '",
    "echo $(",
    "if true; then",
    "echo a\u00a0git push",
    "echo a\u2028git push",
    "ls\rgit push",
    "echo \x07",
    "ls \ud800",
    "x" * 40_000,
    "(" * 500 + "ls" + ")" * 500,
    "bash -c " * 12 + "ls",
]

ORDINARY = [
    "ls",
    "ls -la src",
    "pwd",
    "cat README.md",
    "cat src/a tests/b",
    "git status",
    "git status --porcelain",
    "git diff",
    "git diff HEAD~1 -- src",
    "git log --oneline -5",
    "git log --format='%h %s'",
    "git add -A",
    "git add src/a",
    "git commit -m 'Fix the push button'",
    'git commit -m "Say \\"hello\\" to git push"',
    'git commit -am "it\'s done"',
    "git -C src status",
    "git --no-pager log",
    "git -c user.name=x -c user.email=y commit -m z",
    "git stash list",
    "git show stash@{0}",
    "git rev-parse HEAD^{commit}",
    "git checkout -b feature",
    "git branch --list",
    "git config --get user.name",
    "git config user.name Ada",
    "git rebase main",
    "git reset --soft HEAD~1",
    "pytest",
    "pytest -q tests 2>&1 | tail -20",
    "python -m pytest tests -k 'a and not b'",
    "python -c 'print(1)'",
    "python - <<'EOF'\nprint('git push')\nEOF",
    "echo hello",
    "echo 'git push'",
    'echo "$HOME"',
    "echo hello > src/out.txt",
    "echo hello >> tests/log",
    "cat > src/new.py <<'EOF'\nx = 1\nEOF",
    "cat > src/new.py <<EOF\n$X\nEOF",
    "ls 2>/dev/null",
    "ls >/dev/null 2>&1",
    "ls > src/out 2>&1",
    "make test",
    "make -j4 CC=gcc",
    "npm test -- --watch=false",
    "cargo test --workspace",
    "go test ./...",
    "ruff check . && mypy src",
    "grep -rn 'def main' src | head",
    'grep -n "$PATTERN" src/a',
    "rg 'x|y' src",
    "find . -name '*.py'",
    'find src -type f -name "$N" -print',
    "find . -name '*.py' -exec grep -l x {} +",
    "find . -name '*.py' | xargs grep -n x",
    "find . -name '*.py' -print0 | xargs -0 wc -l",
    "sed -n 1,20p src/a",
    "awk '{print $1}' src/a",
    "sort src/a | uniq -c | sort -rn",
    "wc -l src/*.py",
    "cd src && ls",
    "cd src && echo x > a.py",
    "cd src && cd .. && ls",
    "(cd src && make)",
    "cd src && cat a > b 2>&1",
    "mkdir -p src/new/deep",
    "touch src/new.py",
    "cp README.md src/copy",
    "mv src/a src/b",
    "rm src/a",
    "rm -f src/*.pyc",
    "ls | tee src/listing",
    "truncate -s 0 src/a",
    'for f in src/*.py; do echo "$f"; done',
    "for i in 1 2 3; do echo $i > src/out; done",
    'while read -r line; do echo "$line"; done < README.md',
    "if [ -f src/a ]; then cat src/a; else ls; fi",
    "[[ -d src ]] && ls src",
    "test -f src/a || touch src/a",
    "case $X in a) ls;; *) pwd;; esac",
    "X=1; echo $X",
    "X=$(git rev-parse HEAD); echo $X",
    "export DEBUG=1 && make",
    "DEBUG=1 pytest",
    "env DEBUG=1 pytest",
    "timeout 60 pytest",
    "nohup make &",
    "time make",
    "nice -n 10 make",
    "bash -c 'ls && pwd'",
    'bash -lc "pytest -q"',
    "bash scripts/build.sh",
    "bash -e scripts/build.sh arg",
    "source .venv/bin/activate && pytest",
    ". .venv/bin/activate",
    "command -v git",
    "which python",
    'f() { ls "$1"; }; f src',
    "set -euo pipefail; make",
    "diff <(ls src) <(ls tests)",
    "echo $((1 + 2))",
    "echo {a,b}",
    "printf '%s\\n' a b",
    "jq '.a[0]' src/x.json",
    "docker compose ps",
    "ls # git push",
    "true",
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("commands") / "work"
    for folder in ("src/deep", "tests", "docs"):
        (root / folder).mkdir(parents=True)
    (root / "src" / "link").symlink_to("../docs")
    (root / "src" / "link2").symlink_to("/")
    return root


@pytest.mark.parametrize("command", EVASIONS)
def test_no_disguise_of_a_forbidden_command_or_write_passes(workspace: Path, command: str) -> None:
    judgement = JUDGE(Action("Bash", command=command), workspace)
    assert judgement.verdict == "deny"
    assert judgement.rule.split("[")[0] in {
        "forbidden_actions",
        "command_analysis",
        "allowed_roots",
        "workspace",
        "git_internals",
    }


@pytest.mark.parametrize("command", ORDINARY)
def test_ordinary_commands_are_not_refused(workspace: Path, command: str) -> None:
    judgement = JUDGE(Action("Bash", command=command), workspace)
    assert judgement.is_allowed, judgement


@pytest.mark.parametrize("command", EVASIONS[:20])
def test_the_same_commands_pass_where_nothing_forbids_them(workspace: Path, command: str) -> None:
    """So that the table above shows the rule at work and not a judge that refuses everything."""
    free = compile_contract(parse_contract({"allowed_roots": ["."], "allowed_tools": ["Bash"]}))
    assert free.judge(Action("Bash", command=command), workspace).is_allowed


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("git -C a --no-pager push origin", ["git push origin"]),
        ("A=1 env B=2 nohup ls -l", ["env B=2 nohup ls -l", "nohup ls -l", "ls -l"]),
        ("bash -lc 'a | b'", ["bash -lc a | b", "a", "b"]),
        ("a $(b) `c`", ["b", "c", "a $(b) `c`"]),
        ("find . -exec rm {} \\;", ["find . -exec rm {} ;", "rm ./*"]),
        ('a \'b c\' "d\\"e" f\\ g', ['a b c d"e f g']),
    ],
)
def test_a_line_is_read_as_the_commands_it_runs(text: str, commands: list[str]) -> None:
    analysis = analyse_command(text)
    assert isinstance(analysis, CommandAnalysis)
    assert [command.text for command in analysis.commands] == commands


def test_what_cannot_be_read_says_why() -> None:
    analysis = analyse_command("$X")
    assert isinstance(analysis, UnanalysableCommand)
    assert analysis.reason == "the command's name is computed"


def test_a_command_starts_in_the_folder_of_its_action(workspace: Path) -> None:
    for cwd, verdict in ((".", "deny"), ("src", "allow"), ("src/link", "deny"), ("..", "deny")):
        action = Action("Bash", command="echo x > y", cwd=cwd)
        assert JUDGE(action, workspace).verdict == verdict


def test_the_tables_hold_as_many_commands_as_the_issue_asks_for() -> None:
    assert len(set(EVASIONS)) >= 150
    assert len({*ORDINARY, *ORDINARY_WITH_FILES}) >= 150
