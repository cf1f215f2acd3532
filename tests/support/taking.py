"""Sessions under stream management round the gateway tests' world: log in, resume elsewhere, kill what had them."""

from __future__ import annotations

import base64
from typing import Any

World = Any
SM = "urn:xmpp:sm:3"
R = f"<r xmlns='{SM}'/>"


def chat(to: str, body: str) -> str:
    return f"<message to='{to}' type='chat'><body>{body}</body></message>"


def numbered(to: str, start: int, end: int) -> str:
    return "".join(chat(to, f"n{n}.") for n in range(start, end))


async def managed(world: World, running: Any, user: str = "alice") -> tuple[Any, str]:
    client = await world.login(running, user, "r")
    client.send(f"<enable xmlns='{SM}' resume='true'/>")
    return client, (await client.until(f"<enabled xmlns='{SM}' id='([^']*)'")).group(1)


async def again(world: World, running: Any, previd: str, h: int, *, behind: str = "") -> Any:
    client = await world.connect(running)
    await client.features()
    plain = base64.b64encode(b"\0alice\0secret").decode()
    client.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
    await client.until("<success[^>]*/>|<success.*</success>")
    await client.features()
    client.send(f"<resume xmlns='{SM}' previd='{previd}' h='{h}'/>{behind}")
    return client


async def kill(running: Any) -> None:
    """What `kill -9` does: nothing more is read, written or said."""
    gateway = running.gateway
    for task in gateway.tasks:
        task.cancel()
    await running.subscription.stop()
    await gateway.lane.close()
    await gateway.own.close()
    running.instances._task.cancel()
    running.instances._task = None
    gateway.binding.directory._callbacks.clear()
    await gateway.binding.directory.stop()
    for listener in running.listeners:
        listener.close()
    for peer in gateway.connections():
        peer.closing = True
        peer.session = None
        peer.transport.abort()
    gateway.draining = True


async def received(client: Any, last: str) -> list[str]:
    """The bodies that the client gets up to `last`."""
    bodies = []
    while not bodies or bodies[-1] != last:
        bodies.append((await client.until("<body>([^<]*)</body>")).group(1))
    return bodies


async def talking(world: World, one: Any, other: Any, heard: int = 4) -> tuple[Any, str, Any]:
    """Alice, the id of her session, and bob: she has `heard` messages of his, and three of hers are durable."""
    alice, previd = await managed(world, one)
    bob = await world.login(other, "bob", "b")
    bob.send(numbered("alice@localhost/r", 0, heard))
    await received(alice, f"n{heard - 1}.")
    alice.send(numbered("bob@localhost/b", 0, 3) + R)
    await alice.until(f"<a xmlns='{SM}' h='3'/>")
    return alice, previd, bob
