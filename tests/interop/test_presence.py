"""Rosters, subscriptions and presence as two people see them."""

from __future__ import annotations

import pytest
from person import PASSWORD, Login, Person
from raw import Raw, tls
from stack import Stack

pytestmark = pytest.mark.stack


async def befriend(one: Person, other: Person) -> None:
    """Subscribe both ways."""
    for asker, asked in ((one, other), (other, one)):
        asker.send_presence_subscription(pto=asked.boundjid.bare, ptype="subscribe")
        await asked.sees(asker.boundjid.bare, "subscribe")
        asked.send_presence_subscription(pto=asker.boundjid.bare, ptype="subscribed")
        await asker.sees(asked.boundjid.bare, "subscribed")
        await asker.sees(str(asked.boundjid), "available")


async def new_person(stack: Stack, login: Login, name: str, resource: str) -> Person:
    connection = await Raw.open(*stack.endpoint("c2s_tls"), secure=tls(stack.ca))
    await connection.register(name, PASSWORD)
    await connection.close()
    return await login(f"{name}@localhost/{resource}")


async def test_two_people_subscribe_and_see_each_other_come_and_go(stack: Stack, login: Login) -> None:
    romeo = await new_person(stack, login, "romeo", "orchard")
    juliet = await new_person(stack, login, "juliet", "balcony")
    await befriend(romeo, juliet)
    for one, other in ((romeo, "juliet@localhost"), (juliet, "romeo@localhost")):
        await one.get_roster()
        assert one.client_roster[other]["subscription"] == "both"

    juliet.send_presence(pshow="away", pstatus="be right back")
    away = await romeo.expect("away", lambda e, s: e == "presence" and s["show"] == "away")
    assert away["status"] == "be right back"

    await juliet.offline()
    await romeo.sees("juliet@localhost/balcony", "unavailable")

    juliet = await login("juliet@localhost/chamber")
    await romeo.sees("juliet@localhost/chamber", "available")
    await juliet.sees("romeo@localhost/orchard", "available")


async def test_a_request_waits_for_the_contact_to_come(stack: Stack, login: Login) -> None:
    mercutio = await new_person(stack, login, "mercutio", "square")
    tybalt = await new_person(stack, login, "tybalt", "square")
    await tybalt.offline()
    await mercutio.expect("nothing yet", lambda e, s: e == "roster_update")
    mercutio.send_presence_subscription(pto="tybalt@localhost", ptype="subscribe")
    await mercutio.expect(
        "a push with ask",
        lambda e, s: e == "roster_update" and "subscribe" in str(s) and "tybalt" in str(s),
    )
    tybalt = await login("tybalt@localhost/street")
    await tybalt.sees("mercutio@localhost", "subscribe")
    tybalt.send_presence_subscription(pto="mercutio@localhost", ptype="unsubscribed")
    await mercutio.sees("tybalt@localhost", "unsubscribed")


async def test_roster_versions(stack: Stack, login: Login) -> None:
    person = await new_person(stack, login, "benvolio", "one")
    assert "rosterver" in person.features
    await person.update_roster("nurse@localhost", name="Nurse", groups=["Capulet"])
    connection = await Raw.open(*stack.endpoint("c2s_tls"), secure=tls(stack.ca))
    await connection.login("benvolio", PASSWORD, resource="two")
    connection.send("<iq type='get' id='r1'><query xmlns='jabber:iq:roster' ver=''/></iq>")
    whole = (await connection.until(r"<iq\b[^>]*\bid=.r1.*?</iq>")).group(0)
    assert "nurse@localhost" in whole
    assert "Capulet" in whole
    version = whole.partition("ver=")[2][1:].partition(whole.partition("ver=")[2][0])[0]
    assert version
    connection.send(f"<iq type='get' id='r2'><query xmlns='jabber:iq:roster' ver='{version}'/></iq>")
    unchanged = (await connection.until(r"<iq\b[^>]*\bid=.r2.[^>]*?(/>|>.*?</iq>)")).group(0)
    assert "query" not in unchanged
    await person.del_roster_item("nurse@localhost")
    push = (await connection.until(r"<iq\b[^>]*type=.set.*?</iq>")).group(0)
    assert "remove" in push
    connection.send(f"<iq type='get' id='r3'><query xmlns='jabber:iq:roster' ver='{version}'/></iq>")
    await connection.until(r"<iq\b[^>]*\bid=.r3.[^>]*?(/>|>.*?</iq>)")
    await connection.close()


async def test_strangers_see_nothing(stack: Stack, login: Login) -> None:
    rosaline = await new_person(stack, login, "rosaline", "hall")
    alice = await login("alice@localhost/a")
    rosaline.send_presence(pstatus="for friends only")
    await rosaline.expect("own presence", lambda e, s: e == "presence" and s["status"] == "for friends only")
    alice.send_raw("<presence type='probe' to='rosaline@localhost'/>")
    alice.send_message("alice@localhost/a", "fence", mtype="chat")
    await alice.says("alice@localhost/a", "fence")
    assert not [s for e, s in alice.heard if e == "presence" and "rosaline" in str(s["from"])]


async def test_directed_presence_comes_and_goes(login: Login) -> None:
    alice, bob = await login("alice@localhost/a"), await login("bob@localhost/b")
    alice.send_presence(pto="bob@localhost/b", pstatus="just for you")
    seen = await bob.sees("alice@localhost/a", "available")
    assert seen["status"] == "just for you"
    await alice.offline()
    await bob.sees("alice@localhost/a", "unavailable")
