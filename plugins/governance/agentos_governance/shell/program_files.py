"""Which operands and options of well-known programs are files, and what is done with them.

Above: command_files. Below: command_options. Sources: the manuals of GNU coreutils, grep, sed,
diffutils, curl, wget, rsync and GCC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agentos_governance.shell.options import Options, Role
from agentos_governance.shell.words import words

_NO_OPTIONS = Options()


@dataclass(frozen=True, slots=True)
class ProgramFiles:
    """How a program uses files: its options, then what each operand is."""

    options: Options = _NO_OPTIONS
    operands: Role | None = "read"
    leading: tuple[Role | None, ...] = ()
    """What the first operands are, where they differ from `operands`."""
    last: Role | None = None
    """What the last operand is, where it differs (`cp`), unless an option names the target."""
    n_texts: int = 0
    """Operands before the first file: grep's pattern, sed's script."""
    text_options: frozenset[str] = frozenset()
    """Options that carry that text, so that every operand is a file."""
    rewriting: frozenset[str] = frozenset()
    """Options with which the operands are written (`sed -i`)."""
    rewritten: Role = "write"
    """What the operands are with such an option."""
    printing: frozenset[str] = frozenset()
    """Options with which the operands are only read (`gzip -c`)."""
    may_be_remote: bool = False


def _reader(letters: str = "", names: str = "", paths: Mapping[str, Role] | None = None) -> Options:
    return Options(letters, words(names), paths or {})


def _writer(letters: str = "", names: str = "") -> ProgramFiles:
    return ProgramFiles(_reader(letters, names), "write")


def _copier(options: Options) -> ProgramFiles:
    return ProgramFiles(options, "source", last="write")


_INTO: Mapping[str, Role] = {"t": "into", "target-directory": "into"}
_COPY = _reader("S", "suffix", _INTO)
_OWNER = ProgramFiles(
    _reader(names="reference from"), "write", n_texts=1, text_options=words("reference")
)
_COMPRESSOR = ProgramFiles(
    _reader("S", "suffix"), "write", printing=words("c stdout to-stdout l list t test")
)
_READ_LIST: Mapping[str, Role] = {"files0-from": "read"}

_WRITERS: Mapping[str, ProgramFiles] = {
    "tee": _writer(),
    "touch": ProgramFiles(
        _reader("dt", "date", {"r": "read", "reference": "read"}), operands="write"
    ),
    "mkdir": _writer("m", "mode"),
    "mkfifo": _writer("m", "mode"),
    "rmdir": _writer(),
    "rm": _writer(),
    "unlink": _writer(),
    "shred": _writer("ns", "iterations size"),
    "truncate": _writer("sr", "size reference"),
    **dict.fromkeys(("chmod", "chown", "chgrp"), _OWNER),
    "mv": ProgramFiles(_COPY, "write"),
    "cp": _copier(_COPY),
    "ln": _copier(_COPY),
    "install": ProgramFiles(
        Options(
            "mogS",
            words("mode owner group suffix strip-program"),
            _INTO,
            flags=words("strip directory"),
        ),
        "source",
        last="write",
        rewriting=frozenset({"d", "directory"}),
    ),
    "rsync": ProgramFiles(
        Options(
            "efBTM",
            words("rsh exclude include filter bwlimit timeout port chmod chown max-size suffix"),
            {
                "T": "into",
                "temp-dir": "into",
                "backup-dir": "into",
                "partial-dir": "into",
                "log-file": "write",
                "write-batch": "write",
                "exclude-from": "read",
                "include-from": "read",
                "files-from": "read",
                "password-file": "read",
            },
            flags=words("backup partial"),
        ),
        "source",
        last="write",
        may_be_remote=True,
    ),
    "scp": ProgramFiles(_reader("cDFiJloPSX"), "source", last="write", may_be_remote=True),
    "patch": ProgramFiles(
        _reader(
            "pFVDBYzg",
            "strip fuzz",
            {
                "d": "enter",
                "directory": "enter",
                "i": "read",
                "input": "read",
                "o": "write",
                "output": "write",
                "r": "write",
                "reject-file": "write",
            },
        ),
        None,
        leading=("write", "read"),
    ),
    "split": ProgramFiles(_reader("abClnt", "lines bytes number"), leading=("read", "write")),
    "zip": ProgramFiles(_reader("xibtn"), leading=("write",)),
    "unzip": ProgramFiles(_reader("xP", paths={"d": "into"}), None, leading=("read",)),
    "sponge": _writer(),
    "ffmpeg": ProgramFiles(
        Options("itfcrbsv", words("ss to map vf af filter_complex c:v c:a"), is_clustered=False),
        None,
        last="write",
    ),
    **dict.fromkeys(
        ("convert", "magick"),
        ProgramFiles(_reader(names="resize quality"), "source", last="write"),
    ),
    "objcopy": ProgramFiles(_reader("FIOjRKNGLxXw"), "source", last="write"),
    "strip": ProgramFiles(_reader("FINKOR", paths={"o": "write"}), "write"),
    "ranlib": _writer(),
    "clang-format": ProgramFiles(
        _reader(names="style assume-filename"), rewriting=frozenset({"i"})
    ),
    "ctags": ProgramFiles(_reader("RI", "languages exclude", {"f": "write", "o": "write"})),
    "ssh-keygen": ProgramFiles(_reader("tbCNPmZ", paths={"f": "write"}), None),
    "ar": ProgramFiles(_reader(), leading=(None, "write")),
    "csplit": ProgramFiles(
        _reader("bn", "suffix-format digits", {"f": "write", "prefix": "write"}), None, ("read",)
    ),
    "mktemp": ProgramFiles(_reader("t", "suffix", {"p": "into", "tmpdir": "into"}), "write"),
    "crontab": _writer("u"),
    "logrotate": _writer("s"),
    "fallocate": _writer("lon"),
    "mkfs": _writer("t"),
    "mknod": _writer("m"),
    "setfacl": _writer("mxMX"),
    "chattr": ProgramFiles(_reader("vp"), "write", n_texts=1),
    "rename": ProgramFiles(_reader(), "write", n_texts=1),
    "rpl": ProgramFiles(_reader("x"), "write", n_texts=2),
    "dos2unix": _writer("n"),
    "unix2dos": _writer("n"),
    "xmlstarlet": ProgramFiles(_reader(), None),
    **dict.fromkeys(words("gzip gunzip bzip2 bunzip2 xz unxz"), _COMPRESSOR),
}

_CURL: Mapping[str, Role] = {
    "o": "write",
    "output": "write",
    "output-dir": "into",
    "D": "write",
    "dump-header": "write",
    "c": "write",
    "cookie-jar": "write",
    "trace": "write",
    "trace-ascii": "write",
    "stderr": "write",
    "etag-save": "write",
    "hsts": "write",
    "K": "read",
    "config": "read",
    "T": "read",
    "upload-file": "read",
    "E": "read",
    "cert": "read",
    "key": "read",
}
_WGET: Mapping[str, Role] = {
    "O": "write",
    "output-document": "write",
    "P": "into",
    "directory-prefix": "into",
    "o": "write",
    "output-file": "write",
    "a": "write",
    "append-output": "write",
    "save-cookies": "write",
    "warc-file": "write",
    "i": "read",
    "input-file": "read",
    "post-file": "read",
    "body-file": "read",
}
_COMPILER = ProgramFiles(
    Options(
        "LlIDUxTBu",
        words("param"),
        {"o": "write", "output": "write", "dumpdir": "into"},
        is_clustered=False,
    )
)
_RUSTC: Mapping[str, Role] = {"o": "write", "out-dir": "into"}

_FETCHERS_AND_COMPILERS: Mapping[str, ProgramFiles] = {
    "curl": ProgramFiles(
        _reader(
            "AbCdeFHhmPQrtUuwXxYyz",
            "user-agent cookie data data-raw data-binary form header max-time request proxy range "
            "referer retry url user write-out connect-timeout",
            _CURL,
        ),
        None,
    ),
    "wget": ProgramFiles(
        _reader("eADRIXlQtTUwB", "header user-agent tries timeout level user password", _WGET), None
    ),
    **dict.fromkeys(
        words("gcc g++ cc c++ clang clang++ ld as ld.lld gfortran nasm tcc"), _COMPILER
    ),
    "rustc": ProgramFiles(_reader("LlCAWDFZ", "crate-name crate-type edition", _RUSTC)),
    "go": ProgramFiles(
        Options(paths={"o": "write", "C": "enter"}, is_clustered=False), operands=None
    ),
    "make": ProgramFiles(
        Options(
            "WEo",
            paths={
                "C": "enter",
                "directory": "enter",
                "f": "read",
                "file": "read",
                "makefile": "read",
            },
            attached="jlO",
        ),
        operands=None,
    ),
    "time": ProgramFiles(
        Options("f", words("format"), {"o": "write", "output": "write"}, is_prefix=True), None
    ),
    "xargs": ProgramFiles(
        Options("InPLsdE", paths={"a": "read", "arg-file": "read"}, is_prefix=True), None
    ),
}

_GREP = ProgramFiles(
    _reader(
        "eABCmdD",
        "regexp max-count after-context before-context context include exclude exclude-dir label "
        "directories devices binary-files",
        {"f": "read", "file": "read", "exclude-from": "read"},
    ),
    n_texts=1,
    text_options=words("e regexp f file"),
)
_READERS: Mapping[str, ProgramFiles] = {
    "grep": _GREP,
    "egrep": _GREP,
    "fgrep": _GREP,
    "zgrep": _GREP,
    "rg": ProgramFiles(
        _reader(
            "eABCmdgtTrjME",
            "regexp max-count after-context before-context context glob iglob type type-not "
            "replace threads max-columns max-depth sort sortr color colors encoding",
            {"f": "read", "file": "read", "ignore-file": "read", "pre": "read"},
        ),
        n_texts=1,
        text_options=words("e regexp f file files type-list"),
    ),
    "sed": ProgramFiles(
        Options(
            "el",
            words("expression line-length"),
            {"f": "read", "file": "read"},
            attached="i",
            flags=words("in-place"),
        ),
        n_texts=1,
        text_options=words("e expression f file"),
        rewriting=words("i in-place"),
    ),
    "perl": ProgramFiles(
        Options("eE", attached="iIMmFCdDlT0x"),
        n_texts=1,
        text_options=words("e E"),
        rewriting=words("i"),
    ),
    **dict.fromkeys(
        ("awk", "gawk", "mawk", "nawk"),
        ProgramFiles(
            _reader("Fvi", "assign field-separator include", {"f": "read", "file": "read"}),
            n_texts=1,
            text_options=words("f file"),
            # gawk: `-i inplace`.
            rewriting=words("i include"),
        ),
    ),
    "sort": ProgramFiles(
        _reader(
            "ktS",
            "key field-separator buffer-size parallel batch-size",
            {
                "o": "write",
                "output": "write",
                "T": "into",
                "temporary-directory": "into",
                **_READ_LIST,
            },
        )
    ),
    "shuf": ProgramFiles(
        _reader("in", "input-range head-count", {"o": "write", "output": "write"})
    ),
    "ruby": ProgramFiles(
        Options("eCEFrT", attached="iIWxK0l"),
        n_texts=0,
        text_options=words("e"),
        rewriting=words("i"),
    ),
    "head": ProgramFiles(_reader("nc", "lines bytes")),
    "tail": ProgramFiles(_reader("ncs", "lines bytes sleep-interval pid")),
    "cut": ProgramFiles(_reader("bcdf", "bytes characters delimiter fields output-delimiter")),
    "paste": ProgramFiles(_reader("d", "delimiters")),
    "join": ProgramFiles(_reader("aeijotv12")),
    "column": ProgramFiles(_reader("scoNRHTEW", "separator output-separator table-columns")),
    "fold": ProgramFiles(_reader("w", "width")),
    "fmt": ProgramFiles(_reader("wpg", "width prefix goal")),
    "nl": ProgramFiles(_reader("bdfhilnsvw")),
    "expand": ProgramFiles(_reader("t", "tabs")),
    "wc": ProgramFiles(_reader(paths=_READ_LIST)),
    "diff": ProgramFiles(
        _reader("xIUCWF", "exclude ignore-matching-lines label width", {"X": "read"})
    ),
    "cmp": ProgramFiles(_reader("in", "ignore-initial bytes")),
    "od": ProgramFiles(_reader("AtNjSw")),
    "hexdump": ProgramFiles(_reader("enfs")),
    "xxd": ProgramFiles(_reader("clsgo"), leading=("read", "write")),
    "strings": ProgramFiles(_reader("ntes")),
    "stat": ProgramFiles(_reader("c", "format printf")),
    "base64": ProgramFiles(_reader("w", "wrap")),
    "base32": ProgramFiles(_reader("w", "wrap")),
    "du": ProgramFiles(_reader("dtB", "max-depth exclude threshold", {"X": "read"})),
    "ls": ProgramFiles(_reader("wIT", "ignore hide width sort time time-style format")),
    "tree": ProgramFiles(_reader("LIPT", "filelimit", {"o": "write"})),
    "less": ProgramFiles(_reader("pPbhjxyz", paths={"o": "write", "O": "write"})),
    "bat": ProgramFiles(_reader("lrH", "language line-range theme style")),
    "uniq": ProgramFiles(
        _reader("fsw", "skip-fields skip-chars check-chars"), leading=("read", "write")
    ),
    **dict.fromkeys(
        words(
            "cat more nl tac rev comm file cksum sum md5sum sha1sum sha224sum sha256sum sha384sum "
            "sha512sum b2sum zcat bzcat xzcat zless unexpand tsort vdir dir"
        ),
        ProgramFiles(),
    ),
}

PROGRAM_FILES: Mapping[str, ProgramFiles] = {**_WRITERS, **_FETCHERS_AND_COMPILERS, **_READERS}
