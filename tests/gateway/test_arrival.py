"""What is new to a session that is on its way."""

from __future__ import annotations

from typing import Any

from natter.gateway.arrival import Arrival
from natter.gateway.estate import Item
from natter.proto.v1 import bus_pb2


def item(origin: str) -> Item:
    return Item(b"<message/>", bus_pb2.Frame(), origin, 1 << 16)


def test_what_was_never_sent_is_new() -> None:
    session: Any = None
    arrival = Arrival(session, marks={"lane.0": 7 << 32 | 1, "room.6": 3 << 32}, seen={"lane.0:9:0", "gateway-1-aa@5"})
    new = [
        origin
        for origin in ("lane.0:7:0", "lane.0:7:1", "lane.0:7:2", "lane.0:9:0", "lane.0:10:0", "lane.1:1:0")
        if arrival.new(item(origin))
    ]
    assert new == ["lane.0:7:2", "lane.0:10:0", "lane.1:1:0"]
    # Without a cause there is only the name.
    assert not arrival.new(item("gateway-1-aa@5")) and arrival.new(item("gateway-1-aa@6"))
