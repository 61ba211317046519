"""Reads one-line programs of Perl, Ruby, JavaScript, PHP and Lua by the words that reach outside.

Above: interpreters. Below: nothing. These languages are not parsed: a program that holds any of the
words, even as text, is refused, and so is one that builds names while it runs. What is left prints,
counts and transforms. Reading files is no effect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from agentos import InvalidArgumentError
from agentos_governance.shell.effects_of_code import CodeEffects

_WORD = r"(?<![\w$@%])(?:{})(?!\w)"


def _words(text: str) -> str:
    return _WORD.format("|".join(map(re.escape, text.split())))


_PERL = re.compile(
    _words(
        "system exec fork eval require qx readpipe open opendir sysopen syswrite unlink rename "
        "mkdir rmdir link symlink chmod chown truncate utime socket connect syscall kill dump dbmopen "
        "IO::File File::Copy File::Path File::Temp POSIX::system CORE::GLOBAL binmode pipe umask "
        "DynaLoader XSLoader AUTOLOAD Socket LWP HTTP Net IPC"
    )
    + r"|`|&\s*\{|&\s*\$|->\s*\$|\*\s*\{|::\s*\$|%::|\$::|\(\?\??\{|\bdo\s+[^{\s]|/[a-z]*ee[a-z]*\s*(?:;|$)"
    r"|\$\^[A-Z]\s*="
)
_PERL_MODULES = frozenset(
    [
        "strict",
        "warnings",
        "utf8",
        "feature",
        "List::Util",
        "Scalar::Util",
        "Data::Dumper",
        "JSON::PP",
        "POSIX",
        "Time::HiRes",
        "constant",
        "integer",
        "bigint",
        "Text::Wrap",
        "Term::ANSIColor",
        "Digest::SHA",
        "Digest::MD5",
        "MIME::Base64",
        "Encode",
        "open",
    ]
)
_RUBY = re.compile(
    _words(
        "system exec spawn fork syscall eval instance_eval class_eval module_eval instance_exec send "
        "public_send __send__ method define_method const_get Kernel Process Open3 PTY Socket TCPSocket "
        "UDPSocket Net URI FileUtils Dir Fiddle ObjectSpace binding load autoload popen popen2 popen3 "
        "write binwrite unlink delete rename symlink link chmod chown mkfifo truncate mkdir rmdir "
        "IO Pathname Tempfile WEBrick open syswrite putc at_exit trap"
    )
    + r"|`|%x|\.\s*\(\s*:|&:(?:system|exec)|File\s*\.\s*(?:new|open)"
)
_RUBY_MODULES = frozenset(
    ["json", "yaml", "set", "date", "time", "csv", "digest", "pp", "bigdecimal", "erb"]
)
_JAVASCRIPT = re.compile(
    _words(
        "require import eval Function process globalThis global Deno Bun fetch XMLHttpRequest WebSocket "
        "constructor child_process execSync spawnSync execFile exec spawn fork binding dlopen "
        "writeFile writeFileSync appendFile appendFileSync createWriteStream openSync open rm rmSync "
        "unlink unlinkSync rename renameSync mkdir mkdirSync rmdir rmdirSync cp cpSync copyFile "
        "copyFileSync symlink symlinkSync link linkSync truncate truncateSync chmod chmodSync chown "
        "chownSync utimes utimesSync write writeSync mkdtemp mkdtempSync promises Reflect Proxy "
        "__proto__ vm module worker_threads cluster net http https dgram tls inspector repl"
    )
    + r"|\]\s*\(|\]\s*`|\\u|\\x"
)
_JAVASCRIPT_SAFE = re.compile(
    r"require\(\s*(['\"])(?:(?:node:)?(?:fs|path|util|os|url|assert|crypto|querystring|string_decoder"
    r"|buffer|events|perf_hooks)|\.{1,2}/[\w./-]+\.json)\1\s*\)"
    r"|process\.(?:version|versions|platform|arch|argv|env|cwd\(\)|uptime\(\)|memoryUsage\(\)"
    r"|exit\(\d*\)|stdout\.write|hrtime)(?![\w(])|process\.stdout\.write(?=\()"
)
_PHP = re.compile(
    _words(
        "exec shell_exec system passthru popen proc_open pcntl_exec eval assert include "
        "include_once require require_once create_function call_user_func "
        "call_user_func_array file_put_contents fopen fwrite fputs unlink rename copy mkdir "
        "rmdir touch chmod chown symlink link tempnam tmpfile move_uploaded_file fsockopen "
        "stream_socket_client curl_init curl_exec mail preg_replace_callback array_map usort "
        "ReflectionFunction SplFileObject FFI dl putenv ini_set file_get_contents readfile "
        "register_shutdown_function"
    )
    + r"|`|\$\w+\s*\(|\$\{|\$\$",
    re.IGNORECASE,
)
_LUA = re.compile(
    _words(
        "execute popen open output remove rename tmpname load loadstring loadfile dofile require"
    )
    + r"|"
    + _words("package debug ffi _G _ENV setfenv getfenv lines")
)

_DENIED: Mapping[str, re.Pattern[str]] = {
    "perl": _PERL,
    "ruby": _RUBY,
    "node": _JAVASCRIPT,
    "php": _PHP,
    "lua": _LUA,
}
_USE = re.compile(r"\b(?:use|no)\s+([\w:.]+)[^;]*")
_REQUIRE = re.compile(r"\brequire\s*\(?\s*(['\"])([\w/]+)\1\s*\)?")
_RUBY_FILE_READ = re.compile(
    r"(?:File|IO)\s*\.\s*(?:read|readlines|foreach|exist\?|file\?|directory\?|size|basename|dirname"
    r"|extname|join|expand_path)(?!\w)"
)


def read_scanned(language: str, code: str) -> CodeEffects:
    """No effects; InvalidArgumentError for a program that may have some."""
    plain = _without_harmless(language, code)
    found = _DENIED[language].search(plain)
    if found is not None:
        raise InvalidArgumentError(
            f"a {language} program with {found[0].strip()[:40]!r}, which may do anything"
        )
    return CodeEffects()


def _without_harmless(language: str, code: str) -> str:
    if language == "perl":
        return _USE.sub(lambda match: "" if match[1] in _PERL_MODULES else "require", code)
    if language == "ruby":
        code = _REQUIRE.sub(lambda m: "" if m[2] in _RUBY_MODULES else "load", code)
        if re.search(r"\brequire", code):
            return "load"
        return _RUBY_FILE_READ.sub("", code)
    if language == "node":
        return _JAVASCRIPT_SAFE.sub(" ", code)
    return code
