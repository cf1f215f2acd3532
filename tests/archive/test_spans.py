"""A sampled message has a span in the archive, a question or an unsampled one has not."""

from __future__ import annotations

from typing import Any

import pytest
from natter.archive import spans
from natter.proto.v1.bus_pb2 import KIND_IQ, KIND_MESSAGE, Frame
from natter.telemetry import trace

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_only_sampled_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(trace, "span", lambda name, **given: made.append({"name": name, **given}))
    message = Frame(
        kind=KIND_MESSAGE, type="chat", sender="a@x/r", to="b@x", owners=["a@x", "b@x"], stanza=b"<message/>"
    )
    sampled = Frame()
    sampled.CopyFrom(message)
    sampled.traceparent = PARENT
    spans.stored([message, sampled, Frame(kind=KIND_IQ, traceparent=PARENT)], 10, 20)
    (span,) = made
    assert (span["name"], span["traceparent"], span["start_us"], span["end_us"]) == (
        "xmpp.stanza.process",
        PARENT,
        10,
        20,
    )
    assert span["attributes"]["outcome"] == "stored" and span["attributes"]["recipients"] == 2
    assert b"<message/>".decode() not in map(str, span["attributes"].values())
