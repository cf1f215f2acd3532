"""What kind of address a stanza is for."""

from __future__ import annotations

from enum import Enum, auto

from natter.xmpp.jid import bare_of

from .view import Hosts


class Target(Enum):
    """The rows of RFC 6121 §8, for a sender whose account is ours."""

    OWN = auto()  # no 'to', or the sender's own bare JID
    SERVER = auto()  # our domain, with or without a resource
    BARE = auto()  # somebody else's bare JID at our domain
    FULL = auto()  # a full JID at our domain
    CONFERENCE = auto()  # the conference host, a room or an occupant
    REMOTE = auto()  # any other domain


def classify(to: str, sender: str, hosts: Hosts) -> Target:
    """The kind of the normalised address `to`, "" where the stanza has none."""
    if not to:
        # RFC 6120 §10.3: without 'to' the server acts for the sender's account.
        return Target.OWN
    bare, _, resource = to.partition("/")
    local, at, domain = bare.partition("@")
    if not at:
        domain = local
    if domain == hosts.domain:
        if not at:
            # RFC 6120 §10.5.2: domain/resource is the server's own business as well.
            return Target.SERVER
        if resource:
            return Target.FULL
        return Target.OWN if bare == bare_of(sender) else Target.BARE
    return Target.CONFERENCE if domain == hosts.conference else Target.REMOTE
