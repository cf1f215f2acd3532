"""The PLAIN mechanism (RFC 4616), and the rule for authorization identities that all mechanisms obey."""

from __future__ import annotations

from dataclasses import dataclass, field

from .. import jid
from .failure import SASLError


@dataclass(frozen=True, slots=True)
class PlainMessage:
    """A PLAIN message. `username` is a normalised localpart; `authzid` is "" where there was none."""

    authzid: str
    username: str
    password: str = field(repr=False)


def parse(message: bytes) -> PlainMessage:
    """Raises SASLError."""
    # RFC 4616 §2: [authzid] NUL authcid NUL passwd, in UTF-8, no part but the first empty, no NUL inside.
    try:
        parts = message.decode().split("\0")
    except UnicodeDecodeError:
        raise SASLError("malformed-request") from None
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise SASLError("malformed-request")
    return PlainMessage(parts[0], prepare_username(parts[1]), parts[2])


def prepare_username(text: str) -> str:
    """The localpart that an authentication identity names. Raises SASLError."""
    try:
        # RFC 6120 §6.3.7: the simple user name is the localpart.
        return jid.username(text)
    except jid.JIDError:
        # Nobody can have this name: the same answer as for a name that nobody has.
        raise SASLError("not-authorized") from None


def check_authzid(authzid: str, bare: str) -> None:
    """Whether who is authenticated as the JID `bare` may act as `authzid`: only as oneself. Raises SASLError."""
    # RFC 6120 §6.3.8 and §6.5.6: an authzid is a bare JID; acting for others is not offered.
    if not authzid:
        return
    try:
        if jid.normalise(authzid) == bare:
            return
    except jid.JIDError:
        pass
    raise SASLError("invalid-authzid")
