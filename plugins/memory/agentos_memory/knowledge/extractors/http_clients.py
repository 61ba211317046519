"""Calls of endpoints: who sends what to which address, whatever the client library.

The address is reduced to host and path; links keep those that an endpoint of the repository
answers. Above: linking. Below: addresses, texts of calls.
"""

from __future__ import annotations

import re
from itertools import islice

from agentos_memory.knowledge.extractors.call_text import (
    arguments,
    field_names,
    held_in,
    receiver_before,
)
from agentos_memory.knowledge.extractors.code_files import is_code, is_commented
from agentos_memory.knowledge.extractors.urls import Address, address_of
from agentos_memory.knowledge.model import Extraction, Findings, Ref
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile

MAX_CALLS = 500
ANY = "ANY"
# `client.post(`, `this.http.get(`, `Http::post(`, `restTemplate.postForObject(`.
_ON_CLIENT = re.compile(
    r"(?:\.|->|::)\s*"
    r"(?P<verb>get|post|put|patch|delete|head|request|"
    r"Get|Post|PostForm|Put|Patch|Delete|"
    r"(?:get|post|put|patch)For(?:Object|Entity)|exchange|uri|"
    r"(?:Get|Post|Put|Patch|Delete)(?:FromJson|AsJson|String)?Async)(?=\s*(?:<[\w<>\[\], ]{1,80}>)?\()"
)
_IS_CLIENT = re.compile(
    r"client|session|http|request|axios|^got$|superagent|^ky$|needle|rest|faraday|fetch|conn|api|"
    r"reqwest|web|^curl$|^agent$|\b_client\b",
    re.IGNORECASE,
)
_PLAIN = re.compile(
    r"(?<![\w.$])(?:\$?(?:fetch|axios|got|ky|request|ofetch|urlopen)"
    r"|(?:http\.)?NewRequest(?:WithContext)?|[Rr]equests?\.Request|HttpRequestMessage)(?=\()"
)
_GO_REQUEST = re.compile(r"http\.NewRequest(?:WithContext)?(?=\()")
_METHOD = re.compile(
    r"(?:method\s*[:=]\s*['\"]|^['\"]|http\.Method|HttpMethod\.)(?P<verb>GET|POST|PUT|PATCH|DELETE|"
    r"get|post|put|patch|delete|Get|Post|Put|Patch|Delete)\b"
)
_URL_GIVEN = re.compile(r"\b(?:url|uri|path)\s*[:=]\s*(?P<value>.+)", re.DOTALL)
_VARIABLE = re.compile(
    r"(?:(?:json|data|body|params)\s*[:=]\s*)?(?:JSON\.stringify\(\s*)?(?P<name>[A-Za-z_$][\w$]*)\)?$"
)


def _extract(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    text = file.text
    for pattern in (_ON_CLIENT, _PLAIN, _GO_REQUEST):
        for match in islice(pattern.finditer(text), MAX_CALLS):
            named = match.groupdict()
            if pattern is _ON_CLIENT and not _IS_CLIENT.search(
                receiver_before(text, match.start())
            ):
                continue
            opened = text.find("(", match.end())
            _note(findings, file, match.start(), opened, named.get("verb") or "")
    return findings.extraction()


def _note(findings: Findings, file: SourceFile, start: int, opened: int, verb: str) -> None:
    if is_commented(file.text, start):
        return
    given = arguments(file.text, opened)
    for position, argument in enumerate(given[:3]):
        address = _address(argument, file.text, start)
        if address is not None and address.path != "/":
            line = file.line_at(start)
            call = Ref("http_call", f"{_method(verb, given)} {address.host} {address.path}")
            rest = given[position + 1 :] or ([argument] if "{" in argument[:1] else [])
            carries = _carried(rest, file.text, start)
            findings.edge(
                findings.code(line), "writes", call, line, "http call", "inferred", carries
            )
            return


def _address(argument: str, text: str, before: int) -> Address | None:
    if argument.startswith("{"):
        inner = _URL_GIVEN.search(argument)
        argument = "" if inner is None else arguments("(" + inner["value"] + ")", 0)[0]
    else:
        inner = _URL_GIVEN.match(argument)
        argument = argument if inner is None else inner["value"]
    return address_of(argument.strip(), text, before)


def _method(verb: str, given: list[str]) -> str:
    """The method that the function's name says, or an argument, or GET where neither does."""
    own = re.match(r"get|post|put|patch|delete", verb, re.IGNORECASE)
    if own is not None:
        return own.group().upper()
    for argument in given:
        found = _METHOD.search(argument)
        if found is not None:
            return found["verb"].upper()
    return ANY if verb in ("uri", "exchange") else "GET"


def _carried(rest: list[str], text: str, before: int) -> str:
    """Names of fields in the arguments after the address, and in variables that are handed over."""
    parts = []
    for argument in rest[:6]:
        variable = _VARIABLE.match(argument)
        parts.append(argument)
        if variable is not None:
            parts.append("{" + held_in(text, variable["name"], before) + "}")
    return field_names(" ; ".join(parts))


HTTP_CALLS = KnowledgeExtractor(
    "http calls",
    1,
    is_code,
    _extract,
    (b"http", b"Http", b"HTTP", b"fetch(", b"axios", b"client", b"Client", b"session", b"request"),
)
