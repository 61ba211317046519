import pytest
from tests.agentos_governance.policies.test_limits import _many
from tests.agentos_governance.policies.offices import held, open_governed
pytestmark = pytest.mark.anyio
@pytest.mark.parametrize("i", range(12))
async def test_load(settings, i):
    async with open_governed(settings, "few: LIMIT calls(read_note) TO 7 PER 60s") as office:
        await held(office)
        assert await _many(office, 40) == 7
