"""One connected trace per stanza, from the sender's socket to the acknowledgement, and nothing of content in it."""

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
MESSAGES = 10
SM = "urn:xmpp:sm:3"


async def chat(stack: Stack) -> None:
    """Ten messages from alice to bob, who acknowledges them; ten to a room that both are in."""
    secure, address = tls(stack.ca), stack.endpoint("c2s_tls")
    await register_many(*address, secure, ["alice", "bob"], "pw")
    alice = await (await Raw.open(*address, secure=secure)).login("alice", "pw", resource="a")
    bob = await (await Raw.open(*address, secure=secure)).login("bob", "pw", resource="b", presence=False)
    bob.send(f"<enable xmlns='{SM}'/>")
    await bob.until("<enabled")
    bob.send("<presence/>")
    await bob.until("<presence")
    for n in range(MESSAGES):
        alice.send(f"<message to='bob@localhost/b' type='chat' id='m{n}'><body>{CANARY}-{n}</body></message>")
    await bob.until(f"{CANARY}-{MESSAGES - 1}")
    # His own presence, and the messages.
    bob.send(f"<a xmlns='{SM}' h='{1 + MESSAGES}'/>")
    for one, nick in ((alice, "A"), (bob, "B")):
        one.send(f"<presence to='{ROOM}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
        await one.until("<subject")
        if nick == "A":
            one.send(
                f"<iq type='set' id='o' to='{ROOM}'><query xmlns='http://jabber.org/protocol/muc#owner'>"
                "<x xmlns='jabber:x:data' type='submit'/></query></iq>"
            )
            await one.until("id=.o.")
    for n in range(MESSAGES):
        alice.send(f"<message to='{ROOM}' type='groupchat' id='g{n}'><body>{CANARY}</body></message>")
    await asyncio.gather(*(one.until(f"id='g{MESSAGES - 1}'") for one in (alice, bob)))
    await asyncio.gather(alice.close(), bob.close())


def attributes(span: Span) -> dict[str, str]:
    return {a.key: a.value.string_value for a in span.attributes}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Collector:
    """What a collector got from a run in which everything is sampled and JIDs are pseudonyms."""
    data: Path = tmp_path_factory.mktemp("traced")
    with collecting() as found:
        flags = ["--gateways", "2", "--routers", "1", "--open-registration", "--no-rate-limits"]
        for setting in (f"otlp_endpoint={found.url}", "sample_ratio=1", "identifiers=pseudonym"):
            flags += ["--set", f"telemetry.{setting}"]
        stack = Stack(data, *flags).start()
        try:
            asyncio.run(chat(stack))
        finally:
            assert stack.stop() == 0
        return found


def traces(seen: Collector) -> list[list[Span]]:
    found: dict[bytes, list[Span]] = defaultdict(list)
    for span in seen.spans():
        found[span.trace_id].append(span)
    return list(found.values())


def chain(trace: list[Span]) -> list[str]:
    """Names of the spans from the root on, where each has one child; else nothing."""
    children: dict[bytes, list[Span]] = defaultdict(list)
    for span in trace:
        children[span.parent_span_id].append(span)
    names, at = [], b""
    while len(children[at]) == 1:
        (span,) = children[at]
        names.append(f"{span.name}.{attributes(span).get('direction', '')}".rstrip("."))
        at = span.span_id
    return names if len(names) == len(trace) else []


def of_type(seen: Collector, stanza_type: str) -> list[list[Span]]:
    """The traces that begin at a gateway with such a stanza."""
    return [
        t
        for t in traces(seen)
        if any(not s.parent_span_id and attributes(s).get("stanza_type") == stanza_type for s in t)
    ]


def test_every_trace_is_connected(seen: Collector) -> None:
    for trace in traces(seen):
        ids = {span.span_id for span in trace}
        assert len([span for span in trace if not span.parent_span_id]) == 1, trace
        assert all(span.parent_span_id in ids for span in trace if span.parent_span_id), trace


def test_as_many_traces_as_messages_up_to_the_acknowledgement(seen: Collector) -> None:
    process = "xmpp.stanza.process"
    chats = of_type(seen, "message.chat")
    assert len(chats) == MESSAGES
    # The archive hears of it beside: one span per shard, that of alice's archive and that of bob's may be one.
    kept = [[s for s in t if attributes(s).get("outcome") == "stored"] for t in chats]
    assert all(1 <= len(spans) <= 2 for spans in kept)
    assert [chain([s for s in t if attributes(s).get("outcome") != "stored"]) for t in chats] == [
        [f"{process}.in", process, f"{process}.out", "xmpp.stanza.acknowledged"]
    ] * MESSAGES


def test_a_room_message_is_one_trace_to_every_occupant(seen: Collector) -> None:
    rooms = of_type(seen, "message.groupchat")
    assert len(rooms) == MESSAGES
    for trace in rooms:
        named = {span.span_id: span for span in trace}
        outs = [span for span in trace if attributes(span).get("direction") == "out"]
        # A broadcast is one frame, and one span, per gateway.
        assert 1 <= len(outs) <= 2
        for out in outs:
            room = named[out.parent_span_id]
            assert room.name == "xmpp.muc.message" and attributes(room)["message_id"].startswith("g")


def test_spans_link_to_their_connection(seen: Collector) -> None:
    connections = {span.span_id for span in seen.spans() if span.name == "xmpp.connection.lifecycle"}
    firsts = [s for t in of_type(seen, "message.chat") for s in t if not s.parent_span_id]
    assert len({link.span_id for s in firsts for link in s.links} & connections) == 1
    assert all(len(s.links) == 1 for s in firsts)


def test_nothing_of_content_and_no_jid(seen: Collector) -> None:
    everything = repr(seen.spans()) + repr(seen.metrics)
    for word in (CANARY, "alice", "bob", "traced@", "@localhost"):
        assert word not in everything
    metrics = {m.name for e in seen.metrics for r in e.resource_metrics for s in r.scope_metrics for m in s.metrics}
    assert {"xmpp.connections.active", "xmpp.stanzas.processed", "xmpp.stanza.latency"} <= metrics
