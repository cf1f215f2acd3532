"""Stanza errors: the table and the answers."""

from __future__ import annotations

import pytest
from natter.xmpp import ns
from natter.xmpp.element import E, parse, render
from natter.xmpp.errors import CONDITIONS, error_element, error_reply, result_reply


def test_the_table_is_the_rfc_s() -> None:
    # RFC 6120 §8.3.3 has these and no others; §8.3.2 has these types.
    assert len(CONDITIONS) == 22
    assert set(CONDITIONS.values()) <= {"auth", "cancel", "continue", "modify", "wait"}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_element(condition: str) -> None:
    error = error_element(condition)
    assert (error.tag, error.get("type")) == ("{jabber:client}error", CONDITIONS[condition])
    assert [child.tag for child in error] == [f"{{{ns.STANZAS}}}{condition}"]


def test_everything_on_an_element() -> None:
    error = error_element(
        "forbidden", type="cancel", text="no <way>", by="room@conference.localhost", application=E("{urn:x}why")
    )
    assert (error.get("type"), error.get("by")) == ("cancel", "room@conference.localhost")
    assert [child.tag for child in error] == [f"{{{ns.STANZAS}}}forbidden", f"{{{ns.STANZAS}}}text", "{urn:x}why"]
    assert error[1].text == "no <way>"


def test_unknown_conditions_are_our_mistake() -> None:
    with pytest.raises(KeyError):
        error_element("no-such-thing")


@pytest.mark.parametrize("kind", ["message", "presence", "iq"])
def test_reply(kind: str) -> None:
    stanza = f"<{kind} type='set' from='a@b/c' to='x@y' id=\"i'&quot;&gt;\"><body>secret</body></{kind}>".encode()
    reply = parse(error_reply(stanza, "service-unavailable", sender="x@y", to="a@b/c"))
    assert reply.tag == f"{{jabber:client}}{kind}"
    assert dict(reply.attrib) == {"type": "error", "id": "i'\">", "from": "x@y", "to": "a@b/c"}
    assert [child.tag for child in reply] == ["{jabber:client}error"]
    assert b"secret" not in render(reply)


def test_reply_without_id_sender_and_recipient() -> None:
    reply = error_reply(b"<message/>", "gone", sender=None, to="")
    assert dict(parse(reply).attrib) == {"type": "error"}


def test_reply_cannot_be_broken_out_of() -> None:
    nasty = "a@b/'/><iq x='"
    reply = parse(error_reply(b"<iq id='1'/>", "gone", sender=nasty, to=nasty))
    assert (reply.get("from"), reply.get("to")) == (nasty, nasty)


def test_result() -> None:
    assert result_reply("1", "a@b/c", None) == b"<iq type='result' id='1' to='a@b/c'/>"
    reply = parse(result_reply("'&", "", "b", E("{jabber:iq:roster}query"), E("{urn:x}y")))
    assert dict(reply.attrib) == {"type": "result", "id": "'&", "from": "b"}
    assert [child.tag for child in reply] == ["{jabber:iq:roster}query", "{urn:x}y"]
