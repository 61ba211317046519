"""What an operator watches: the gauges of `/metrics`, the dashboard, and the alerts of the pages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from agentos import Kernel, Role, Settings, open_kernel
from agentos.plugins import default_plugins
from tests.agentos_governance.lifecycle import CONTRACT, FakeClock, Office
from tests.docs.pages import spans_of

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "agentos.json"
_METRIC = re.compile(r"\b(?:agentos|mcp)_[a-z_]+")


def _shown_metrics() -> set[str]:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    assert all(expressions)
    return {name for each in expressions for name in _METRIC.findall(each)}


def _named_metrics() -> set[str]:
    """Those of the operators' pages, alert expressions included."""
    spans = [
        span
        for name in ("deployment", "gateway", "operators")
        for span in spans_of(ROOT / "docs" / f"{name}.md")
    ]
    return {name for span in spans for name in _METRIC.findall(span) if "__" not in name}


def _exposed_metrics(kernel: Kernel) -> set[str]:
    exposed = set()
    for family in kernel.metrics.registry.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
        exposed |= {family.name + each for each in suffixes.get(family.type, ("",))}
    return exposed


async def test_every_metric_of_dashboard_and_pages_is_one_that_the_server_exposes(
    settings: Settings,
) -> None:
    shipped = settings.model_copy(update={"plugins": default_plugins()})
    async with open_kernel(shipped) as kernel:
        shown = _shown_metrics()
        assert len(shown) > 10
        assert (shown | _named_metrics()) - _exposed_metrics(kernel) == set()


async def test_the_figures_follow_work_orders_money_and_events(settings: Settings) -> None:
    governed = settings.model_copy(update={"plugins": ("governance",)})
    async with open_kernel(governed, clock=FakeClock()) as kernel:
        office = Office(kernel, kernel.clock)  # type: ignore[arg-type]
        await office.join("lead", Role.PLANNER)
        for title in ("one", "two"):
            created = await office.dispatch(
                "lead",
                "create_work_order",
                {"title": title, "objective": "x", "contract": CONTRACT},
            )
            assert not created.is_error
        text = (await kernel.metrics.scrape()).decode()
    assert 'agentos_work_orders{state="ready"} 2.0' in text
    assert 'agentos_work_orders{state="active"} 0.0' in text
    assert "agentos_open_questions 0.0" in text
    assert "agentos_spent_usd 0.0" in text
    position = re.search(r"^agentos_event_position (\d+)", text, re.MULTILINE)
    assert position is not None and int(position[1]) > 2


async def test_figures_that_cannot_be_read_do_not_hide_the_others(settings: Settings) -> None:
    async def break_down() -> None:
        raise RuntimeError("the sensor fell off")

    async with open_kernel(settings) as kernel:
        kernel.metrics.on_scrape(break_down)
        text = (await kernel.metrics.scrape()).decode()
    assert "agentos_event_position 0.0" in text
