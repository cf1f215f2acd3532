"""IQs.  RFC 6121 §8.5, RFC 6120 §10.3.3 and §10.5: who answers a request."""

from __future__ import annotations

from typing import Final, assert_never

from natter.proto.v1.bus_pb2 import Frame
from natter.xmpp import ns
from natter.xmpp.jid import bare_of
from natter.xmpp.xeps import flexible_offline

from .outcome import ANSWER, FORBIDDEN, NO_SUCH_SERVER, ORDER, UNASKED, UNAVAILABLE, Deliver, Hand, Outcomes
from .target import Target, classify
from .view import Directory, Hosts

ROSTER: Final = f"{{{ns.ROSTER}}}query"
REGISTER: Final = f"{{{ns.REGISTER}}}query"
LAST: Final = f"{{{ns.LAST}}}query"
WAITING_QUERIES: Final = frozenset({flexible_offline.INFO, flexible_offline.ITEMS})


def to_session(frame: Frame, directory: Directory, hosts: Hosts) -> Outcomes | None:
    """A full JID whose session is there."""
    session = directory.get(frame.to)
    if session is None:
        return None
    # RFC 6121 §2.1.6: only the server pushes rosters; a client that tries to is not helped.
    if frame.payload == ROSTER and frame.type == "set":
        return UNAVAILABLE
    # RFC 6121 §8.5.3.1: to a matching resource.
    return (Deliver((session,)),)


def by_address(frame: Frame, directory: Directory, hosts: Hosts) -> Outcomes:
    """Everything but a full JID whose session is there."""
    target = classify(frame.to, frame.sender, hosts)
    if target is Target.CONFERENCE:
        return (Hand("room", bare_of(frame.to)),)
    if frame.type not in ("get", "set"):
        # RFC 6120 §8.2.3: results and errors are not answered; the server has asked nothing.
        return UNASKED
    match target:
        case Target.OWN | Target.SERVER:
            return _to_ourselves(frame, target, hosts)
        case Target.BARE:
            if frame.payload in hosts.archive_requests:
                # XEP-0313 §8.1: an archive is its owner's; whether there is one is not said.
                return FORBIDDEN
            # XEP-0012 §3: the user's own shard knows when, and who may know.
            if frame.payload == LAST and frame.type == "get":
                return (Hand("user", frame.to),)
            # RFC 6121 §8.5.2.1.3 and §8.5.1: an account that does not exist looks the same.
            return UNAVAILABLE
        case Target.FULL:
            # RFC 6121 §8.5.3.2.3
            return UNAVAILABLE
        case Target.REMOTE:
            # RFC 6120 §10.4: no connections to other servers yet.
            return NO_SUCH_SERVER
        case _:
            assert_never(target)


def _to_ourselves(frame: Frame, target: Target, hosts: Hosts) -> Outcomes:
    payload = frame.payload
    if (
        target is Target.OWN
        and hosts.offline
        and payload in WAITING_QUERIES
        and flexible_offline.NS.encode() in frame.stanza
    ):
        # XEP-0013 §2.2, §2.3: service discovery of that node.
        return (Hand("archive", bare_of(frame.sender)),)
    if payload == ROSTER:
        # RFC 6121 §2.1.3
        return (Hand("user", bare_of(frame.sender)),)
    if payload == REGISTER:
        # XEP-0077 §3.2: changing the password and removing the account.
        return (Hand("account", bare_of(frame.sender)),)
    if payload == LAST and target is Target.OWN and frame.type == "get":
        return (Hand("user", bare_of(frame.sender)),)
    if payload in (hosts.answers if frame.type == "get" else hosts.orders):
        return ANSWER
    if (payload, frame.type) in hosts.block_commands and target is Target.OWN:
        # XEP-0191 §3.2: without 'to', at the user's server.
        return ORDER
    if payload in hosts.archive_requests and target is Target.OWN:
        # XEP-0313 §3.3: at the user's bare JID.
        return (Hand("archive", bare_of(frame.sender)),)
    # RFC 6120 §8.4: a payload that is not understood.
    return UNAVAILABLE
