"""Results of questions."""

from __future__ import annotations

from natter.muc.room.answer import result
from natter.muc.room.request import IQ, Address, Request
from natter.xmpp.element import E


def test_a_result_is_escaped_and_addressed() -> None:
    request = Request(kind=IQ, type="get", sender="a@b/c", to="r@h", id="it's", stanza=b"<iq/>", session="s", now_us=1)
    empty = result(request)
    assert empty.stanza == b"<iq from='r@h' id='it&apos;s' type='result'/>"
    assert tuple(empty.to) == (Address("a@b/c", "s"),)
    full = result(request, E("{urn:x}q"))
    assert full.stanza == b"<iq from='r@h' id='it&apos;s' type='result'><q xmlns=\"urn:x\"/></iq>"
