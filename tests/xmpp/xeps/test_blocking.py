"""XEP-0191: lists and commands as in its examples."""

from __future__ import annotations

import pytest
from natter.xmpp.element import parse_document, render
from natter.xmpp.xeps import blocking


def test_the_items_of_a_command() -> None:
    command = parse_document(
        b"<block xmlns='urn:xmpp:blocking'><item jid='Romeo@montague.net'/><item jid='iago@shakespeare.lit'/></block>"
    )
    assert blocking.items(command) == {"romeo@montague.net", "iago@shakespeare.lit"}


def test_what_is_no_jid() -> None:
    with pytest.raises(ValueError):
        blocking.items(parse_document(b"<block xmlns='urn:xmpp:blocking'><item/></block>"))


def test_a_list() -> None:
    assert render(blocking.listed(blocking.BLOCKLIST, ["b@h", "a@h"])) == (
        b'<blocklist xmlns="urn:xmpp:blocking"><item jid="a@h"/><item jid="b@h"/></blocklist>'
    )
    assert render(blocking.blocked()) == b'<blocked xmlns="urn:xmpp:blocking:errors"/>'
