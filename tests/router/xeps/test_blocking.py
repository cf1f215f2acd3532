"""XEP-0191: what commands make of a list."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from natter.proto.v1.bus_pb2 import Frame
from natter.router.pipeline import decide
from natter.router.route.outcome import ORDER, UNAVAILABLE
from natter.router.route.view import Hosts
from natter.router.xeps import blocking
from natter.xmpp.element import parse

NS = "urn:xmpp:blocking"


def command(name: str, *jids: str) -> Frame:
    inside = "".join(f"<item jid='{jid}'/>" for jid in jids)
    stanza = f"<iq type='set' id='b1'><{name} xmlns='{NS}'>{inside}</{name}></iq>"
    return Frame(
        type="set", payload=f"{{{NS}}}{name}", sender="a@h/r", session="s", id="b1", inbound=7, stanza=stanza.encode()
    )


def test_edits() -> None:
    before = frozenset({"x@h"})
    assert blocking.edit_of(command("block", "Y@h"))(before) == {"x@h", "y@h"}
    assert blocking.edit_of(command("unblock", "x@h", "z@h"))(before) == frozenset()
    assert blocking.edit_of(command("unblock"))(before) == frozenset()


def test_refusals() -> None:
    for wrong, condition in ((command("block"), "bad-request"), (command("block", "@"), "jid-malformed")):
        with pytest.raises(blocking.Refused, match=condition):
            blocking.edit_of(wrong)
    full = frozenset(f"{n}@h" for n in range(blocking.JIDS_MAX))
    with pytest.raises(blocking.Refused, match="resource-constraint"):
        blocking.edit_of(command("block", "one@more"))(full)
    assert blocking.edit_of(command("block", "0@h"))(full) == full


def test_answers_and_pushes() -> None:
    asked = command("block", "b@h")
    assert blocking.answer(asked).stanza == b"<iq type='result' id='b1' to='a@h/r'/>"
    assert b"bad-request" in blocking.refusal(asked, "bad-request").stanza
    assert b'<item jid="c@h"/>' in blocking.listing(asked, {"c@h"}).stanza
    pushed = blocking.push(asked, "a@h/other", "s2")
    iq = parse(pushed.stanza)
    assert (iq.get("type"), iq.get("to"), list(pushed.sessions)) == ("set", "a@h/other", ["s2"])
    assert iq[0].tag == f"{{{NS}}}block" and iq[0][0].get("jid") == "b@h"


def test_commands_are_for_oneself(people: Any, frames: Any, hosts: Hosts) -> None:
    hosts = replace(hosts, block_commands=blocking.COMMANDS)
    for payload, type in blocking.COMMANDS:
        assert decide(frames.query(payload, type=type), people, hosts) == ORDER
        assert decide(frames.query(payload, "bob@example.com", type=type), people, hosts) == UNAVAILABLE
    assert decide(frames.query(f"{{{NS}}}block", type="get"), people, hosts) == UNAVAILABLE
