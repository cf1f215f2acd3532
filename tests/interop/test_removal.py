"""An account is removed, by the operator or by its owner: XEP-0077 §3.2 and RFC 6121 §2.5.2 on the whole system."""

from __future__ import annotations

import base64
import re

import pytest
from person import PASSWORD
from raw import Raw, tls
from stack import Stack, wait_for

pytestmark = pytest.mark.stack

ROSTER = "<iq type='get' id='{id}'><query xmlns='jabber:iq:roster'/></iq>"


async def person(stack: Stack, name: str, resource: str = "r", *, register: bool = True) -> Raw:
    """Somebody who has asked for the roster and is available."""
    if register:
        maker = await Raw.open(*stack.endpoint("c2s_tls"), secure=tls(stack.ca))
        await maker.register(name, PASSWORD)
        await maker.close()
    there = await Raw.open(*stack.endpoint("c2s_tls"), secure=tls(stack.ca))
    await there.login(name, PASSWORD, resource=resource, presence=False)
    there.send(ROSTER.format(id="first") + "<presence/>")
    await there.until(r"<presence\b[^>]*\bfrom=.[^>]*(/>|</presence>)")
    return there


async def befriend(one: Raw, other: Raw) -> None:
    for asker, asked in ((one, other), (other, one)):
        bare, friend = asker.jid.partition("/")[0], asked.jid.partition("/")[0]
        asker.send(f"<presence type='subscribe' to='{friend}'/>")
        await asked.until(rf"<presence\b[^>]*from=.{bare}.[^>]*type=.subscribe\b|type=.subscribe\b[^>]*from=.{bare}.")
        asked.send(f"<presence type='subscribed' to='{bare}'/>")
        await asker.until(rf"<presence\b[^>]*from=.{re.escape(asked.jid)}")


async def roster(person: Raw, id: str) -> str:
    person.send(ROSTER.format(id=id))
    return (await person.until(rf"<iq\b[^>]*\bid=.{id}.*?</iq>")).group(0)


async def refused(stack: Stack, name: str) -> None:
    """A login with the password of before."""
    again = await Raw.open(*stack.endpoint("c2s_tls"), secure=tls(stack.ca))
    await again.features()
    plain = base64.b64encode(f"\0{name}\0{PASSWORD}".encode()).decode()
    again.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
    assert "not-authorized" in (await again.until(r"<success|<failure.*?</failure>")).group(0)
    await again.close()


async def hears_the_end(contact: Raw, name: str, resources: int) -> None:
    bare = f"{name}@localhost"
    for _ in range(resources):
        await contact.until(rf"<presence\b[^>]*{bare}/[^>]*type=.unavailable|type=.unavailable[^>]*{bare}/")
    # Unsubscribe, unsubscribed, and the pushes: the last one says that nothing is left between the two.
    await contact.until(rf"<item\b[^>]*{bare}[^>]*subscription=.none")


async def test_removed_by_the_operator(stack: Stack) -> None:
    first = await person(stack, "duncan", "hall")
    second = await person(stack, "duncan", "chamber", register=False)
    friend = await person(stack, "banquo")
    await befriend(first, friend)
    done = stack.cli("user", "remove", "duncan")
    assert done.returncode == 0, done.stdout + done.stderr
    for session in (first, second):
        assert "<not-authorized" in await session.until_closed()
    await hears_the_end(friend, "duncan", 2)
    await refused(stack, "duncan")

    new = await person(stack, "duncan", "grave")
    assert "<item" not in await roster(new, "empty")
    # The contact keeps the item (RFC 6121 §3.3.3), and sees nothing of the new user.
    assert "subscription='none'" in await roster(friend, "kept")
    friend.send("<message to='duncan@localhost/grave' type='chat'><body>who are you?</body></message>")
    await new.until("who are you")
    await befriend(new, friend)


async def test_removed_by_the_owner_in_a_room(stack: Stack) -> None:
    owner = await person(stack, "macbeth")
    friend = await person(stack, "malcolm")
    await befriend(owner, friend)
    room = "heath@conference.localhost"
    for who, nick in ((owner, "thane"), (friend, "prince")):
        who.send(f"<presence to='{room}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
        await who.until(r"code=.110")
        if who is owner:
            who.send(
                f"<iq type='set' id='instant' to='{room}'><query xmlns='http://jabber.org/protocol/muc#owner'>"
                "<x xmlns='jabber:x:data' type='submit'/></query></iq>"
            )
            await who.until(r"<iq\b[^>]*id=.instant")
    owner.send("<iq type='set' id='unreg'><query xmlns='jabber:iq:register'><remove/></query></iq>")
    assert "result" in (await owner.until(r"<iq\b[^>]*\bid=.unreg.[^>]*>")).group(0)
    assert "<not-authorized" in await owner.until_closed()
    # Both ways it is seen to leave, in whichever order.
    await friend.until(rf"{room}/thane.[^>]*type=.unavailable|type=.unavailable[^>]*{room}/thane")
    await refused(stack, "macbeth")
    assert "subscription='none'" in await roster(friend, "after")


async def test_told_although_accounts_died_with_the_removal(stack: Stack) -> None:
    """SIGKILL right behind the answer: the journal is the source, and whoever follows it tells."""
    gone = await person(stack, "fleance")
    friend = await person(stack, "ross")
    await befriend(gone, friend)
    assert stack.cli("user", "remove", "fleance").returncode == 0
    pid = stack.kill("accounts")
    await hears_the_end(friend, "fleance", 1)
    assert "<not-authorized" in await gone.until_closed()
    stack.wait_replaced("accounts", pid)
    wait_for("accounts answers", lambda: stack.cli("user", "list").returncode == 0, seconds_max=15)
    new = await person(stack, "fleance")
    assert "<item" not in await roster(new, "empty")


async def test_a_new_password_ends_no_session(stack: Stack) -> None:
    here = await person(stack, "lennox")
    done = stack.cli("user", "passwd", "lennox", "--password-stdin", stdin="other\n")
    assert done.returncode == 0, done.stdout + done.stderr
    await refused(stack, "lennox")
    assert "<query" in await roster(here, "still")
