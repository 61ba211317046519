"""Endpoints that services answer: routes of the usual web frameworks, with the code behind them.

Django, Flask, FastAPI, aiohttp; Express, Fastify, Hono, Koa, Nest, Next; net/http, gin, echo, chi,
fiber; Spring; ASP.NET; Sinatra and Rails; Laravel and Symfony; axum and actix. An endpoint is named
`METHOD /path (file)`. Above: linking, which finds the calls to them. Below: texts of calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from agentos_memory.knowledge.extractors.call_text import arguments
from agentos_memory.knowledge.extractors.code_files import is_code, is_commented
from agentos_memory.knowledge.extractors.urls import route_path
from agentos_memory.knowledge.model import Extraction, Findings
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile

MAX_ROUTES = 500
ANY = "ANY"
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_PYTHON, _SCRIPT = (".py",), (".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts")
_JAVA = (".java", ".kt", ".scala")


@dataclass(frozen=True, slots=True)
class _Route:
    """One route: where it stands, and what handles it (a name, or an offset in the file)."""

    method: str
    path: str
    offset: int
    handler: str | int


# A decorator in front of its function: Flask, FastAPI, Sanic, aiohttp.
_DECORATED = re.compile(
    r"^[ \t]*@[\w.]{1,80}\.(?P<verb>route|get|post|put|patch|delete|api_route)\(\s*"
    r"(?:path\s*=\s*|rule\s*=\s*)?[rf]?['\"](?P<path>[^'\"\n]{0,300})['\"](?P<rest>[^\n]{0,300})",
    re.MULTILINE,
)
_DEF = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+\w+", re.MULTILINE)
_VERBS_GIVEN = re.compile(r"methods?\s*[=:]\s*[\[({]?\s*(?P<verbs>['\"\w, ]{3,80})")
_PREFIX = re.compile(
    r"(?:APIRouter|Blueprint|Sanic)\([^()]{0,300}?(?:url_)?prefix\s*=\s*['\"](?P<prefix>/[^'\"\n]{0,200})['\"]"
)
# A call that names path and handler: Django, Starlette, aiohttp, Express, gin, chi, axum, Laravel.
_DJANGO = re.compile(r"(?<![\w.])path(?=\(\s*['\"])")
_ADDED = re.compile(
    r"(?<!\w)(?:Route|add_(?:api_)?route|add_(?P<verb>get|post|put|patch|delete))(?=\()"
)
_SCRIPTED = re.compile(
    r"(?<![\w$])(?P<on>\w*(?:app|App|router|Router|server|Server|api|fastify|routes))\."
    r"(?P<verb>get|post|put|patch|delete|all)(?=\(\s*['\"`]/)"
)
_GO = re.compile(
    r"\.(?P<verb>(?:HandleFunc|Handle)(?=\([^,\n]{0,100}\"(?:[A-Z]{3,7} )?/)"
    r"|(?:GET|POST|PUT|PATCH|DELETE|Get|Post|Put|Patch|Delete|Any)(?=\(\s*\"/))"
)
_GO_METHODS = re.compile(r"^[^\n]{0,300}?\)\s*\.Methods\(\s*(?:\"|http\.Method)(?P<verb>\w+)")
_MAPPED = re.compile(r"\.Map(?P<verb>Get|Post|Put|Patch|Delete)(?=\(\s*\")")
_RUST = re.compile(r"\.route(?=\(\s*\"/)")
_RUST_HANDLER = re.compile(r"\b(?P<verb>get|post|put|patch|delete)\(\s*(?P<name>[\w:]{1,100})")
_LARAVEL = re.compile(r"\bRoute::(?P<verb>get|post|put|patch|delete|any)(?=\(\s*['\"])")
_RUBY = re.compile(
    r"^[ \t]*(?P<verb>get|post|put|patch|delete)[ \t]+\(?['\"](?P<path>/?[^'\"\n]{0,200})['\"]"
    r"(?P<rest>[^\n]{0,200})",
    re.MULTILINE,
)
_RAILS_TARGET = re.compile(r"(?:to:|=>)\s*['\"](?P<controller>[\w/]{1,100})#(?P<action>\w{1,100})")
# An annotation or attribute in front of a method, below one of its class.
_ANNOTATED = re.compile(
    r"(?:@(?P<verb>Get|Post|Put|Patch|Delete|Request)Mapping\b|@(?P<nest>Get|Post|Put|Patch|Delete)(?=\()"
    r"|\[Http(?P<net>Get|Post|Put|Patch|Delete)\b|#\[(?P<attribute>Route|get|post|put|patch|delete)(?=\())"
)
_CLASS_PATH = re.compile(
    r"(?:@RequestMapping|@Controller|\[Route)\(\s*(?:(?:path|value)\s*=\s*)?[\[{]?\s*"
    r"['\"](?P<path>[^'\"\n]{0,200})['\"](?=[^{;]{0,600}?\bclass\s+(?P<name>\w+))"
)
_QUOTED = re.compile(r"['\"`](?P<path>[^'\"`\n]{0,300})['\"`]")
_METHOD_NAME = re.compile(r"(?<![@\w.])(?P<name>\w+)\s*\(")
_NEXT = re.compile(r"(?:^|/)(?:src/)?app/(?P<path>(?:.*/)?)route\.[jt]sx?$")
_NEXT_EXPORT = re.compile(
    r"^export\s+(?:async\s+)?(?:function|const)\s+(?P<verb>GET|POST|PUT|PATCH|DELETE)\b",
    re.MULTILINE,
)


def _extract(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    for route in islice(_routes(file), MAX_ROUTES):
        if is_commented(file.text, route.offset):
            continue
        line = file.line_at(route.offset)
        name = f"{route.method} {route_path(route.path)} ({file.path})"
        endpoint = findings.entity("endpoint", name, line, "http route")
        if isinstance(route.handler, str):
            handler = findings.symbol(route.handler, line)
        else:
            handler = findings.code(file.line_at(route.handler))
        findings.edge(handler, "reads", endpoint, line, "http route", "inferred")
    return findings.extraction()


def _routes(file: SourceFile) -> Iterator[_Route]:
    path, text = file.path, file.text
    if path.endswith(_PYTHON):
        yield from _python(file)
    elif path.endswith(_SCRIPT):
        yield from _called(text, _SCRIPTED)
        yield from _annotated(text)
        yield from _next(file)
    elif path.endswith(".go"):
        yield from _go(text)
    elif path.endswith(_JAVA):
        yield from _annotated(text)
    elif path.endswith(".cs"):
        yield from _called(text, _MAPPED)
        yield from _annotated(text)
    elif path.endswith(".rb"):
        yield from _ruby(text)
    elif path.endswith(".php"):
        yield from _called(text, _LARAVEL)
        yield from _annotated(text)
    elif path.endswith(".rs"):
        yield from _rust(text)
        yield from _annotated(text)


def _found(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    return islice(pattern.finditer(text), MAX_ROUTES)


def _python(file: SourceFile) -> Iterator[_Route]:
    text = file.text
    prefixed = _PREFIX.search(text)
    prefix = "" if prefixed is None else prefixed["prefix"]
    for match in _found(_DECORATED, text):
        below = _DEF.search(text, match.end(), match.end() + 2_000)
        handler = match.start() if below is None else below.end()
        for verb in _verbs(match["verb"], match["rest"]):
            yield _Route(verb, f"{prefix}/{match['path']}", match.start(), handler)
    yield from _called(text, _ADDED)
    if file.name == "urls.py":
        yield from _called(text, _DJANGO)


def _verbs(verb: str, rest: str) -> list[str]:
    """The methods of a route: its own, or those that are given, or GET as Flask says."""
    if verb.upper() in _METHODS:
        return [verb.upper()]
    given = _VERBS_GIVEN.search(rest)
    named = re.findall(r"[A-Za-z]+", "" if given is None else given["verbs"])
    found = [name.upper() for name in named if name.upper() in _METHODS]
    return found or ["GET"]


def _called(text: str, pattern: re.Pattern[str]) -> Iterator[_Route]:
    for match in _found(pattern, text):
        given = arguments(text, match.end())
        quoted = [each for each in given[:2] if _QUOTED.search(each)]
        if not quoted or len(given) < 2:
            continue
        slashed = [each for each in quoted if _quoted_path(each).lstrip("GETPOSUAHDL ")[:1] == "/"]
        path = _quoted_path((slashed or quoted)[0])
        verb = (match.groupdict().get("verb") or ANY).upper()
        stated = given[0].strip("'\"").upper()
        if slashed and slashed[0] is not given[0] and stated in _METHODS:
            verb = stated
        first = re.match(r"(?P<verb>[A-Z]{3,7}) (?=/)", path)
        if first is not None:
            verb, path = first["verb"], path[first.end() :]
        yield _Route(
            verb if verb in _METHODS else ANY, path, match.start(), _handler(given, match.end())
        )


def _quoted_path(argument: str) -> str:
    found = _QUOTED.search(argument)
    return "" if found is None else found["path"]


def _handler(given: list[str], opened: int) -> str | int:
    """The name of what is handed over; the place of the call for a function written there."""
    last = given[-1]
    array = re.match(r"\[\s*(?P<cls>\w+)::class\s*,\s*['\"](?P<method>\w+)['\"]", last)
    if array is not None:
        return f"{array['cls']}.{array['method']}"
    wrapped = re.fullmatch(r"(?:[\w.]+\()?(?P<name>[A-Za-z_$][\w$.]*?)(?:\.as_view\(\))?\)?", last)
    return opened if wrapped is None else wrapped["name"]


def _go(text: str) -> Iterator[_Route]:
    for route in _called(text, _GO):
        limited = _GO_METHODS.match(text[route.offset : route.offset + 400])
        if route.method == ANY and limited is not None:
            yield _Route(limited["verb"].upper(), route.path, route.offset, route.handler)
        else:
            yield route


def _rust(text: str) -> Iterator[_Route]:
    for match in _found(_RUST, text):
        given = arguments(text, match.end())
        for handler in _RUST_HANDLER.finditer(",".join(given[1:])):
            name = handler["name"].rpartition("::")[2]
            yield _Route(handler["verb"].upper(), _quoted_path(given[0]), match.start(), name)


def _ruby(text: str) -> Iterator[_Route]:
    is_rails = "routes.draw" in text
    for match in _found(_RUBY, text):
        target = _RAILS_TARGET.search(match["rest"])
        if is_rails and target is not None:
            parts = [each.capitalize() for each in re.split(r"[_/]", target["controller"])]
            handler: str | int = f"{''.join(parts)}Controller.{target['action']}"
        elif not is_rails and match["path"].startswith("/") and re.search(r"\bdo\b", match["rest"]):
            handler = match.end()
        else:
            continue
        yield _Route(match["verb"].upper(), match["path"], match.start(), handler)


def _annotated(text: str) -> Iterator[_Route]:
    """Spring, Nest, ASP.NET, Symfony, actix: the path may be joined to that of the class."""
    above = _CLASS_PATH.search(text)
    prefix = ""
    if above is not None:
        prefix = above["path"].replace("[controller]", above["name"].removesuffix("Controller"))
    for match in _found(_ANNOTATED, text):
        if above is not None and match.start() == above.start():
            continue
        given = arguments(text, match.end()) if text[match.end() : match.end() + 1] == "(" else []
        named = next((each for each in given if re.match(r"(?:path|value)\s*=", each)), None)
        stated = _quoted_path(named or next(iter(given), ""))
        verb = next(group for group in match.groups() if group)
        name = _METHOD_NAME.search(text, match.end() + len(",".join(given)) + 1)
        if name is None or name.start() - match.end() > 2 * len(",".join(given)) + 600:
            continue
        for each in _verbs(verb, ",".join(given)) if verb in ("Route", "Request") else [verb]:
            yield _Route(each.upper(), f"{prefix}/{stated}", match.start(), name.start("name"))


def _next(file: SourceFile) -> Iterator[_Route]:
    found = _NEXT.search(file.path)
    for match in _found(_NEXT_EXPORT, file.text) if found is not None else ():
        assert found is not None
        yield _Route(match["verb"], "/" + found["path"], match.start(), match.start())


HTTP_ROUTES = KnowledgeExtractor(
    "http routes",
    1,
    is_code,
    _extract,
    (b"route", b"Route", b"path(", b".get(", b".post(", b".put(", b".delete(", b".patch(", b"Handle",
     b".GET(", b".POST(", b".PUT(", b".DELETE(", b".Get(", b".Post(", b"Mapping", b"[Http", b".Map",
     b"@Get", b"@Post", b"get ", b"post ", b"put ", b"delete ", b"export "),
)  # fmt: skip
