"""Reads XML that a stranger wrote: no entities, no documents from elsewhere, everything bounded.

Above: JUnit and Cobertura reports. Below: expat, which parses without recursion. Declaring an
entity is refused, so none can grow; an external DTD may be named, as Cobertura's writers do, and
is never fetched. Only element names and attributes are given; text is not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from xml.parsers import expat

from agentos import InvalidArgumentError, LimitExceededError

MAX_XML_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
MAX_ELEMENTS = 1_000_000
MAX_ATTRIBUTES = 100
MAX_NAME_CHARS = 200

Enter = Callable[[str, Mapping[str, str]], None]
Leave = Callable[[str], None]


def read_xml(content: bytes, enter: Enter, leave: Leave) -> None:
    """Calls `enter(name, attributes)` and `leave(name)` for each element, in document order.

    Names come without their namespace. Raises InvalidArgumentError for what is not well-formed or
    declares an entity, LimitExceededError beyond the bounds above.
    """
    if len(content) > MAX_XML_BYTES:
        raise LimitExceededError(f"XML of {len(content)} bytes; the limit is {MAX_XML_BYTES}")
    parser = expat.ParserCreate(namespace_separator=" ")
    bounded = _Bounded(enter, leave)
    parser.StartElementHandler = bounded.enter
    parser.EndElementHandler = bounded.leave
    parser.StartDoctypeDeclHandler = _start_doctype
    parser.EntityDeclHandler = _declare_entity
    parser.SkippedEntityHandler = _skip_entity
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise InvalidArgumentError(f"not well-formed XML: {error}") from None
    except (LookupError, ValueError) as error:
        raise InvalidArgumentError(f"XML in an encoding that is not known: {error}") from None


class _Bounded:
    """Counts what passes, and stops the parser beyond the bounds."""

    def __init__(self, enter: Enter, leave: Leave) -> None:
        self._enter = enter
        self._leave = leave
        self._depth = 0
        self._n_elements = 0

    def enter(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._n_elements += 1
        for what, value, limit in (
            ("levels deep", self._depth, MAX_DEPTH),
            ("elements long", self._n_elements, MAX_ELEMENTS),
            ("attributes wide", len(attributes), MAX_ATTRIBUTES),
            ("characters in a name", len(name), MAX_NAME_CHARS),
        ):
            if value > limit:
                raise LimitExceededError(f"XML that is more than {limit} {what} is not read")
        self._enter(_local(name), attributes)

    def leave(self, name: str) -> None:
        self._depth -= 1
        self._leave(_local(name))


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _start_doctype(
    name: str, system_id: str | None, public_id: str | None, has_internal_subset: bool
) -> None:
    if has_internal_subset:
        raise InvalidArgumentError(
            "XML with declarations of its own (<!DOCTYPE ... [ ]>) is not read",
            remedy="write the report without a DOCTYPE",
        )


def _declare_entity(*declaration: object) -> None:
    raise InvalidArgumentError("XML that declares entities is not read")


def _skip_entity(name: str, is_parameter: bool) -> None:
    raise InvalidArgumentError(f"XML that uses the undeclared entity {name[:80]!r} is not read")
