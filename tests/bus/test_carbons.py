"""Carbons as frames: for whom, and what they carry of the original."""

from __future__ import annotations

from natter.bus.api import Bus
from natter.bus.carbons import carbon, of_error
from natter.bus.directory import Directory
from natter.proto.v1 import bus_pb2

ERROR = bus_pb2.Frame(
    kind=bus_pb2.KIND_MESSAGE, type="error", session="x", stanza=b"<error/>", accepted_us=5, traceparent="t", inbound=3
)


def test_nobody_is_owed_an_answer_to_it() -> None:
    assert carbon(ERROR, "a@x", "s2", "a@x/r2", "chat", b"<message/>") == bus_pb2.Frame(
        kind=bus_pb2.KIND_MESSAGE,
        type="chat",
        sender="a@x",
        to="a@x/r2",
        stanza=b"<message/>",
        sessions=["s2"],
        accepted_us=5,
        traceparent="t",
    )


async def test_the_error_goes_to_the_others_that_want_copies(bus: Bus) -> None:
    directory = Directory(bus)
    await directory.start()
    for name, carbons in (("one", True), ("two", True), ("three", False)):
        record = bus_pb2.SessionRecord(session=f"s-{name}", gateway="g", jid=f"a@x/{name}", carbons=carbons)
        await directory.create(record)
    found = list(of_error(ERROR, "a@x", "s-one", directory, lambda *what: repr(what).encode()))
    assert [(session.session, list(frame.sessions), frame.type) for session, frame in found] == [
        ("s-two", ["s-two"], "error")
    ]
    assert found[0][1].stanza == repr((b"<error/>", "error", "a@x", "a@x/two")).encode()
    await directory.stop()
