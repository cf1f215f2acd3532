"""JIDs: parsing and normalising by PRECIS (RFC 7622), and cheap cuts of text that is normalised already."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import idna
from precis_i18n import get_profile
from precis_i18n.profile import Profile

PART_BYTES_MAX: Final = 1023  # RFC 7622 §3.1: each part; a longer one is refused.
JID_BYTES_MAX: Final = 3 * PART_BYTES_MAX + 2
_CACHED_JIDS_MAX: Final = 8192
_CACHED_CHARACTERS_MAX: Final = 256  # longer text is parsed each time, so that the cache stays small whatever comes
_ENFORCE_ROUNDS_MAX: Final = 4

# RFC 7622 §3.3.1: excluded from the localpart although PRECIS allows them.
_LOCAL_FORBIDDEN: Final = re.compile(r"[\"&'/:<>@ ]")
# Text that the rules leave as it is. No label may begin with xn--: those are turned into U-labels.
_ASCII_LOCAL: Final = r"[!#$%()*+,\-.;=?\[\\\]^_`{|}~a-z0-9]{1,1023}"
_ASCII_LABEL: Final = r"(?!xn--)[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?"
_IS_ASCII_LOCAL: Final = re.compile(_ASCII_LOCAL)
_IS_ASCII_DOMAIN: Final = re.compile(rf"{_ASCII_LABEL}(?:\.{_ASCII_LABEL})*")
_IS_ASCII_RESOURCE: Final = re.compile(r"[ -~]{1,1023}")

_username_profile = get_profile("UsernameCaseMapped")
_opaque_profile = get_profile("OpaqueString")


class JIDError(ValueError):
    """The text is no JID: the sender's mistake, `jid-malformed`."""


@dataclass(frozen=True, slots=True)
class JID:
    """A normalised JID. Absent parts are ""; make one with `parse`, or from parts that are normalised."""

    local: str
    domain: str
    resource: str = ""

    @property
    def bare(self) -> str:
        """localpart@domainpart, or the domainpart alone."""
        return f"{self.local}@{self.domain}" if self.local else self.domain

    def __str__(self) -> str:
        bare = f"{self.local}@{self.domain}" if self.local else self.domain
        return f"{bare}/{self.resource}" if self.resource else bare


def parse(text: str) -> JID:
    """The JID that `text` says, normalised. Raises JIDError."""
    if len(text) <= _CACHED_CHARACTERS_MAX:
        return _parse_cached(text)
    return _parse(text)


def normalise(text: str) -> str:
    """`text` as every comparison needs it: `str(parse(text))`. Raises JIDError."""
    if len(text) <= _CACHED_CHARACTERS_MAX:
        return _normalise_cached(text)
    return str(_parse(text))


def _parse(text: str) -> JID:
    # RFC 7622 §3.1: the first '/' ends the domainpart, the first '@' before it ends the localpart.
    rest, slash, resourcepart = text.partition("/")
    localpart, at, domainpart = rest.partition("@")
    if not at:
        localpart, domainpart = "", rest
    return JID(
        username(localpart) if at else "",
        domain(domainpart),
        resource(resourcepart) if slash else "",
    )


@lru_cache(maxsize=_CACHED_JIDS_MAX)
def _parse_cached(text: str) -> JID:
    return _parse(text)


@lru_cache(maxsize=_CACHED_JIDS_MAX)
def _normalise_cached(text: str) -> str:
    return str(_parse(text))


def username(text: str) -> str:
    """A localpart by the UsernameCaseMapped profile of PRECIS. Raises JIDError."""
    if _IS_ASCII_LOCAL.fullmatch(text):
        return text
    # RFC 7622 §3.3.1: UsernameCaseMapped; the excluded characters are looked for after mapping (full-width '@').
    result = _enforce(_username_profile, text, "localpart")
    if _LOCAL_FORBIDDEN.search(result):
        raise JIDError("localpart has a forbidden character")
    return result


def resource(text: str) -> str:
    """A resourcepart, or a nickname in a room, by the OpaqueString profile of PRECIS. Raises JIDError."""
    if _IS_ASCII_RESOURCE.fullmatch(text):
        return text
    # RFC 7622 §3.4.1: OpaqueString.
    return _enforce(_opaque_profile, text, "resourcepart")


def domain(text: str) -> str:
    """A domainpart: lower case, U-labels, without a final dot; or an IP address. Raises JIDError."""
    # RFC 7622 §3.2: a final dot is stripped before anything else.
    text = text.removesuffix(".")
    if len(text) <= PART_BYTES_MAX and _IS_ASCII_DOMAIN.fullmatch(text):
        return text
    if text.startswith("["):
        return _ip_literal(text)
    if len(text) > PART_BYTES_MAX:
        raise JIDError("domainpart is too long")
    try:
        # RFC 7622 §3.2.1: IDNA2008 U-labels, compared without case; RFC 5895 mapping as UTS #46 does it.
        result = str(idna.decode(idna.encode(text, uts46=True))).removesuffix(".")
    except (UnicodeError, IndexError) as error:
        raise JIDError(f"domainpart is not a name: {type(error).__name__}") from error
    if not result or len(result.encode()) > PART_BYTES_MAX:
        raise JIDError("domainpart is empty or too long")
    return result


def _ip_literal(text: str) -> str:
    # RFC 7622 §3.2 (RFC 6874): an IPv6 address stands in brackets; zones are not for the wire.
    if not text.endswith("]") or "%" in text:
        raise JIDError("domainpart is not an IP literal")
    try:
        return f"[{ipaddress.IPv6Address(text[1:-1]).compressed}]"
    except ValueError as error:
        raise JIDError("domainpart is not an IPv6 address") from error


def _enforce(profile: Profile, text: str, part: str) -> str:
    if not text or len(text) > PART_BYTES_MAX:
        raise JIDError(f"{part} is empty or too long")
    # RFC 8264 §7: apply until it no longer changes; text that never settles is refused.
    for _ in range(_ENFORCE_ROUNDS_MAX):
        try:
            result = str(profile.enforce(text))
        except UnicodeError as error:
            raise JIDError(f"{part} is not allowed") from error
        if result == text:
            break
        text = result
    else:
        raise JIDError(f"{part} does not settle")
    if len(text.encode()) > PART_BYTES_MAX:
        raise JIDError(f"{part} is too long")
    return text


def bare_of(full: str) -> str:
    """The bare JID of a normalised JID."""
    return full.partition("/")[0]


def resource_of(full: str) -> str:
    """The resourcepart of a normalised JID, or ""."""
    return full.partition("/")[2]


def domain_of(text: str) -> str:
    """The domainpart of a normalised JID."""
    bare = text.partition("/")[0]
    return bare[bare.find("@") + 1 :]


def local_of(text: str) -> str:
    """The localpart of a normalised JID, or ""."""
    bare = text.partition("/")[0]
    at = bare.find("@")
    return bare[:at] if at > 0 else ""
