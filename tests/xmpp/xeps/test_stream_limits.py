"""XEP-0478: the stream feature of its example."""

from __future__ import annotations

from natter.xmpp.element import render
from natter.xmpp.xeps import stream_limits


def test_stream_feature() -> None:
    assert render(stream_limits.stream_feature(stanza_bytes_max=10000, idle_seconds_max=1800)) == (
        b'<limits xmlns="urn:xmpp:stream-limits:0">'
        b"<max-bytes>10000</max-bytes><idle-seconds>1800</idle-seconds></limits>"
    )
    assert len(stream_limits.stream_feature(stanza_bytes_max=1)) == 1
