"""Messages of a room."""

from __future__ import annotations

from natter.muc.room import render_message
from natter.muc.room.state import Config, Room, Said
from natter.proto.v1 import room_pb2
from natter.xmpp.element import parse
from natter.xmpp.xeps.muc import Invite


def test_a_delay_is_the_rooms_and_the_last_child() -> None:
    stanza = render_message.delayed(b"<message from='r@h/n'><body>x</body></message>", "r@h", 1_034_553_517_000_000)
    delay = parse(stanza)[-1]
    assert delay.tag == "{urn:xmpp:delay}delay"
    assert (delay.get("from"), delay.get("stamp")) == ("r@h", "2002-10-13T23:58:37.000Z")


def test_characters_are_counted_not_bytes() -> None:
    said = Said("<message><body>ééééé</body></message>".encode(), 1)
    room = Room("r@h", config=Config(), history=(said, said))
    one = len(render_message.delayed(said.stanza, "r@h", 1).decode())

    def count(chars: int) -> int:
        wish = room_pb2.HistoryRequest(chars_max=chars)
        return len(list(render_message.history(room, None, wish, 10)))

    assert [count(one - 1), count(one), count(2 * one - 1), count(2 * one)] == [0, 1, 1, 2]


def test_a_room_may_send_no_history() -> None:
    room = Room("r@h", config=Config(history_stanzas_max=0), history=(Said(b"<message></message>", 1),))
    assert not list(render_message.history(room, None, room_pb2.HistoryRequest(), 10))


def test_a_subject_that_never_was() -> None:
    assert (
        render_message.subject(Room("r@h"), None).stanza == b"<message from='r@h' type='groupchat'><subject/></message>"
    )


def test_out_of_room_messages_are_escaped() -> None:
    output = render_message.invitation(Room("r@h"), "a'b@c", "d@e", Invite("d@e", "<&>"), "i'd")
    element = parse(output.stanza)
    assert element.get("id") == "i'd"
    assert element[0][0].get("from") == "a'b@c"
    assert [t.jid for t in output.to] == ["d@e"]
    element = parse(render_message.decline(Room("r@h"), "a@b", "c@d/e", "no").stanza)
    assert element[0][0].get("from") == "a@b"
    assert element.get("id") is None
