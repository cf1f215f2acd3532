"""What the server says of itself."""

from __future__ import annotations

import pytest
from person import Login
from slixmpp.exceptions import IqError

pytestmark = pytest.mark.stack


async def test_disco_of_the_server(login: Login) -> None:
    alice = await login("alice@localhost/a")
    info = await alice.plugin["xep_0030"].get_info("localhost")
    assert ("server", "im") in {(i[0], i[1]) for i in info["disco_info"]["identities"]}
    assert {"http://jabber.org/protocol/disco#info", "urn:xmpp:ping", "jabber:iq:version", "urn:xmpp:time"} <= set(
        info["disco_info"]["features"]
    )
    items = await alice.plugin["xep_0030"].get_items("localhost")
    assert "conference.localhost" in {str(i[0]) for i in items["disco_items"]["items"]}
    rooms = await alice.plugin["xep_0030"].get_info("conference.localhost")
    assert ("conference", "text") in {(i[0], i[1]) for i in rooms["disco_info"]["identities"]}
    assert "http://jabber.org/protocol/muc" in rooms["disco_info"]["features"]


async def test_ping_version_time_and_last(login: Login) -> None:
    alice = await login("alice@localhost/a")
    assert await alice.plugin["xep_0199"].ping("localhost") < 5
    version = await alice.plugin["xep_0092"].get_version("localhost")
    assert version["software_version"]["name"] == "natter"
    assert version["software_version"]["version"]
    time = await alice.plugin["xep_0202"].get_entity_time("localhost")
    assert time["entity_time"].xml.findtext("{urn:xmpp:time}utc").endswith("Z")
    last = await alice.plugin["xep_0012"].get_last_activity("localhost")
    assert int(last["last_activity"]["seconds"]) >= 0


async def test_an_unknown_request_is_unavailable(login: Login) -> None:
    alice = await login("alice@localhost/a")
    for to in ("localhost", "alice@localhost", "", "bob@localhost"):
        iq = alice.make_iq_get(queryxmlns="urn:example:nothing", ito=to or None)
        with pytest.raises(IqError) as refused:
            await iq.send(timeout=10)
        assert refused.value.iq["error"]["condition"] == "service-unavailable"
