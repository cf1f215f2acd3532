"""Sessions that have moved: what their old gateway says is dropped, and the new one is told when it may speak."""

from __future__ import annotations

from typing import Any

from natter.bus.directory import Session
from natter.proto.v1 import bus_pb2
from natter.proto.v1.bus_pb2 import Frame
from natter.router import fences as module
from natter.router.fences import Fences


class Lane:
    """Keeps what gateways are told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Frame]] = []

    def tell(self, gateway: str, frame: Frame) -> None:
        self.told.append((gateway, frame))


def fence(session: str, gateway: str) -> Frame:
    return Frame(control=bus_pb2.CONTROL_FENCE, session=session, gateway=gateway)


def test_behind_the_fence_the_old_gateway_is_not_heard() -> None:
    fences, lane = Fences(), Lane()
    said = Frame(kind=bus_pb2.KIND_MESSAGE, session="s")
    assert not fences.stops(said, "g1")
    fences.control(lane, fence("s", "g1"), "g2")
    assert [(g, f.control, f.session) for g, f in lane.told] == [("g2", bus_pb2.CONTROL_FENCED, "s")]
    assert fences.stops(said, "g1")
    assert not fences.stops(said, "g2")
    assert not fences.stops(Frame(kind=bus_pb2.KIND_MESSAGE, session="other"), "g1")
    # What it hands back of others is not said by the session.
    assert not fences.stops(Frame(kind=bus_pb2.KIND_MESSAGE, session="s", returned=1), "g1")


def test_the_session_may_come_back() -> None:
    fences, lane = Fences(), Lane()
    said = Frame(kind=bus_pb2.KIND_MESSAGE, session="s")
    fences.control(lane, fence("s", "g1"), "g2")
    # A gateway that only counts has not heard yet.
    fences.control(lane, Frame(control=bus_pb2.CONTROL_COUNTED, session="s", inbound=3), "g1")
    assert fences.stops(said, "g1")
    fences.control(lane, Frame(control=bus_pb2.CONTROL_COUNTED, session="s", inbound=3, gateway="g1"), "g1")
    assert not fences.stops(said, "g1")


def test_a_router_that_begins_behind_a_fence_knows_of_it() -> None:
    fences = Fences()

    def session(name: str, gateway: str, **fence: Any) -> Session:
        return Session(f"{name}@x/r", f"{name}@x", "r", name, gateway, True, 0, 0, 1, **fence)

    fence = {"fenced_gateway": "g1", "fenced_lane": 2, "fenced_sequence": 10}
    sessions = [
        session("moved", "g2", **fence),
        session("back", "g1", **fence),
        session("later", "g2", **{**fence, "fenced_sequence": 11}),
        session("elsewhere", "g2", **{**fence, "fenced_lane": 3}),
        session("never", "g1"),
    ]
    fences.remember(sessions, 2, 10)
    assert list(fences.fenced) == [("moved", "g1")]


def test_the_memory_is_bounded(monkeypatch: object) -> None:
    fences, lane = Fences(), Lane()
    before, module.FENCED_MAX = module.FENCED_MAX, 10  # type: ignore[misc]
    try:
        for n in range(20):
            fences.control(lane, fence(f"s{n}", "g1"), "g2")
    finally:
        module.FENCED_MAX = before  # type: ignore[misc]
    assert [session for session, _ in fences.fenced] == [f"s{n}" for n in range(10, 20)]
