"""XEP-0191: Blocking Command.  Lists of blocked JIDs, commands, and the errors that follow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .. import jid
from ..element import E, Element
from ..spec import Xep

NS: Final = "urn:xmpp:blocking"

XEP = Xep(191, "Blocking Command", version="1.3", status="complete", features=(NS,))

BLOCKLIST: Final = f"{{{NS}}}blocklist"
BLOCK: Final = f"{{{NS}}}block"
UNBLOCK: Final = f"{{{NS}}}unblock"
_ITEM: Final = f"{{{NS}}}item"
_BLOCKED: Final = "{urn:xmpp:blocking:errors}blocked"


def items(command: Element) -> frozenset[str]:
    """The JIDs of a command. ValueError for what is none: jid-malformed."""
    return frozenset(jid.normalise(item.get("jid", "")) for item in command.findall(_ITEM))


def listed(name: str, jids: Iterable[str]) -> Element:
    """<blocklist/>, <block/> or <unblock/> (by their full names) with these JIDs."""
    return E(name, None, *(E(_ITEM, {"jid": one}) for one in sorted(jids)))


def blocked() -> Element:
    """What tells a sender that it is they who have blocked the recipient."""
    # XEP-0191 §3.3: the condition of <not-acceptable/>.
    return E(_BLOCKED)
