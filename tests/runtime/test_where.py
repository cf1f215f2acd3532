"""What `natter where` prints."""

from __future__ import annotations

from natter.proto.v1.where_pb2 import Whereabouts, WhereEvent
from natter.runtime.where import document, lines

T = 1_700_000_000_123_456
FOUND = Whereabouts(
    found_by="origin-id",
    stanza_id="5f5f",
    id="m1",
    type="chat",
    sender="alice@localhost/a",
    to="bob@localhost",
    accepted_us=T,
    end="bounced",
    reason="service-unavailable",
    events=[
        WhereEvent(time_us=T, what="accepted", whom="alice@localhost/a"),
        WhereEvent(what="archived", whom="alice@localhost", place="archive.0/7"),
        WhereEvent(time_us=T + 12_345_600, what="bounced", whom="alice@localhost/a", reason="service-unavailable"),
    ],
    notes=["Older than what LANES keeps."],
)


def test_lines_for_people() -> None:
    assert list(lines(FOUND)) == [
        "chat message from alice@localhost/a to bob@localhost: bounced (service-unavailable)",
        "  stanza-id 5f5f, id m1, accepted 2023-11-14T22:13:20.123456Z",
        "   +0.000 s  accepted  alice@localhost/a",
        "          ?  archived  alice@localhost                          archive.0/7",
        "  +12.346 s  bounced   alice@localhost/a (service-unavailable)",
        "  Older than what LANES keeps.",
    ]


def test_a_document_for_programs() -> None:
    found = document(FOUND)
    assert (found["end"], found["reason"], found["from"], found["notes"]) == (
        "bounced",
        "service-unavailable",
        "alice@localhost/a",
        ["Older than what LANES keeps."],
    )
    assert found["timeline"][1] == {
        "time": None,
        "after_ms": None,
        "event": "archived",
        "whom": "alice@localhost",
        "place": "archive.0/7",
        "reason": None,
    }
    assert found["timeline"][2]["after_ms"] == 12345.6
    # What is not known is null, not "".
    empty = document(Whereabouts(type="normal", sender="alice@localhost/a", accepted_us=T, end="pending"))
    assert empty["to"] is empty["stanza_id"] is empty["reason"] is None
    assert next(lines(Whereabouts(type="normal", sender="a@b/c", end="unknown"))).endswith(
        "to the own account: unknown"
    )
