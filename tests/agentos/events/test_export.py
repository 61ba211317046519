"""Issue 3, audit: the log for SIEMs and spreadsheets, escaped so that no event can forge another."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from agentos import Event, Settings
from agentos.events.exporting.cef import cef_line
from agentos.events.exporting.csv_lines import COLUMNS, csv_header, csv_line
from agentos.events.exporting.export import ExportFormat, Selection, export_lines
from agentos.events.exporting.ocsf import ocsf_document
from tests.agentos.events.tampering import execute, open_log
from tests.agentos.plugin_factory import new_event

AT = datetime(2026, 3, 1, 9, 30, 0, 250_000, tzinfo=UTC)
EVIL = 'x|y=z\\n\r\n CEF:0|Evil|\u2028"quoted",\x1b[31m\t=cmd()'
REQUIRED = {
    "activity_id",
    "actor",
    "api",
    "category_uid",
    "class_uid",
    "metadata",
    "severity_id",
    "src_endpoint",
    "time",
    "type_uid",
}
"""Of class api_activity in OCSF 1.3.0, https://schema.ocsf.io/1.3.0/classes/api_activity."""


def event(type: str = "call.finished", actor: str = "ada", **data: Any) -> Event:
    said = {"call": "CA-1", "tool": "edit_file", "outcome": "ok", **data}
    return Event(7, "work_order/WO-1", 3, type, actor, AT, said, "0" * 64, "a" * 64)


REFUSED = event(
    "call.refused",
    edge="http",
    role="worker",
    error={"code": "call_refused", "message": "not under src/", "rule": "roots"},
)


def test_an_ocsf_line_has_every_attribute_that_the_class_requires() -> None:
    for one in (event(), REFUSED, event("work_order.created"), event("something.new")):
        document = ocsf_document(one)
        assert document.keys() >= REQUIRED
        assert document["type_uid"] == document["class_uid"] * 100 + document["activity_id"]
        assert (document["class_uid"], document["category_uid"]) == (6003, 6)
        assert document["metadata"]["version"] == "1.3.0"
        assert document["metadata"]["product"].keys() >= {"vendor_name", "name"}
        assert document["api"]["operation"]
        assert document["actor"]["user"]["name"] == "ada"
        assert document["src_endpoint"]["name"]
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
