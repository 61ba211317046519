"""What commands do beyond running: how a use of a file is told, and who uses the network.

Above: command_judgement, command_files, commands. Below: command_words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentos_governance.shell.words import Word, words

Folders = frozenset[str | None]


@dataclass(frozen=True, slots=True)
class FileUse:
    """A path a command names: written, read, or (`is_folder`) entered.

    `path` is None where it cannot be known; it is relative to each of `folders`. `is_data` marks
    what is only read and shown: it is judged as far as it can be known. `is_folder` with
    `is_write` stands for something new below the folder.
    """

    path: str | None
    folders: Folders
    is_write: bool
    is_folder: bool = False
    is_data: bool = False


_NETWORK_PROGRAMS = words(
    "curl wget ssh scp sftp ftp tftp telnet nc ncat netcat socat rsync ping ping6 dig nslookup host "
    "whois aria2c axel http https httpie xh hey wrk ab siege vegeta gh hub glab tea docker-compose aws "
    "gcloud gsutil bq az kubectl oc pulumi ansible ansible-playbook vagrant heroku "
    "flyctl vercel netlify firebase wrangler doctl linode-cli hcloud rclone s3cmd mc lynx w3m links "
    "elinks nmap masscan traceroute tracepath mtr arp iperf iperf3 mosh rsh rlogin mail mailx sendmail "
    "msmtp mutt ngrok cloudflared tailscale wg openvpn youtube-dl yt-dlp uvx pipx bunx svn ipfs "
    "websocat grpcurl redis-cli mongo mongosh autossh sshfs sshpass twine flit ssh-keyscan"
)
_NETWORK_SUBCOMMANDS: Mapping[str, frozenset[str]] = {
    "git": words("push fetch pull clone ls-remote send-email svn p4 request-pull lfs"),
    **dict.fromkeys(
        ("terraform", "tofu"),
        words("init plan apply destroy import refresh login get providers state output workspace"),
    ),
    "helm": words(
        "install upgrade uninstall rollback repo pull push dependency registry search list status get "
        "history test"
    ),
    "hg": words("push pull clone incoming outgoing"),
    "pip": words("install download wheel index search"),
    "uv": words("sync add lock tool publish self python"),
    "npm": words(
        "install i ci add update up upgrade publish audit view info search login whoami ping"
    ),
    "pnpm": words("install i add update up publish dlx audit"),
    "yarn": words("install add up upgrade publish dlx audit create"),
    "bun": words("install i add update x upgrade publish"),
    "deno": words("install add cache upgrade publish"),
    "poetry": words("install add update lock publish self"),
    "pdm": words("install add update lock sync publish"),
    "pipenv": words("install update lock sync"),
    "hatch": words("publish env"),
    "conda": words("install create update search env"),
    "mamba": words("install create update search env"),
    "cargo": words("install fetch publish search update add login owner"),
    "go": words("get install mod"),
    "gem": words("install update fetch push search"),
    "bundle": words("install update add outdated"),
    "composer": words("install update require create-project global"),
    "mix": words("deps.get deps.update hex.publish"),
    "dotnet": words("restore add nuget tool"),
    "docker": words("pull push login build run compose buildx search"),
    "podman": words("pull push login build run search"),
    "brew": words("install update upgrade tap fetch search"),
    "apt": words("install update upgrade full-upgrade"),
    "apt-get": words("install update upgrade source dist-upgrade download"),
    "apk": words("add update upgrade fetch"),
    "dnf": words("install update upgrade download search"),
    "yum": words("install update upgrade"),
    "zypper": words("install update refresh in up"),
    "pacman": words("-S -Sy -Syu"),
    "snap": words("install refresh download"),
    "flatpak": words("install update"),
    "nix": words("run build shell develop profile"),
    "openssl": words("s_client s_server s_time ocsp"),
    "systemctl": words("start restart stop"),
    "rustup": words("update install toolchain target component default"),
    "nvm": words("install"),
    "pyenv": words("install"),
    "playwright": words("install"),
    "ansible-galaxy": words("install"),
    "cpan": frozenset(),
    "cpanm": frozenset(),
}
_WITHOUT_SUBCOMMAND = words("yarn cpan cpanm bundle")
"""Programs that go to the network where no subcommand is named."""
_NETWORK_PAIRS = frozenset(
    {
        *(("git", "remote", each) for each in ("update", "show", "prune")),
        *(("git", "submodule", each) for each in ("update", "add", "init")),
        *(("uv", "pip", each) for each in ("install", "sync", "download", "compile")),
    }
)


def program_of(argv: tuple[Word, ...]) -> str:
    """The program's plain name, without its folder."""
    return argv[0].text.rpartition("/")[2]


def needs_network(argv: tuple[Word, ...]) -> bool:
    """Whether the program is known to talk to the network; a sandbox must stop the others."""
    program = program_of(argv).rstrip("0123456789.") or program_of(argv)
    texts = [word.text for word in argv[1:]]
    operands = [text for text in texts if not text.startswith("-")]
    if _only_asks(program, texts, operands):
        return False
    if program in _NETWORK_PROGRAMS or program_of(argv) in _NETWORK_PROGRAMS:
        return True
    if program == "npx" and {"-y", "--yes"} & set(texts):
        return True
    if any(text.startswith("--remote=") for text in texts) and operands[:1] == ["archive"]:
        return True
    if not operands:
        return program in _WITHOUT_SUBCOMMAND
    if (program, operands[0], (operands[1:] or [""])[0]) in _NETWORK_PAIRS:
        return True
    return operands[0] in _NETWORK_SUBCOMMANDS.get(program, frozenset())


_ASKS = words("--version -V --help -h version help")
_TALKERS = words(
    "ssh scp sftp mosh rsh rlogin telnet nc ncat netcat socat ping ping6 host whois dig nslookup curl "
    "wget http https ftp mail rsync autossh sshpass"
)
"""Programs for which what looks like a question may be said to somebody else."""


def _only_asks(program: str, texts: Sequence[str], operands: Sequence[str]) -> bool:
    """Whether a program is only asked about itself: `terraform --version`, `git fetch --help`."""
    if program in _TALKERS:
        return bool(texts) and texts[0] in {"--version", "-V", "--help"}
    return bool(texts) and texts[-1] in _ASKS and len(operands) <= 1
