"""XEP-0441: Message Archive Management Preferences.  What a user wants archived, and what not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from .. import jid, ns
from ..element import E, Element
from ..spec import Xep

NS = ns.MAM

XEP = Xep(441, "Message Archive Management Preferences", version="0.2.0", status="complete")

PREFS: Final = f"{{{NS}}}prefs"
_JID: Final = f"{{{NS}}}jid"
# JIDs in one list; more are refused.
JIDS_MAX: Final = 1000

Kind = Literal["always", "never", "roster"]
_KINDS: Final = frozenset(get_args(Kind))


@dataclass(frozen=True, slots=True)
class Preferences:
    """`kind` for whom neither list names."""

    kind: Kind = "always"
    always: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()


def parse(prefs: Element) -> Preferences:
    """What a <prefs/> says. ValueError where it is malformed: bad-request."""
    kind = prefs.get("default", "")
    if kind not in _KINDS:
        raise ValueError("no default, or one that is not known")
    return Preferences(cast(Kind, kind), _jids(prefs, "always"), _jids(prefs, "never"))


def _jids(prefs: Element, name: str) -> frozenset[str]:
    # XEP-0441 §2.1: a list that is missing is empty.
    found = frozenset(jid.normalise((one.text or "").strip()) for one in prefs.findall(f"{{{NS}}}{name}/{_JID}"))
    if len(found) > JIDS_MAX:
        raise ValueError("too many JIDs")
    return found


def render(prefs: Preferences) -> Element:
    """The <prefs/> of an answer."""
    # XEP-0441 §2.1: both lists are there, also empty.
    lists = [_list("always", prefs.always), _list("never", prefs.never)]
    return E(PREFS, {"default": prefs.kind}, *lists)


def _list(name: str, jids: Iterable[str]) -> Element:
    return E(f"{{{NS}}}{name}", None, *(E(_JID, None, one) for one in sorted(jids)))


def wants(prefs: Preferences, bare: str, resource: str, contacts: frozenset[str]) -> bool:
    """Whether a message with this other side is archived. `contacts` is the user's roster."""
    # XEP-0441 §2.3: a full JID as it is, a bare one whatever the resource. Who is in both lists is not archived.
    for listed, answer in ((prefs.never, False), (prefs.always, True)):
        if bare in listed or (resource and f"{bare}/{resource}" in listed):
            return answer
    return bare in contacts if prefs.kind == "roster" else prefs.kind == "always"
