"""Logging in, over real sockets: slixmpp, TLS verified against the stack's own authority."""

from __future__ import annotations

import asyncio

import pytest
from person import PASSWORD, Login, Person
from raw import Raw, tls
from slixmpp.exceptions import IqError
from stack import Stack

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("mech", ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"])
async def test_each_mechanism_logs_in_over_starttls(login: Login, mech: str) -> None:
    person = await login("alice@localhost/phone", mech=mech)
    assert str(person.boundjid) == "alice@localhost/phone"
    assert person.plugin["feature_mechanisms"].mech.name == mech


async def test_a_resource_is_made_where_none_was_asked_for(login: Login) -> None:
    first, second = await login("alice@localhost"), await login("alice@localhost")
    assert first.boundjid.resource
    assert second.boundjid.resource
    assert first.boundjid.resource != second.boundjid.resource


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("nobody-has-this-name", "whatever")])
@pytest.mark.parametrize("mech", ["SCRAM-SHA-256", "PLAIN"])
async def test_wrong_password_and_unknown_user_look_the_same(stack: Stack, user: str, password: str, mech: str) -> None:
    person = Person(f"{user}@localhost", password, stack.ca, mech=mech)
    person.connect(*stack.endpoint("c2s"))
    failure = await person.expect("a failure", lambda e, s: e == "failed_auth")
    assert failure["condition"] == "not-authorized"
    assert "text" not in [child.tag.rpartition("}")[2] for child in failure.xml]
    await person.offline()


async def test_direct_tls_and_a_whole_login_in_one_packet(stack: Stack) -> None:
    connection = await Raw.open(*stack.endpoint("c2s_tls"), secure=tls(stack.ca))
    await connection.login("bob", PASSWORD, resource="direct")
    assert connection.jid == "bob@localhost/direct"
    await connection.close()


async def test_nothing_but_tls_is_offered_before_tls(stack: Stack) -> None:
    connection = await Raw.open(*stack.endpoint("c2s"))
    features = await connection.features()
    assert "<required/>" in features
    assert "mechanism" not in features
    connection.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYQ==</auth>")
    await connection.until("<failure[^>]*><encryption-required/>")
    connection.writer.close()


async def test_the_same_resource_again_replaces_the_old_session(login: Login, stack: Stack) -> None:
    old = await Raw.open(*stack.endpoint("c2s_tls"), secure=tls(stack.ca))
    await old.login("carol", PASSWORD, resource="desk")
    new = await login("carol@localhost/desk")
    assert str(new.boundjid) == "carol@localhost/desk"
    assert "<conflict" in await old.until_closed()
    await new.plugin["xep_0199"].ping("localhost")


async def test_the_eleventh_resource_is_refused(stack: Stack) -> None:
    # Somebody of whom no other test has left a session that is about to end.
    await asyncio.to_thread(stack.add_user, "eve", PASSWORD)
    secure = tls(stack.ca)
    held = [await Raw.open(*stack.endpoint("c2s_tls"), secure=secure) for _ in range(11)]
    try:
        for i, connection in enumerate(held[:10]):
            await connection.login("eve", PASSWORD, resource=f"r{i}", presence=False)
        with pytest.raises(AssertionError, match="resource-constraint"):
            await held[10].login("eve", PASSWORD, resource="r10", presence=False)
    finally:
        await asyncio.gather(*(c.close() for c in held))


async def test_registration_in_band(stack: Stack, login: Login) -> None:
    connection = await Raw.open(*stack.endpoint("c2s_tls"), secure=tls(stack.ca))
    assert "iq-register" in await connection.features()
    await connection.close()
    connection = await Raw.open(*stack.endpoint("c2s_tls"), secure=tls(stack.ca))
    await connection.register("dave", "first password")
    await connection.close()
    dave = await login("dave@localhost", password="first password")
    assert dave.boundjid.bare == "dave@localhost"
    again = await Raw.open(*stack.endpoint("c2s_tls"), secure=tls(stack.ca))
    with pytest.raises(AssertionError, match="conflict"):
        await again.register("dave", "second password")
    await again.close()


async def test_users_from_the_command_line(stack: Stack, login: Login) -> None:
    stack.add_user("erin", "one")
    assert "erin" in stack.cli("user", "list").stdout
    assert stack.cli("user", "add", "erin", "--password-stdin", stdin="x\n").returncode != 0
    assert stack.cli("user", "passwd", "erin", "--password-stdin", stdin="two\n").returncode == 0
    erin = await login("erin@localhost", password="two")
    with pytest.raises(IqError):
        await erin.plugin["xep_0199"].send_ping("nobody@localhost/nowhere", timeout=5)
    assert stack.cli("user", "remove", "erin").returncode == 0
    assert "erin" not in stack.cli("user", "list").stdout
    assert stack.cli("user", "passwd", "erin", "--password-stdin", stdin="x\n").returncode != 0
