"""OpenAPI 3 and Swagger 2: one section per operation and per schema.

Anchors are operation ids, and JSON pointers where there is none. Source: OpenAPI 3.1.1.
Below: structured data, schemas in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentos_memory.references.schema_text import Schemas, mapping, sequence, words
from agentos_memory.references.sections import Block, Document
from agentos_memory.references.structured_data import Pointer, Structured

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_SCHEMAS: Sequence[Pointer] = (("components", "schemas"), ("definitions",))
_SECURITY: Sequence[Pointer] = (("components", "securitySchemes"), ("securityDefinitions",))


def is_openapi(value: Any) -> bool:
    """Whether a document says that it is one."""
    return bool({"openapi", "swagger"} & mapping(value).keys())


def read_openapi(source: Structured) -> Document:
    """The interface's operations and schemas."""
    info = mapping(mapping(source.value).get("info"))
    title = words(info.get("title")) or "API"
    return Document("openapi", _Api(source, title).blocks(info), title)


def pointer_text(pointer: Pointer) -> str:
    """A JSON pointer, RFC 6901."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in pointer)


class _Api:
    def __init__(self, source: Structured, title: str) -> None:
        self._root = mapping(source.value)
        self._spans = source.spans
        self._schemas = Schemas(source.value)
        self._title = title

    def blocks(self, info: Mapping[str, Any]) -> Iterator[Block]:
        """All sections, in the order of the document's parts."""
        lines = [words(info.get("summary")), *_text(info.get("description"))]
        servers = [words(mapping(each).get("url")) for each in sequence(self._root.get("servers"))]
        lines += [f"Version: {info['version']}"] if "version" in info else []
        lines += [f"Server: {server}" for server in servers if server]
        yield self._block(("info",), self._title, lines, "info")
        for part in ("paths", "webhooks"):
            for path, item in mapping(self._root.get(part)).items():
                yield from self._operations(part, path, self._schemas.resolve(item))
        for place in _SECURITY:
            for name, scheme in mapping(self._at(place)).items():
                yield self._block((*place, name), f"Security scheme {name}", _scheme(scheme))
        for place in _SCHEMAS:
            for name, schema in mapping(self._at(place)).items():
                lines = [f"Type: {self._schemas.type_of(schema)}", *_about(schema)]
                lines += self._schemas.lines(schema)
                yield self._block((*place, name), f"Schema {name}", lines)

    def _operations(self, part: str, path: str, item: Mapping[str, Any]) -> Iterator[Block]:
        for method in _METHODS:
            operation = mapping(item.get(method))
            if not operation:
                continue
            summary = words(operation.get("summary"))
            title = f"{method.upper()} {path}" + (f": {summary}" if summary else "")
            name = operation.get("operationId")
            fragment = name if isinstance(name, str) and name else None
            lines = list(self._operation(operation, item))
            yield self._block((part, path, method), title, lines, fragment)

    def _operation(self, operation: Mapping[str, Any], item: Mapping[str, Any]) -> Iterator[str]:
        if operation.get("deprecated") is True:
            yield "Deprecated."
        yield from _text(operation.get("description"))
        if isinstance(operation.get("operationId"), str):
            yield f"Operation: {operation['operationId']}"
        tags = ", ".join(str(tag) for tag in sequence(operation.get("tags")))
        if tags:
            yield f"Tags: {tags}"
        parameters = [*sequence(item.get("parameters")), *sequence(operation.get("parameters"))]
        if parameters:
            yield "Parameters:"
        for parameter in parameters:
            yield from self._parameter(self._schemas.resolve(parameter))
        yield from self._body(operation.get("requestBody"))
        responses = mapping(operation.get("responses"))
        if responses:
            yield "Responses:"
        for status, response in responses.items():
            yield from self._response(status, self._schemas.resolve(response))

    def _parameter(self, parameter: Mapping[str, Any]) -> Iterator[str]:
        schema = parameter.get("schema", parameter)
        is_required = parameter.get("required") is True
        kind = [str(parameter.get("in", "")), self._schemas.type_of(schema)]
        details = ", ".join(filter(None, [*kind, "required" if is_required else ""]))
        description = words(parameter.get("description"))
        line = f"- {parameter.get('name')} ({details})"
        yield f"{line}: {description}" if description else line
        if parameter.get("in") == "body" or "enum" in self._schemas.resolve(schema):
            yield from self._schemas.lines(schema, "  ")

    def _body(self, value: Any) -> Iterator[str]:
        body = self._schemas.resolve(value)
        if not body:
            return
        required = " (required)" if body.get("required") is True else ""
        yield f"Request body{required}: {words(body.get('description'))}".rstrip(": ")
        yield from self._content(body)

    def _response(self, status: str, response: Mapping[str, Any]) -> Iterator[str]:
        yield f"- {status}: {words(response.get('description'))}".rstrip(": ")
        yield from self._content(response)
        if "schema" in response:
            yield f"  {self._schemas.type_of(response['schema'])}"
            yield from self._schemas.lines(response["schema"], "  ")

    def _content(self, holder: Mapping[str, Any]) -> Iterator[str]:
        described: list[Any] = []
        for media_type, content in mapping(holder.get("content")).items():
            schema = mapping(content).get("schema")
            yield f"  {media_type}: {self._schemas.type_of(schema)}".rstrip(": ")
            # The same schema for several media types is told once.
            if schema not in described:
                described.append(schema)
                yield from self._schemas.lines(schema, "  ")

    def _block(
        self, pointer: Pointer, title: str, lines: Sequence[str], fragment: str | None = None
    ) -> Block:
        start, end = self._spans.get(pointer, (None, None))
        headings = (title,) if title == self._title else (self._title, title)
        kept = [title, *(line for line in lines if line)]
        return Block(
            headings, kept, start, fragment=fragment or pointer_text(pointer), last_line=end,
            n_heading_lines=1,
        )  # fmt: skip

    def _at(self, place: Pointer) -> Any:
        value: Any = self._root
        for name in place:
            value = mapping(value).get(name)
        return value


def _text(value: Any) -> list[str]:
    return value.splitlines() if isinstance(value, str) else []


def _about(schema: Any) -> list[str]:
    return [words(mapping(schema).get("title")), *_text(mapping(schema).get("description"))]


def _scheme(scheme: Any) -> list[str]:
    own = mapping(scheme)
    facts = [f"{key}: {own[key]}" for key in ("type", "scheme", "in", "name") if key in own]
    return [", ".join(facts), *_text(own.get("description"))]
