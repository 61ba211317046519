"""Reports name a test in the form of whatever wrote them; its function is the same."""

from __future__ import annotations

import pytest

from agentos_governance.gatekeeper.records.reports import ReportedCase


@pytest.mark.parametrize(
    "name",
    [
        "test_adds",
        "test_adds[1-2.5]",
        "tests/test_sum.py::TestSum::test_adds[a::b]",
        "__main__.Sums.test_adds",
        "test_adds (tests.test_sum.Sums.test_adds)",
        "test_adds(Sums)",
    ],
)
def test_every_form_of_a_name_means_the_same_function(name: str) -> None:
    assert ReportedCase("", name, "", "passed", None).function == "test_adds"
