"""One to one: full and bare JIDs, two resources, stanzas to nobody."""

from __future__ import annotations

import pytest
from person import Login
from slixmpp.exceptions import IqError

pytestmark = pytest.mark.stack


async def test_chat_to_a_full_jid_and_back(login: Login) -> None:
    alice, bob = await login("alice@localhost/a"), await login("bob@localhost/b")
    alice.send_message("bob@localhost/b", "hello <&> \U0001f600 ]]>", mtype="chat")
    heard = await bob.says("alice@localhost/a", "hello <&> \U0001f600 ]]>")
    assert heard["type"] == "chat"
    assert heard["to"] == "bob@localhost/b"
    bob.send_message("alice@localhost/a", "hello yourself", mtype="chat")
    await alice.says("bob@localhost/b", "hello yourself")


async def test_the_bare_jid_reaches_the_resources_of_highest_priority(login: Login) -> None:
    alice = await login("alice@localhost/a")
    phone, laptop, hidden = [await login(f"bob@localhost/{r}") for r in ("phone", "laptop", "hidden")]
    for client, priority in ((phone, 5), (laptop, 5), (hidden, -1)):
        client.send_presence(ppriority=priority)
        # Its own presence comes back when the service has taken it.
        await client.expect(
            "own presence",
            lambda e, s, c=client, p=priority: e == "presence" and (s["from"], s["priority"]) == (c.boundjid, p),
        )
    alice.send_message("bob@localhost", "to all of you", mtype="chat")
    await phone.says("alice@localhost/a", "to all of you")
    await laptop.says("alice@localhost/a", "to all of you")
    laptop.send_presence(ppriority=1)
    await laptop.expect("own presence", lambda e, s: e == "presence" and s["priority"] == 1)
    alice.send_message("bob@localhost", "to the phone", mtype="chat")
    await phone.says("alice@localhost/a", "to the phone")
    alice.send_message("bob@localhost/laptop", "end", mtype="chat")
    alice.send_message("bob@localhost/hidden", "end", mtype="chat")
    for client in (laptop, hidden):
        await client.says("alice@localhost/a", "end")
        assert not [s for e, s in client.heard if e == "message" and s["body"] == "to the phone"]
    assert not [s for e, s in hidden.heard if e == "message"]


@pytest.mark.parametrize("to", ["nobody-at-all@localhost", "nobody-at-all@localhost/x"])
async def test_a_message_to_nobody_comes_back(login: Login, to: str) -> None:
    alice = await login("alice@localhost/a")
    message = alice.make_message(to, "anybody?", mtype="chat")
    message["id"] = "lost-1"
    message.send()
    error = await alice.expect("an error", lambda e, s: s["type"] == "error" and s["id"] == "lost-1")
    assert (error["error"]["condition"], error["error"]["type"]) == ("service-unavailable", "cancel")
    assert error["from"] == to


async def test_another_domain_is_not_found(login: Login) -> None:
    alice = await login("alice@localhost/a")
    alice.send_message("romeo@montague.example", "anybody?", mtype="chat")
    error = await alice.expect("an error", lambda e, s: s["type"] == "error")
    assert error["error"]["condition"] == "remote-server-not-found"


async def test_an_iq_between_clients_is_answered_by_the_client(login: Login) -> None:
    alice, bob = await login("alice@localhost/a"), await login("bob@localhost/b")
    bob.plugin["xep_0092"].software_name = "bobs-client"
    version = await alice.plugin["xep_0092"].get_version("bob@localhost/b")
    assert version["software_version"]["name"] == "bobs-client"
    with pytest.raises(IqError) as nobody:
        await alice.plugin["xep_0092"].get_version("bob@localhost/nowhere")
    assert nobody.value.iq["error"]["condition"] == "service-unavailable"


async def test_a_bad_jid_is_malformed(login: Login) -> None:
    alice = await login("alice@localhost/a")
    alice.send_raw("<message to='@localhost' id='bad-1' type='chat'><body>x</body></message>")
    error = await alice.expect("an error", lambda e, s: s["type"] == "error" and s["id"] == "bad-1")
    assert error["error"]["condition"] == "jid-malformed"
