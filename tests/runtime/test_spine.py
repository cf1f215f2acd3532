"""js_streams by settings and profile, and addresses without secrets."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from natter.bus.api import Bus
from natter.bus.nats import connect
from natter.runtime import spine
from natter.runtime.sections import BusSection, StreamName


def test_the_full_profile_keeps_lanes_on_disk_for_the_resume_window() -> None:
    lanes = next(s for s in spine.specs(BusSection(resume_seconds=900), "full") if s.name == "LANES")
    assert (lanes.in_memory, lanes.age_seconds_max) == (False, 900)


def test_the_zero_profile_keeps_them_in_memory_and_shortly() -> None:
    found = {s.name: s for s in spine.specs(BusSection(), "zero")}
    assert found["LANES"].in_memory and found["LANES"].age_seconds_max == 60
    assert not found["JOURNALS"].in_memory
    # Journals and positions outlive them, and know their sequences.
    assert all(s.rising == s.in_memory for s in found.values())
    assert all(s.bytes_max <= spine.MEMORY_BYTES_MAX for s in found.values() if s.in_memory)


def test_how_large_a_js_stream_may_be_can_be_set() -> None:
    for profile in ("full", "zero"):
        found = {s.name: s for s in spine.specs(BusSection(bytes_max={"LANES": 1 << 20}), profile)}  # type: ignore[arg-type]
        assert found["LANES"].bytes_max == 1 << 20
        assert found["DELIVERIES"].bytes_max == (4 << 30 if profile == "full" else spine.MEMORY_BYTES_MAX)
    with pytest.raises(ValueError, match="bytes_max"):
        BusSection(bytes_max={"LANE": 1 << 20})  # type: ignore[dict-item]


def test_every_js_stream_may_be_given_a_size() -> None:
    assert {s.name for s in spine.specs(BusSection(), "full") if not s.name.startswith("KV_")} == set(
        get_args(StreamName)
    )


def test_a_bucket_for_leases_lives_as_long_as_a_lease() -> None:
    found = {s.name: s for s in spine.specs(BusSection(lease_seconds=3), "full")}
    assert found["KV_leases"].age_seconds_max == 3


async def test_ensure_can_be_repeated(bus: Bus) -> None:
    for _ in range(2):
        await spine.ensure(bus, BusSection(), "zero")
    assert await bus.last_sequence("LANES") == 0


async def test_the_profile_of_existing_data_cannot_be_changed_and_that_is_said(own_nats_server: Any) -> None:
    bus = await connect(own_nats_server.url, name="test")
    await spine.ensure(bus, BusSection(), "full")
    with pytest.raises(spine.Refused, match=r"js_stream LANES: .* made with the other profile"):
        await spine.ensure(bus, BusSection(), "zero")
    await bus.close()


@pytest.mark.parametrize(
    ("url", "shown", "host_port"),
    [
        ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222", "127.0.0.1:4222"),
        ("nats://user:s3cret@nats.example:4000/", "nats://nats.example:4000/", "nats.example:4000"),
        ("nats://a:b@one,nats://c:d@two:1", "nats://one,nats://two:1", "one:4222"),
        ("nats://[::1]", "nats://[::1]", "[::1]:4222"),
    ],
)
def test_an_address_is_shown_without_its_secret(url: str, shown: str, host_port: str) -> None:
    assert spine.without_secret(url) == shown
    assert spine.host_port(url) == host_port
