"""The cycle collector around work whose values stay."""

from __future__ import annotations

import gc

import pytest

from agentos_memory.bulk import bulk_work


def test_the_collector_rests_during_bulk_work_and_is_as_before_afterwards() -> None:
    assert gc.isenabled()
    with pytest.raises(ValueError, match="broken"), bulk_work():
        assert not gc.isenabled()
        raise ValueError("broken")
    assert gc.isenabled()
    gc.disable()
    try:
        with bulk_work():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
