"""An ordinary client says that nobody looks at it (XEP-0352): it is left alone until there is something to hear."""

from __future__ import annotations

from person import Login


async def test_a_message_brings_the_last_chat_state_and_activity_the_last_presence(login: Login) -> None:
    alice, bob = await login("alice@localhost/phone"), await login("bob@localhost/desk")
    # XEP-0352 §4.1: the client was offered it.
    assert alice.plugin["xep_0352"].enabled
    alice.plugin["xep_0352"].send_inactive()
    # XEP-0352 §5.1: once this is answered she is inactive.
    await alice.plugin["xep_0199"].ping("localhost", timeout=30)
    states: list[str] = []
    alice.register_plugin("xep_0085")
    alice.add_event_handler("chatstate", lambda stanza: states.append(stanza["chat_state"]))
    for state in ("composing", "paused", "composing", "active"):
        typing = f"<{state} xmlns='http://jabber.org/protocol/chatstates'/>"
        bob.send_raw(f"<message to='alice@localhost/phone' type='chat'>{typing}</message>")
    bob.send_message("alice@localhost/phone", "look here", mtype="chat")
    await alice.says("bob@localhost/desk", "look here")
    assert states == ["active"]
    for status in ("one", "two", "three"):
        bob.send_presence(pto="alice@localhost/phone", pstatus=status)
    alice.plugin["xep_0352"].send_active()
    await alice.expect("three", lambda event, stanza: event == "presence" and stanza["status"] == "three")
    # She is active: it comes by itself.
    bob.send_presence(pto="alice@localhost/phone", pstatus="four")
    await alice.expect("four", lambda event, stanza: event == "presence" and stanza["status"] == "four")
