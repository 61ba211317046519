"""Issue 3, audit: the log for SIEMs and spreadsheets, escaped so that no event can forge another."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from ocsf_json_schema import (  # type: ignore[import-untyped]
    OcsfJsonSchemaEmbedded,
    get_ocsf_schema,
)

from agentos import Database, Event, Kernel, Settings, SystemClock
from agentos.events.exporting.cef import cef_line
from agentos.events.exporting.csv_lines import COLUMNS, csv_header, csv_line
from agentos.events.exporting.export import ExportFormat, Selection, export_lines
from agentos.events.exporting.ocsf import ocsf_document
from agentos.plugins import load_plugins
from tests.agentos.events.tampering import execute, open_log
from tests.agentos.plugin_factory import new_event

AT = datetime(2026, 3, 1, 9, 30, 0, 250_000, tzinfo=UTC)
EVIL = 'x|y=z\\n\r\n CEF:0|Evil|\u2028"quoted",\x1b[31m\t=cmd()'
OCSF_VERSION = "1.3.0"


def _ocsf_validator() -> Draft202012Validator:
    """Of class api_activity, from the export of schema.ocsf.io that ocsf-json-schema packages."""
    schemas = OcsfJsonSchemaEmbedded(get_ocsf_schema(OCSF_VERSION))
    return Draft202012Validator(schemas.get_class_schema("api_activity", profiles=[]))


OCSF = _ocsf_validator()


def ocsf_errors(one: Event) -> list[str]:
    """What the official schema has against the line of an event."""
    document = orjson.loads(orjson.dumps(ocsf_document(one)))
    return [f"{error.json_path}: {error.message}" for error in OCSF.iter_errors(document)]


def event(type: str = "call.finished", actor: str = "ada", **data: Any) -> Event:
    said = {"call": "CA-1", "tool": "edit_file", "outcome": "ok", **data}
    return Event(7, "work_order/WO-1", 3, type, actor, AT, said, "0" * 64, "a" * 64)


REFUSED = event(
    "call.refused",
    edge="http",
    role="worker",
    error={"code": "call_refused", "message": "not under src/", "rule": "roots"},
)


def test_every_event_is_valid_by_the_official_ocsf_schema() -> None:
    """Issue 3: OCSF 1.3.0, class api_activity, which allows no attribute that it does not name."""
    plugins = load_plugins(("governance",))
    kernel = Kernel(Settings(plugins=()), plugins, Database("postgresql:///"), SystemClock())
    types = tuple(kernel.events.types)
    assert len(types) > 50
    for name in (*types, "call.finished", "work_order.created", "something.new"):
        assert ocsf_errors(event(name)) == []
        assert ocsf_errors(event(name, actor="")) == []
    assert ocsf_errors(REFUSED) == []
    assert ocsf_errors(event(outcome="error", duration_ms=12, error={"code": "x"})) == []


SAID = (
    *("call", "tool", "outcome", "error", "rule", "rules", "role", "edge", "reason"),
    *("duration_ms", "work_order", "verdict", "arguments_sha256"),
)


@given(
    type=st.text(max_size=40),
    actor=st.text(max_size=40),
    data=st.dictionaries(
        st.sampled_from(SAID),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["code", "message", "rule", "x"]), inner, max_size=3
                )
            ),
            max_leaves=6,
        ),
    ),
)
@settings_of_hypothesis(max_examples=40, deadline=None)
def test_no_event_whatever_it_says_makes_an_invalid_ocsf_line(
    type: str, actor: str, data: dict[str, Any]
) -> None:
    one = Event(7, "principal/x", 3, type, actor, AT, data, "0" * 64, "a" * 64)
    assert ocsf_errors(one) == []


@pytest.mark.parametrize("attribute", OCSF.schema["required"])
def test_the_official_schema_refuses_a_line_without_a_required_attribute(attribute: str) -> None:
    document = orjson.loads(orjson.dumps(ocsf_document(REFUSED)))
    del document[attribute]

    assert not OCSF.is_valid(document)
    assert not OCSF.is_valid({**document, attribute: None})


def test_an_ocsf_line_says_who_did_what_when() -> None:
    document = ocsf_document(event())

    assert document["type_uid"] == document["class_uid"] * 100 + document["activity_id"]
    assert (document["class_uid"], document["category_uid"]) == (6003, 6)
    assert document["metadata"]["version"] == OCSF_VERSION
    assert document["api"]["operation"] == "edit_file"
    assert document["actor"]["user"]["name"] == "ada"
    assert document["time"] == 1_772_357_400_250


def test_a_refusal_is_a_failure_of_medium_severity_in_ocsf() -> None:
    document = ocsf_document(REFUSED)

    assert (document["status_id"], document["severity_id"]) == (2, 3)
    assert document["status_code"] == "call_refused"
    assert document["api"]["response"]["error_message"] == "not under src/"
    assert document["unmapped"]["rule"] == "roots"


def parse_cef(line: str) -> tuple[list[str], dict[str, str]]:
    """The header's fields and the extension, as a SIEM reads them."""
    header, position = [], 0
    for _ in range(7):
        end = re.compile(r"(?<!\\)(?:\\\\)*\|").search(line, position)
        assert end is not None
        header.append(re.sub(r"\\([\\|])", r"\1", line[position : end.end() - 1]))
        position = end.end()
    pairs = re.split(r"(?:^| )([A-Za-z0-9]+)=", line[position:])[1:]
    values = zip(pairs[::2], pairs[1::2], strict=True)
    unescape = {"\\\\": "\\", "\\=": "=", "\\n": "\n", "\\r": "\r"}
    return header, {
        key: re.sub(r"\\[\\=nr]", lambda m: unescape[m.group()], value) for key, value in values
    }


@pytest.mark.parametrize("actor", ["ada", EVIL, "a\\", "|", "=", "\\|=\\"])
def test_a_cef_line_is_one_line_that_reads_back_as_it_was(actor: str) -> None:
    line = cef_line(event(actor, actor, tool=actor, reason=EVIL))
    header, extension = parse_cef(line)

    assert len(line.splitlines()) == 1
    assert not re.search(r"[\x00-\x1f\x7f]", line)
    assert header[:3] == ["CEF:0", "AgentOS", "AgentOS"]
    flat = re.sub("[\x00-\x1f\u2028]", " ", actor)
    assert header[4] == header[5] == flat
    assert extension["suser"].replace("\n", " ") == flat.replace("  ", " ") or (
        extension["suser"] == flat
    )
    assert extension["externalId"] == "7"
    assert set(extension) >= {"rt", "outcome", "cs1", "cs1Label", "cs5", "msg"}


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", " =1"])
def test_no_value_of_a_csv_line_is_a_formula(text: str) -> None:
    lines = csv_header() + "\n" + csv_line(event(actor=text, tool=text, reason=text)) + "\n"
    (row,) = csv.DictReader(io.StringIO(lines))

    assert list(row) == list(COLUMNS)
    for column in ("actor", "operation", "message"):
        assert row[column] == f"'{text}"
    assert orjson.loads(row["data"])["tool"] == text


def test_a_csv_line_keeps_quotes_and_line_breaks_in_their_field() -> None:
    (row,) = csv.reader(io.StringIO(csv_line(event(actor='say "hi",\r\nthen go')), newline=""))

    assert row[COLUMNS.index("actor")] == 'say "hi",\r\nthen go'
    assert len(row) == len(COLUMNS)


@pytest.mark.anyio
async def test_an_export_selects_streams_in_every_format_without_secrets(
    settings: Settings,
) -> None:
    secret = "ghp_" + "a" * 36
    async with open_log(settings) as kernel:
        for stream in ("a", "work_order/WO-1", "work_order/WO-2"):
            await kernel.writer.submit(new_event(stream, f"text {stream}", work_order=None))
        await kernel.writer.submit(new_event("b", "x", work_order="WO-1"))
        # As an older version might have stored it.
        await execute(
            kernel,
            "update kernel.event set data = data || jsonb_build_object('text', $1::text)"
            " where stream = 'a'",
            f"the token is {secret}",
        )

        async def export(format: ExportFormat, selection: Selection) -> list[str]:
            return [line async for line in export_lines(kernel.database, format, selection)]

        for format in ExportFormat:
            everything = await export(format, Selection())
            assert len(everything) == 4 + (format is ExportFormat.CSV)
            assert secret not in "\n".join(everything)
        chosen = await export(ExportFormat.JSONL, Selection(work_order="WO-1"))
        assert [orjson.loads(line)["stream"] for line in chosen] == ["work_order/WO-1", "b"]
        assert len(await export(ExportFormat.JSONL, Selection(stream="a"))) == 1
        assert await export(ExportFormat.JSONL, Selection(until=AT.replace(year=2000))) == []
        assert len(await export(ExportFormat.OCSF, Selection(since=AT.replace(year=2000)))) == 4
