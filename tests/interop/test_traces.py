"""One connected trace per stanza, from the sender's socket to the recipient's, and nothing in it that was said."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path

import pytest
from collector import Collector, collecting
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from raw import Raw, register_many, tls
from stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

CANARY = "canary-span-51ab90"
ROOM = "traced@conference.localhost"


async def chat(stack: Stack) -> None:
    """Ten messages from alice to bob, one to a room."""
    secure, address = tls(stack.ca), stack.endpoint("c2s_tls")
    await register_many(*address, secure, ["alice", "bob"], "pw")
    alice = await (await Raw.open(*address, secure=secure)).login("alice", "pw", resource="a")
    bob = await (await Raw.open(*address, secure=secure)).login("bob", "pw", resource="b")
    for n in range(10):
        alice.send(f"<message to='bob@localhost/b' type='chat' id='m{n}'><body>{CANARY}-{n}</body></message>")
    await bob.until(f"{CANARY}-9")
    alice.send(f"<presence to='{ROOM}/A'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    await alice.until("<subject")
    alice.send(f"<message to='{ROOM}' type='groupchat' id='g1'><body>{CANARY}</body></message>")
    await alice.until("type='groupchat'.*?</message>")
    await asyncio.gather(alice.close(), bob.close())


def attributes(span: Span) -> dict[str, str]:
    return {a.key: a.value.string_value for a in span.attributes}


@pytest.fixture
def seen(tmp_path: Path) -> Collector:
    """What a collector got from a run in which everything is sampled."""
    with collecting() as found:
        flags = ["--gateways", "2", "--routers", "1", "--open-registration", "--no-rate-limits"]
        for setting in (f"telemetry.otlp_endpoint={found.url}", "telemetry.sample_ratio=1"):
            flags += ["--set", setting]
        stack = Stack(tmp_path / "traced", *flags).start()
        try:
            asyncio.run(chat(stack))
        finally:
            assert stack.stop() == 0
        return found


def test_every_message_is_one_connected_trace(seen: Collector) -> None:
    spans = seen.spans()
    names = {span.name for span in spans}
    assert {"xmpp.connection.lifecycle", "xmpp.stanza.process", "xmpp.muc.message"} <= names

    traces: dict[bytes, list[Span]] = defaultdict(list)
    for span in spans:
        traces[span.trace_id].append(span)
    chats = [t for t in traces.values() if any(attributes(s).get("stanza_type") == "message.chat" for s in t)]
    assert len(chats) == 10
    for trace in chats:
        # Gateway in, router, gateway out: each the child of the one before.
        ids = {s.span_id for s in trace}
        roots = [s for s in trace if not s.parent_span_id]
        assert len(trace) == 3 and len(roots) == 1
        assert all(s.parent_span_id in ids for s in trace if s.parent_span_id)

    rooms = [attributes(s) for s in spans if s.name == "xmpp.muc.message"]
    assert {r["room_jid"] for r in rooms} == {ROOM}
    assert "g1" in {r.get("message_id") for r in rooms}
    connections = [s for s in spans if s.name == "xmpp.connection.lifecycle"]
    assert {"alice@localhost/a", "bob@localhost/b"} <= {attributes(s).get("jid") for s in connections}

    assert CANARY not in repr(spans) + repr(seen.metrics)
    metrics = {m.name for e in seen.metrics for r in e.resource_metrics for s in r.scope_metrics for m in s.metrics}
    assert {"xmpp.connections.active", "xmpp.stanzas.processed", "xmpp.stanza.latency"} <= metrics
