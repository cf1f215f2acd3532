"""What a join asks for, and the presence that is left. The commonest shapes are read unparsed: a measured hot path."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from natter.xmpp import ns
from natter.xmpp.traits import Trait
from natter.xmpp.xeps.muc import History, Join, parse_join

from .request import Request

_NS: Final = ns.MUC.encode()
_X: Final = re.compile(
    rb"<x xmlns=(['\"])http://jabber\.org/protocol/muc\1\s*+"
    rb"(?:/>|>(?:<history((?: (?:maxchars|maxstanzas|seconds)=(?:'[0-9]{1,10}'|\"[0-9]{1,10}\"))*+)\s*+"
    rb"(?:/>|></history>))?</x>)"
)
_WISH: Final = re.compile(rb" (maxchars|maxstanzas|seconds)=.([0-9]+)")
_ANY: Final = Join()


def read(request: Request) -> tuple[Join, Request]:
    """The join, and the request without it where that is known already: nothing forged is left of it there."""
    stanza = request.stanza
    # The namespace stands there once, and nothing that could mean something else than it says: it is the child that the
    # traits speak of (XEP-0045 §7.2.1).
    if stanza.count(_NS) == 1 and b"&" not in stanza and b"<!" not in stanza:
        found = _X.search(stanza)
        if found is not None:
            rest = stanza[: found.start()] + stanza[found.end() :]
            return _asked(found[2]), replace(request, stanza=rest, traits=request.traits & ~Trait.MUC_JOIN)
    x = request.element().find(f"{{{ns.MUC}}}x")
    return parse_join(x) if x is not None else _ANY, request


def _asked(history: bytes | None) -> Join:
    if not history:
        return _ANY
    wish = {name: int(number) for name, number in _WISH.findall(history)}
    return Join(history=History(wish.get(b"maxchars"), wish.get(b"maxstanzas"), wish.get(b"seconds")))
