"""XEP-0045: shapes, by its own examples."""

from __future__ import annotations

import pytest
from natter.xmpp.element import Element, render
from natter.xmpp.element import parse as element
from natter.xmpp.xeps import data_forms, muc
from natter.xmpp.xeps.muc import Affiliation, Destroy, History, Invite, Item, Join, Role, Status


def child(stanza: bytes) -> Element:
    return element(stanza)[0]


@pytest.mark.parametrize(
    ("inside", "join"),
    [
        (b"", Join()),
        (b"<password>cauldronburn</password>", Join("cauldronburn")),
        (b"<password/>", Join("")),
        (b"<history maxchars='65000'/>", Join(None, History(characters_max=65000))),
        (b"<history maxstanzas='20'/>", Join(None, History(stanzas_max=20))),
        (b"<history seconds='180'/>", Join(None, History(seconds_max=180))),
        (b"<history since='1970-01-01T00:00:01Z'/>", Join(None, History(since_us=1_000_000))),
        (b"<history maxstanzas='0' seconds='1'/>", Join(None, History(stanzas_max=0, seconds_max=1))),
        (b"<history maxchars='-1' maxstanzas='many' seconds='99999999999' since='yesterday'/>", Join()),
    ],
)
def test_join(inside: bytes, join: Join) -> None:
    x = child(b"<presence><x xmlns='http://jabber.org/protocol/muc'>" + inside + b"</x></presence>")
    assert muc.parse_join(x) == join


def test_self_presence() -> None:
    # Example 24: the service tells the entrant its own presence.
    x = muc.user_x(Item(Affiliation.MEMBER, Role.PARTICIPANT), statuses={Status.SELF, Status.NON_ANONYMOUS})
    assert render(x) == (
        b'<x xmlns="http://jabber.org/protocol/muc#user"><item affiliation="member" role="participant"/>'
        b'<status code="100"/><status code="110"/></x>'
    )


def test_kick() -> None:
    # Example 89.
    item = Item(Affiliation.NONE, Role.NONE, actor_nick="Fluellen", reason="Avaunt, you cullion!")
    x = muc.user_x(item, statuses=[Status.SELF, Status.KICKED])
    assert muc.parse_user_x(x) == ((item,), {110, 307})
    assert x[0][0].tag.endswith("}actor") and x[0][1].text == "Avaunt, you cullion!"


def test_an_empty_item_has_no_attributes() -> None:
    assert render(muc.item_element(Item())) == b'<item xmlns="http://jabber.org/protocol/muc#user"/>'


def test_destroyed() -> None:
    # Example 203.
    x = muc.user_x(
        Item(Affiliation.NONE, Role.NONE),
        destroy=Destroy("coven@chat.shakespeare.lit", "Macbeth doth come.", "secret"),
    )
    destroy = x[1]
    assert destroy.get("jid") == "coven@chat.shakespeare.lit"
    assert [c.text for c in destroy] == ["Macbeth doth come.", "secret"]


def test_admin_query() -> None:
    # Example 88: kick, and a ban list that is changed.
    query = child(
        b"<iq><query xmlns='http://jabber.org/protocol/muc#admin'>"
        b"<item nick='pistol' role='none'><reason>Avaunt, you cullion!</reason></item>"
        b"<item affiliation='outcast' jid='lordscroop@english.lit'/></query></iq>"
    )
    items = muc.parse_admin(query)
    assert items == (
        Item(role=Role.NONE, nick="pistol", reason="Avaunt, you cullion!"),
        Item(affiliation=Affiliation.OUTCAST, jid="lordscroop@english.lit"),
    )
    assert muc.parse_admin(muc.admin_query(items)) == items


@pytest.mark.parametrize("inside", [b"", b"<item role='king'/>", b"<item affiliation='friend' jid='a@b'/>"])
def test_an_admin_query_that_is_malformed(inside: bytes) -> None:
    with pytest.raises(ValueError):
        muc.parse_admin(child(b"<iq><query xmlns='http://jabber.org/protocol/muc#admin'>" + inside + b"</query></iq>"))


def test_owner_query() -> None:
    head = b"<iq><query xmlns='http://jabber.org/protocol/muc#owner'>"
    assert muc.parse_owner(child(head + b"</query></iq>")) is None
    assert muc.parse_owner(
        child(
            head
            + b"<destroy jid='coven@chat.shakespeare.lit'><reason>Macbeth doth come.</reason></destroy></query></iq>"
        )
    ) == Destroy("coven@chat.shakespeare.lit", "Macbeth doth come.")
    instant = muc.parse_owner(child(head + b"<x xmlns='jabber:x:data' type='submit'/></query></iq>"))
    assert instant == data_forms.Form("submit")
    form = data_forms.Form("form", (data_forms.form_type(muc.ROOMCONFIG),))
    assert muc.parse_owner(muc.owner_query(data_forms.render(form))) == form


def test_mediated_invitation() -> None:
    # Examples 57 to 60.
    x = child(
        b"<message><x xmlns='http://jabber.org/protocol/muc#user'><invite to='hecate@shakespeare.lit'>"
        b"<reason>Hey Hecate</reason><continue thread='e0ff'/></invite></x></message>"
    )
    assert muc.parse_invites(x) == (Invite("hecate@shakespeare.lit", "Hey Hecate", "e0ff"),)
    sent = muc.invitation(Invite("crone1@shakespeare.lit/desktop", "Hey Hecate", ""), password="cauldronburn")
    assert sent[0].get("from") == "crone1@shakespeare.lit/desktop"
    assert [c.tag.partition("}")[2] for c in sent[0]] == ["reason", "continue"]
    assert sent[1].text == "cauldronburn"


def test_decline() -> None:
    x = child(
        b"<message><x xmlns='http://jabber.org/protocol/muc#user'><decline to='crone1@shakespeare.lit'>"
        b"<reason>Sorry</reason></decline></x></message>"
    )
    assert muc.parse_decline(x) == Invite("crone1@shakespeare.lit", "Sorry")
    assert muc.parse_invites(x) == ()
    assert muc.parse_decline(muc.user_x()) is None
    assert muc.declined(Invite("hecate@shakespeare.lit"))[0].get("from") == "hecate@shakespeare.lit"
