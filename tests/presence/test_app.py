"""The composition: shards are opened with what the bus knows, and closed ones are forgotten."""

from __future__ import annotations

import time
from typing import Any

from natter.presence.app import now_us


async def test_workers_are_those_of_held_shards(place: Any) -> None:
    anne = await place.enter("anne/home")
    await anne.settled()
    assert set(place.service.workers) == {0, 1}
    await place.kill()
    assert place.service.workers == {}


async def test_a_second_instance_takes_over(place: Any) -> None:
    anne = await place.enter("anne/home")
    await anne.says(children="<show>dnd</show>")
    await anne.until("dnd")
    await place.kill()
    # Another name: the leases of the first have to run out.
    await place.start("presence-2")
    phone = await place.enter("anne/phone")
    await phone.until("dnd", "from='anne@natter.test/home'")


def test_time_is_in_microseconds() -> None:
    assert abs(now_us() - time.time() * 1e6) < 5e6
