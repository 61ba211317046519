"""Interface descriptions, schemas and PDF pages as sections (issue 4, References)."""

from __future__ import annotations

import json

import pytest

from agentos_memory.references.formats import read_document
from agentos_memory.references.sections import Section, make_sections
from tests.agentos_memory.references.pdf_bytes import make_pdf

PETS_YAML = """openapi: 3.1.0
info:
  title: Pets
  version: "1.2"
  description: >
    A shop
    of pets.
servers:
  - url: https://pets.invalid/v1
paths:
  /pets/{petId}:
    parameters:
      - name: petId
        in: path
        required: true
        schema: {type: string, pattern: "^[a-z]+$"}
    get:
      operationId: showPet
      summary: One pet
      description: "Gives a pet.\\nAlso \\"old\\" ones."
      tags: [pets]
      responses:
        '200':
          description: The pet
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/Pet'
        default: {$ref: '#/components/responses/Problem'}
    delete:
      description: |
        Takes it away.

        For ever.
      responses: {}
components:
  responses:
    Problem:
      description: It went wrong
      content: {application/json: {schema: {$ref: '#/components/schemas/Loop'}}}
  schemas:
    Pet:
      type: object
      required: [id]
      properties:
        id: {type: integer, format: int64, minimum: 1, description: Its number}
        friends: {type: array, items: {$ref: '#/components/schemas/Pet'}}
        colour: {enum: [red, black]}
    Loop:
      $ref: '#/components/schemas/Loop'
"""

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Order",
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "description": "The order's number"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
    },
    "$defs": {"line": {"type": "object", "properties": {"sku": {"type": "string"}}}},
}


def _sections(name: str, content: str | bytes) -> dict[str, Section]:
    raw = content if isinstance(content, bytes) else content.encode()
    return {section.fragment: section for section in make_sections(read_document(name, raw))}


def test_an_operation_is_a_section_with_its_schemas_resolved_one_level() -> None:
    sections = _sections("pets.yaml", PETS_YAML)
    assert list(sections) == [
        "info", "showPet", "/paths/~1pets~1{petId}/delete", "/components/schemas/Pet",
        "/components/schemas/Loop",
    ]  # fmt: skip
    show = sections["showPet"]
    assert show.title == "GET /pets/{petId}: One pet" and show.headings[0] == "Pets"
    assert (show.start_line, show.end_line) == (17, 29)
    for text in (
        'Gives a pet.\nAlso "old" ones.',
        "- petId (path, string, required)",
        "- 200: The pet",
        "application/json: Pet",
        "  - id (integer (int64), required): Its number; minimum 1",
        "  - friends (array of Pet)",
        "  - colour: one of red, black",
        "- default: It went wrong",
    ):
        assert text in show.text
    assert "Takes it away." in sections["/paths/~1pets~1{petId}/delete"].text
    assert "A shop of pets." in sections["info"].text and "Version: 1.2" in sections["info"].text


def test_json_and_yaml_of_the_same_interface_give_the_same_sections() -> None:
    interface = {
        "swagger": "2.0",
        "info": {"title": "T", "version": "1"},
        "paths": {
            "/a": {
                "post": {
                    "operationId": "makeA",
                    "parameters": [
                        {"in": "body", "name": "b", "schema": {"$ref": "#/definitions/A"}}
                    ],
                    "responses": {"201": {"description": "Made", "schema": {"type": "string"}}},
                }
            }
        },
        "definitions": {"A": {"properties": {"x": {"type": "integer"}}}},
    }
    text = json.dumps(interface, indent=2)
    sections = _sections("a.json", text)
    assert "  - x (integer)" in sections["makeA"].text
    assert sections["makeA"].start_line == 9
    as_yaml = _sections("a.yaml", "# the same\n" + text)
    assert {f: s.text for f, s in as_yaml.items()} == {f: s.text for f, s in sections.items()}
    lines = text.split("\n")
    start = sections["makeA"].start_line
    assert start is not None and '"post"' in lines[start - 1]
    assert sections["makeA"].end_line == next(
        n for n, line in enumerate(lines, 1) if n > start and line == "      }"
    )


def test_a_json_schema_gives_its_parts() -> None:
    sections = _sections("order.json", json.dumps(SCHEMA, indent=1))
    assert list(sections) == ["/", "/properties/id", "/properties/lines", "/$defs/line"]
    assert "- id (string, required): The order's number" in sections["/"].text
    assert "- sku (string)" in sections["/properties/lines"].text


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", '{"a": 1', "not valid JSON"),
        ("a.json", '{"a": 1}', "neither an OpenAPI document nor a JSON Schema"),
        ("a.yaml", "a: [1, 2\nb: {", "not valid YAML"),
        ("a.yaml", "a: " + "[" * 300 + "]" * 300, "deeper"),
        ("a.pdf", "%PDF-1.7 broken", "corrupt"),
        ("a.pdf", "hello", "corrupt"),
    ],
)
def test_what_cannot_be_read_says_why(name: str, content: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        _sections(name, content)


def test_yaml_aliases_do_not_unfold() -> None:
    laughs = "openapi: 3.0.0\na: &a [x, x, x, x, x, x, x, x, x]\n"
    for above, name in zip("abcdefgh", "bcdefghi", strict=True):
        laughs += f"{name}: &{name} [" + ", ".join([f"*{above}"] * 9) + "]\n"
    sections = _sections("laughs.yaml", laughs + "info: {title: T, description: *i}\n")
    assert sum(len(section.text) for section in sections.values()) < 1_000


def test_pdf_pages_are_cut_where_outline_entries_begin() -> None:
    pdf = make_pdf(
        [
            ["Manual", "A book about pumps."],
            ["1 Safety", "Wear gloves.", "2 Starting", "Press the green button."],
            ["Wait a minute before you press it."],
        ],
        outline=[("Safety", 1), ("Starting", 1)],
    )
    sections = _sections("manual.pdf", pdf)
    assert list(sections) == [
        "page=1", "page=2&section=safety", "page=2&section=starting", "page=3",
    ]  # fmt: skip
    assert [section.page for section in sections.values()] == [1, 2, 2, 3]
    assert "gloves" in sections["page=2&section=safety"].text
    assert "green" in sections["page=2&section=starting"].text
    assert sections["page=3"].headings == ("Starting",)
    assert sections["page=1"].headings == ("Page 1",)


def test_an_encrypted_pdf_is_refused_by_that_name() -> None:
    with pytest.raises(ValueError, match="encrypted"):
        read_document("locked.pdf", make_pdf([["secret"]], is_encrypted=True))


def test_a_pdf_of_too_many_pages_is_read_up_to_the_limit() -> None:
    document = read_document("long.pdf", make_pdf([[f"Page {n} of it"] for n in range(5_100)]))
    sections = make_sections(document)
    assert len(sections) == 5_000 and sections[-1].page == 5_000
    assert document.notices == ["only 5000 of 5100 pages are read: that is the limit"]
