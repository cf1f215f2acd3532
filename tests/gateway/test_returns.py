"""What goes back to the lane when its session has left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from natter.gateway.returns import SETTLE_SECONDS, Returns
from natter.proto.v1 import bus_pb2

MESSAGE, PRESENCE, IQ = bus_pb2.KIND_MESSAGE, bus_pb2.KIND_PRESENCE, bus_pb2.KIND_IQ


class Lane:
    """A lane and a timer that the test moves."""

    def __init__(self, returns_max: int = 100) -> None:
        self.frames: list[bus_pb2.Frame] = []
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.full = False
        self.returns = Returns(
            put=self.frames.append,
            later=lambda seconds, callback: self.timers.append((seconds, callback)),
            full=lambda: self.full,
            returns_max=returns_max,
            crowded=lambda crowded: self.told.append(crowded),
        )
        self.told: list[bool] = []
        self.outcomes: list[tuple[str, str]] = []
        self.returns.told = lambda frame, outcome: self.outcomes.append((frame.id, outcome))

    def pass_time(self) -> list[float]:
        timers, self.timers = self.timers, []
        for _, callback in timers:
            callback()
        return [seconds for seconds, _ in timers]


def chat(number: int, **fields: object) -> bus_pb2.Frame:
    return bus_pb2.Frame(kind=MESSAGE, type="chat", id=str(number), sessions=["gone"], sequence=9, index=16, **fields)  # type: ignore[arg-type]


def test_a_returned_frame_is_a_lane_frame() -> None:
    lane = Lane()
    lane.returns.give_back(chat(1, session="sender", inbound=7, to="bob@x/y", stanza=b"<message/>"), "gone")
    assert lane.pass_time() == [0.0]
    [frame] = lane.frames
    # Who has left is named: the router's directory may not know it yet.
    assert (frame.sessions, frame.sequence, frame.index, frame.returned) == (["gone"], 0, 0, 1)
    assert (frame.session, frame.inbound, frame.to, frame.stanza) == ("sender", 7, "bob@x/y", b"<message/>")


def test_a_frame_for_two_who_have_left_goes_back_once() -> None:
    lane = Lane()
    frame = bus_pb2.Frame(kind=MESSAGE, type="chat", sessions=["one", "two"])
    for name in frame.sessions:
        lane.returns.give_back(frame, name)
    again = bus_pb2.Frame(kind=MESSAGE, type="chat", sessions=["one", "two"])
    lane.returns.give_back(again, "one", {"two"})
    lane.pass_time()
    assert [list(frame.sessions) for frame in lane.frames] == [["one", "two"]]


def test_order_is_kept() -> None:
    lane = Lane()
    for number in range(5):
        lane.returns.give_back(chat(number), "gone")
    lane.pass_time()
    assert [frame.id for frame in lane.frames] == list("01234")


def test_a_frame_that_was_back_before_waits_until_the_routers_know() -> None:
    lane = Lane()
    lane.returns.give_back(chat(1, returned=1), "gone")
    assert lane.pass_time() == [SETTLE_SECONDS]
    assert lane.frames[0].returned == 2


def test_what_a_session_left_unwritten_goes_before_what_came_after_its_end() -> None:
    lane = Lane()
    lane.returns.leave("gone")
    lane.returns.give_back(chat(3), "gone")
    lane.returns.give_back(chat(4), "gone")
    lane.returns.give_back(chat(9), "long gone")
    assert lane.pass_time() == [0.0]
    lane.returns.left("gone", [chat(1), chat(2)])
    assert lane.pass_time() == [SETTLE_SECONDS]
    assert [frame.id for frame in lane.frames] == list("91234")
    assert (lane.returns.count, lane.returns.leaving) == (0, {})


def test_what_waits_for_a_session_to_leave_counts_too() -> None:
    lane = Lane(returns_max=3)
    lane.returns.leave("gone")
    for number in range(10):
        lane.returns.give_back(chat(number), "gone")
        assert lane.told == [True] * (number >= 2)
    lane.returns.left("gone", [])
    lane.pass_time()
    assert [frame.id for frame in lane.frames] == list("0123456789")
    assert lane.told == [True, False]


def test_a_session_hands_back_part_by_part_before_what_came_after_its_end() -> None:
    lane = Lane()
    lane.returns.leave("gone")
    lane.returns.give_back(chat(8), "gone")
    lane.returns.part("gone", [chat(1), chat(2)])
    lane.returns.give_back(chat(9), "gone")
    assert lane.pass_time() == [SETTLE_SECONDS]
    lane.returns.part("gone", [chat(3)])
    lane.pass_time()
    lane.returns.left("gone", [])
    lane.pass_time()
    assert [frame.id for frame in lane.frames] == list("12389")
    assert (lane.returns.count, lane.returns.queued, lane.returns.given) == (0, 5, 5)


async def test_whoever_has_much_to_hand_back_waits_for_room_and_for_the_lane() -> None:
    lane = Lane(returns_max=4)
    for number in range(3):
        lane.returns.give_back(chat(number), "gone")
    room, gone = asyncio.create_task(lane.returns.room()), asyncio.create_task(lane.returns.gone())
    await asyncio.wait((room, gone), timeout=0.05)
    assert not room.done() and not gone.done()
    lane.pass_time()
    async with asyncio.timeout(30):
        await asyncio.gather(room, gone)


def test_nothing_comes_back_that_another_session_of_the_recipient_got() -> None:
    lane = Lane()
    frame = chat(1)
    frame.sessions.append("here")
    lane.returns.give_back(frame, "gone", {"here"})
    assert lane.timers == []
    lane.returns.give_back(frame, "gone", {"elsewhere"})
    assert lane.pass_time() == [0.0]


def test_a_full_lane_makes_them_wait_and_no_more_is_read() -> None:
    lane = Lane(returns_max=3)
    lane.full = True
    for number in range(10):
        lane.returns.give_back(chat(number), "gone")
    assert lane.pass_time() == [0.0]
    assert lane.frames == []
    assert lane.told == [True]
    lane.full = False
    assert lane.pass_time() == [SETTLE_SECONDS]
    assert [frame.id for frame in lane.frames] == list("0123456789")
    assert lane.told == [True, False]
    assert lane.timers == []


def test_what_becomes_of_a_delivery_is_told() -> None:
    lane = Lane()
    lane.returns.give_back(chat(1), "gone")
    lane.returns.give_back(bus_pb2.Frame(kind=PRESENCE, id="2"), "gone")
    assert lane.outcomes == [("2", "dropped:session-left")]
    lane.returns.leave("gone")
    # Counted as delivered when it came, and then not written.
    lane.returns.left("gone", [chat(3)])
    assert lane.outcomes[1:] == [("3", "returned")]
