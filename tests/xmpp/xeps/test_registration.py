"""XEP-0077: what may be asked, in plain fields and in a form."""

from __future__ import annotations

import pytest
from natter.xmpp.element import Element, render
from natter.xmpp.element import parse as element
from natter.xmpp.xeps import registration
from natter.xmpp.xeps.registration import Request


def query(inside: bytes) -> Element:
    return element(b"<iq><query xmlns='jabber:iq:register'>" + inside + b"</query></iq>")[0]


@pytest.mark.parametrize(
    ("inside", "asked"),
    [
        (b"<username>bill</username><password>Calliope</password>", Request("bill", "Calliope")),
        (b"<username>bill</username><password/>", Request("bill", "")),
        (b"<remove/>", Request(remove=True)),
        (b"", Request()),
        (
            b"<username>plain</username><x xmlns='jabber:x:data' type='submit'><field var='username'>"
            b"<value>bill</value></field><field var='password'><value>pw</value></field></x>",
            Request("bill", "pw"),
        ),
        (b"<x xmlns='jabber:x:data' type='submit'/>", Request()),
    ],
)
def test_parse(inside: bytes, asked: Request) -> None:
    assert registration.parse(query(inside)) == asked


@pytest.mark.parametrize("inside", [b"<remove/><username>bill</username>", b"<x xmlns='jabber:x:data' type='odd'/>"])
def test_malformed(inside: bytes) -> None:
    with pytest.raises(ValueError):
        registration.parse(query(inside))


def test_answers() -> None:
    assert render(registration.query(instructions="Choose.")) == (
        b'<query xmlns="jabber:iq:register"><instructions>Choose.</instructions><username/><password/></query>'
    )
    assert render(registration.registered_query("juliet")) == (
        b'<query xmlns="jabber:iq:register"><registered/><username>juliet</username><password/></query>'
    )
    assert render(registration.stream_feature()) == b'<register xmlns="http://jabber.org/features/iq-register"/>'
