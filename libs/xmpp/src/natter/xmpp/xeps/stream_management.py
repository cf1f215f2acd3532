"""XEP-0198: Stream Management.  Acknowledged stanzas, and streams that are resumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .. import ns
from ..element import attr_escape
from ..spec import Xep

NS = ns.SM

XEP = Xep(
    198,
    "Stream Management",
    version="1.6.3",
    status="partial",
    note="a stanza is acknowledged when it is durable; without SASL2 (§7)",
)

FEATURE: Final = f"<sm xmlns='{NS}'/>"
ENABLE: Final = f"{{{NS}}}enable"
RESUME: Final = f"{{{NS}}}resume"
REQUEST: Final = f"{{{NS}}}r"
ANSWER: Final = f"{{{NS}}}a"
# What a client may send beside stanzas.
NONZAS: Final = frozenset((ENABLE, RESUME, REQUEST, ANSWER))

# `<r/>` as the server writes it.
ASK: Final = f"<r xmlns='{NS}'/>".encode()

# XEP-0198 §4: counters are unsignedInt and wrap.
MODULUS: Final = 1 << 32
MASK: Final = MODULUS - 1
# XEP-0198 §5: ids are no longer than that.
ID_BYTES_MAX: Final = 4000
_DIGITS_MAX: Final = 20
_SECONDS_MAX: Final = 1 << 31


class Malformed(ValueError):
    """An attribute is missing or is not what the schema says."""


@dataclass(frozen=True, slots=True)
class Enable:
    """`max_seconds`: how long the client would like to be able to resume; 0: it does not say."""

    resume: bool
    max_seconds: int


@dataclass(frozen=True, slots=True)
class Resume:
    """`h` is what the client has handled of the former stream."""

    previd: str
    h: int


def enable(attributes: Mapping[str, str]) -> Enable:
    """XEP-0198 §3. Raises Malformed."""
    resume = attributes.get("resume", "false").strip()
    # XML Schema Part 2 §3.2.2.1: the four ways to write a boolean.
    if resume not in ("true", "1", "false", "0"):
        raise Malformed("resume")
    limit = 0
    if "max" in attributes:
        limit = _number(attributes["max"])
        if not limit:
            raise Malformed("max")
    return Enable(resume in ("true", "1"), min(limit, _SECONDS_MAX))


def resume(attributes: Mapping[str, str]) -> Resume:
    """XEP-0198 §5. Raises Malformed."""
    previd = attributes.get("previd", "")
    if not previd or len(previd.encode()) > ID_BYTES_MAX:
        raise Malformed("previd")
    return Resume(previd, handled(attributes))


def handled(attributes: Mapping[str, str]) -> int:
    """The `h` of an `<a/>` or `<resume/>` (XEP-0198 §4). Raises Malformed."""
    h = _number(attributes.get("h", ""))
    if h > MASK:
        raise Malformed("h")
    return h


def _number(text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS_MAX:
        raise Malformed(text)
    return int(text)


def newly_handled(acknowledged: int, sent: int, h: int) -> int | None:
    """How many more stanzas `h` acknowledges; None when it is more than were sent, or less than before."""
    more = (h - acknowledged) & MASK
    # XEP-0198 §4: modulo 2^32, so that what lies behind looks like very much ahead.
    return more if more <= (sent - acknowledged) & MASK else None


def enabled(id: str = "", max_seconds: int = 0) -> bytes:
    """XEP-0198 §3, §5. Without `id`: the stream cannot be resumed."""
    if not id:
        return f"<enabled xmlns='{NS}'/>".encode()
    return f"<enabled xmlns='{NS}' id='{attr_escape(id)}' resume='true' max='{max_seconds}'/>".encode()


def resumed(previd: str, h: int) -> bytes:
    """XEP-0198 §5."""
    return f"<resumed xmlns='{NS}' previd='{attr_escape(previd)}' h='{h}'/>".encode()


def failed(condition: str, h: int | None = None) -> bytes:
    """XEP-0198 §5, §6: `h` where the former stream is known and over."""
    known = "" if h is None else f" h='{h}'"
    return f"<failed xmlns='{NS}'{known}><{condition} xmlns='{ns.STANZAS}'/></failed>".encode()


def answer(h: int) -> bytes:
    """XEP-0198 §4: `<a/>`."""
    return f"<a xmlns='{NS}' h='{h}'/>".encode()


def too_high(h: int, sent: int) -> bytes:
    """XEP-0198 §6: what goes into the stream error `undefined-condition`."""
    return f"<handled-count-too-high xmlns='{NS}' h='{h}' send-count='{sent}'/>".encode()
