"""`no_secrets`: no key, token or password goes into the repository.

Above: the registry. Below: `agentos.redact_text`, which knows what tokens look like. What it finds is
judged here, because a template, an environment variable or a dummy of a test is no secret; what looks like a
token is judged by made_up_secrets, as evidence is.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import itertools
import re
from collections.abc import Iterator

from agentos import Finding, ReviewedFile, redact_text
from agentos_governance.evidence.made_up_secrets import entropy, is_made_up
from agentos_governance.gatekeeper.checks.contents.joined_secrets import joined_texts
from agentos_governance.gatekeeper.files.added_lines import added_lines, text_lines
from agentos_governance.gatekeeper.files.naming import is_document, is_product, is_test_path
from agentos_governance.gatekeeper.work import Work

CHECK = "no_secrets"
_REDACTED = "[redacted]"
_TOKEN = re.compile(
    r"^(aos_|gh[opsur]_|github_pat_|glpat-|npm_|pypi-|sk-|xox[abeoprs]-|hf_|whsec_|AKIA|ASIA|AIza|eyJ"
    r"|-----BEGIN|SG\.|dop_v1_|shpat_|rk_live_|sk_live_)"
)
_MORE_TOKENS = re.compile(
    r"\b((?:sk|rk)_live_[A-Za-z0-9]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}|dop_v1_[0-9a-f]{40,}|shpat_[0-9a-f]{32}"
    r"|AccountKey=[A-Za-z0-9+/=]{40,}|ya29\.[\w-]{30,}|\d{8,10}:AA[\w-]{32,})"
)
_ASSIGNED = re.compile(
    r"(?i)\b([\w.-]{0,60}(?:password|passwd|secret|token|api_?-?key|access_?-?key|private_?-?key|credential|auth)"
    r"[\w-]{0,60})[\"']?\s{0,9}(?::\s{0,9}[\w\[\]. |]{1,60})?(?:=|:|=>)\s{0,9}[rbf]?[\"']([^\"'\s]{8,500})[\"']"
)
_PLAIN_ASSIGNED = re.compile(
    r"(?i)^\s*(?:export\s+)?([\w.-]*(?:password|passwd|secret|token|api_?key|access_?key|_authToken)[\w-]*)"
    r"\s*[=:]\s*([^\s\"'#]{8,500})\s*$"
)
_DUMMY = re.compile(
    r"(?i)example|dummy|fake|placeholder|change_?me|your[-_]|redacted|sample|secret|password|passw"
    r"|test|mock|foo|bar|xxxx|\*{3,}|\.{3}|<.*>|\$\{|\{\{|%\(|todo|none|null|not[-_]?a|invalid|demo|local"
    r"|1234|abcd|0000|deadbeef"
)
_REFERENCE = re.compile(
    r"^(\$|\{|%|<|@|os\.|env|process\.|secrets\.|vault:|arn:|ref\+|https?://|/|\./)|\(|\["
)
_URL_PASSWORD = re.compile(
    r"[a-zA-Z][a-zA-Z0-9+.-]{0,30}://[^\s:/@\"']*:([^\s/@\"']+)@([^\s/:\"']+)"
)
_LOCK = re.compile(
    r"(^|/)([\w.-]*\.lock|[\w-]*lock\.(json|yaml)|go\.sum|\.secrets\.baseline)$|\.snap$|\.min\.js$"
)
_KEY_FILE = re.compile(r"(^|/)(id_(rsa|dsa|ecdsa|ed25519)|[\w.-]+\.(p12|pfx|jks|keystore|kdbx))$")
_KEY_BEGIN = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----\s*+")
_KEY_END = "-----END "
_ACCOUNT = re.compile(
    r"[\"']type[\"']\s{0,9}:\s{0,9}[\"'](?:service_account|authorized_user)|[\"']private_key[\"']\s{0,9}:"
)
_BASE64 = re.compile(
    r"(?<![\w+/=-])(?:[A-Za-z0-9+/]{4}){8,500}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?(?![\w+/=-])"
)
MAX_KEY_CHARS = 8_000
LEAST_PEM_CHARS = 60
LEAST_SHORT_ENTROPY = 2.5
_PLAIN_FILE = re.compile(
    r"(^|/)(\.env[\w.-]*|\.npmrc|\.pypirc|\.netrc|[\w-]+\.(ini|cfg|conf|properties|ya?ml|toml|env|tfvars))$"
)
LEAST_ENTROPY = 3.0
LEAST_KEY_CHARS = 16


async def no_secrets(work: Work) -> list[Finding]:
    """See the module."""
    return await asyncio.to_thread(lambda: [f for file in work.files for f in _in_file(file)])


def _in_file(file: ReviewedFile) -> Iterator[Finding]:
    if file.new is None or _LOCK.search(file.path):
        if file.new_mode is not None and _KEY_FILE.search(file.path):
            yield _found(file, None, "a store of keys", "warning")
        return
    if _KEY_FILE.search(file.path) and file.old is None and b"ENCRYPTED" not in file.new:
        yield _found(file, None, "a file of private keys", _severity(file, "blocking"))
        return
    yield from _key_blocks(file)
    for number, line in added_lines(file):
        if "PRIVATE KEY-----" in line:
            continue
        what = _secret_in(line, is_plain=bool(_PLAIN_FILE.search(file.path)))
        if what is not None:
            yield _found(file, number, what, _severity(file, "blocking"))
    yield from _in_pieces(file)


def _in_pieces(file: ReviewedFile) -> Iterator[Finding]:
    lines = text_lines(file.new)
    for number, text in joined_texts(file):
        if text.strip("\"' ") in lines[number - 1] or "PRIVATE KEY-----" in text:
            continue
        what = _secret_in(text, is_plain=False)
        if what is not None and _secret_in(lines[number - 1], is_plain=False) is None:
            # A test of what finds secrets writes its dummies so, that nothing else finds them.
            is_test = is_test_path(file.path)
            severity = "warning" if is_test else "blocking"
            yield _found(file, number, f"{what}, in pieces", severity)


def _key_blocks(file: ReviewedFile) -> Iterator[Finding]:
    text = "\n".join(text_lines(file.new))
    old = "\n".join(text_lines(file.old))
    # Of a service account, or of code, a short key is one too: nobody else writes one down.
    is_account = bool(_ACCOUNT.search(text))
    for match in _KEY_BEGIN.finditer(text):
        # Only to the next dashes: a key has none within.
        end = text.find(_KEY_END[:5], match.end(), match.end() + MAX_KEY_CHARS)
        if end < 0 or not text.startswith(_KEY_END, end):
            continue
        body = re.sub(r"\\n|[\s\\\"'+,]", "", text[match.end() : end])
        is_known = text[match.start() : end] in old
        if is_known or not _is_key(body, is_account=is_account or is_product(file.path)):
            continue
        line = text.count("\n", 0, match.start()) + 1
        yield _found(file, line, "a private key", _severity(file, "blocking"))


def _is_key(body: str, *, is_account: bool) -> bool:
    """Whether what stands between the marks is a key, or the beginning of one, and no placeholder."""
    if len(body) >= LEAST_PEM_CHARS:
        return entropy(body) >= 4.0
    is_plain = re.fullmatch(r"[A-Za-z0-9/=]{8,}", body) is not None
    return (
        is_account and is_plain and entropy(body) >= LEAST_SHORT_ENTROPY and not _DUMMY.search(body)
    )


def _secret_in(line: str, *, is_plain: bool) -> str | None:
    """What kind of secret stands in a line; None for none, and for what is plainly a dummy."""
    for decoded in _decoded(line):
        if any(_TOKEN.match(value) and _is_real(value, 12) for value in _redacted_parts(decoded)):
            return "what looks like a token, in base64"
    for value in _redacted_parts(line):
        if _TOKEN.match(value) and _is_real(value, 12):
            return f"what looks like a token ({value[:4]}...)"
    more = _MORE_TOKENS.search(line)
    if more and _is_real(more[1], 12):
        return f"what looks like a token ({more[1][:4]}...)"
    url = _URL_PASSWORD.search(line)
    if url and _is_password(url[1], url[2]):
        return "a password in an address"
    for match in (_ASSIGNED.search(line), _PLAIN_ASSIGNED.search(line) if is_plain else None):
        if match and _is_real_value(match[1], match[2]):
            return f"a value for {match[1][:40]!r}"
    return None


def _decoded(line: str) -> Iterator[str]:
    """Texts that a line holds in base64, as sources and manifests of clusters keep them."""
    for match in _BASE64.finditer(line):
        try:
            content = base64.b64decode(match[0], validate=True)
        except binascii.Error:
            continue
        if content.isascii():
            yield content.decode("ascii")


def _redacted_parts(line: str) -> Iterator[str]:
    """What `redact_text` would take out of a line."""
    redacted = redact_text(line)
    if redacted == line:
        return
    at = 0
    parts = redacted.split(_REDACTED)
    for before, after in itertools.pairwise(parts):
        start = line.find(before, at) + len(before)
        end = line.find(after, start) if after else len(line)
        if end > start >= 0:
            yield line[start:end]
        at = max(start, 0)


def _is_real(value: str, least_chars: int) -> bool:
    body = _TOKEN.sub("", value, count=1)
    return len(body) >= least_chars and not is_made_up(value)


def _is_password(password: str, host: str) -> bool:
    is_random = _n_kinds(password) >= 3 and len(password) >= 10 and entropy(password) >= 3.0
    is_near = host in {"localhost", "127.0.0.1", "db", "postgres", "redis", "rabbitmq", "mysql"}
    is_template = bool(_REFERENCE.search(password)) or "{" in password or "$" in password
    if is_near or is_template or _DUMMY.search(password):
        return False
    return is_random or ("example" not in host and len(password) >= 8 and entropy(password) >= 2.8)


def _n_kinds(text: str) -> int:
    """How many of lower case, upper case, digits and signs are in a text."""
    return sum(bool(re.search(each, text)) for each in (r"[a-z]", r"[A-Z]", r"\d", r"[^\w]"))


def _is_real_value(name: str, value: str) -> bool:
    """Whether a value of a telling name is random enough to be a secret and no word."""
    if _DUMMY.search(value) or _REFERENCE.search(value) or re.fullmatch(r"[A-Za-z_.:/ -]+", value):
        return False
    if re.search(
        r"(?i)url|uri|path|file|name|field|header|type|regex|pattern|_id$|sha|digest|hash", name
    ):
        return False
    if re.fullmatch(r"[0-9a-fA-F]+", value):
        return len(value) >= 32 and entropy(value) >= LEAST_ENTROPY
    kinds = _n_kinds(value)
    is_password = bool(re.search(r"(?i)passw", name))
    if is_password:
        return len(value) >= 8 and kinds >= 3 and entropy(value) >= 2.8
    return len(value) >= LEAST_KEY_CHARS and kinds >= 2 and entropy(value) >= 3.5


def _severity(file: ReviewedFile, severity: str) -> str:
    # Keys that tests are signed with are usual; a person should look at each all the same.
    is_fixture = is_test_path(file.path) or is_document(file.path)
    return "warning" if is_fixture and file.path.endswith((".pem", ".key", ".crt")) else severity


def _found(file: ReviewedFile, line: int | None, what: str, severity: str) -> Finding:
    return Finding(
        CHECK,
        "warning" if severity == "warning" else "blocking",
        f"{file.path} holds {what}; take it out, and take it out of use as well",
        "a secret would be committed",
        file.path,
        line,
        line,
    )
