"""An embedded ClickHouse of its own for every test: the first takes a second, further ones a tenth."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from natter.storage.clickhouse import ClickHouse, Place


@pytest.fixture
async def clickhouse(tmp_path: Path) -> AsyncIterator[ClickHouse]:
    """Open and migrated, without rows."""
    opened = await ClickHouse.open(Place(data=tmp_path))
    yield opened
    await opened.close()
