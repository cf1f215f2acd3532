"""XEP-0013: what waits, as its owner asks about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from natter.proto.v1.bus_pb2 import KIND_MESSAGE, Frame
from natter.storage.archive import Archive, Waiting
from natter.xmpp.element import Element
from natter.xmpp.jid import bare_of
from natter.xmpp.xeps import flexible_offline

from . import replies
from .handover import Handover


@dataclass(frozen=True, slots=True)
class Inbox:
    """Of all users. `messages_max` wait for one at most."""

    archive: Archive
    handover: Handover
    messages_max: int

    async def answer(self, asked: Frame, request: Element) -> AsyncIterator[Frame]:
        """The frames that answer a request, in order. Raises `DatabaseError`, and ValueError for what is none."""
        account = bare_of(asked.sender)
        found = await self.archive.waits(account, self.messages_max)
        waits = {f"{w.position:016x}": w for w in found if not self.handover.unwanted(w)}
        if request.tag == flexible_offline.INFO:
            self.handover.chooses(asked.session)
            yield replies.result(asked, flexible_offline.count(len(waits)))
            return
        if request.tag == flexible_offline.ITEMS:
            self.handover.chooses(asked.session)
            senders = ((node, Frame.FromString(w.frame).sender) for node, w in waits.items())
            yield replies.result(asked, flexible_offline.headers(account, senders))
            return
        wish = flexible_offline.parse_wish(request, asked.type)
        if wish.everything:
            # §2.6: who fetches all of it wants no flood either.
            self.handover.chooses(asked.session)
        nodes = tuple(waits) if wish.everything else wish.nodes
        if not set(nodes) <= waits.keys():
            # §2.4, §2.5: a node that does not exist.
            yield replies.error(asked, "item-not-found")
            return
        if asked.type == "set":
            gone = await self.archive.forget_waiting(account, [waits[node].position for node in nodes])
            self.handover.removed(account, gone)
        else:
            for node in nodes:
                yield _message(asked, node, waits[node])
        yield replies.result(asked)


def _message(asked: Frame, node: str, waits: Waiting) -> Frame:
    """One message. Without a session: it still waits, and nobody is owed it (§2.5)."""
    said = Frame.FromString(waits.frame)
    return Frame(
        kind=KIND_MESSAGE,
        type=said.type,
        sender=said.sender,
        to=asked.sender,
        stanza=flexible_offline.noted(said.stanza, node),
        sessions=[asked.session],
    )
