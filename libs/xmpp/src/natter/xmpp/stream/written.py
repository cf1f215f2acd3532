"""What the receiving entity writes while a stream is set up and torn down, as bytes."""

from __future__ import annotations

from collections.abc import Iterable

from .. import ns
from ..element import attr_escape
from ..errors import CONDITIONS

CLOSING = b"</stream:stream>"
PROCEED = f"<proceed xmlns='{ns.TLS}'/>".encode()
TLS_FAILURE = f"<failure xmlns='{ns.TLS}'/>".encode()


def header(*, domain: str, id: str, lang: str, to: str = "") -> bytes:
    """The response stream header (RFC 6120 §4.7)."""
    recipient = f" to='{attr_escape(to)}'" if to else ""
    return (
        f"<?xml version='1.0'?><stream:stream xmlns='{ns.CLIENT}' xmlns:stream='{ns.STREAM}' from='{domain}'"
        f"{recipient} id='{attr_escape(id)}' version='1.0' xml:lang='{attr_escape(lang)}'>"
    ).encode()


def features(*parts: str) -> bytes:
    """<stream:features/> with what is offered."""
    return f"<stream:features>{''.join(parts)}</stream:features>".encode()


def starttls_feature(*, required: bool) -> str:
    """RFC 6120 §5.4.1."""
    return f"<starttls xmlns='{ns.TLS}'>{'<required/>' if required else ''}</starttls>"


def mechanisms_feature(mechanisms: Iterable[str]) -> str:
    """RFC 6120 §6.4.1, most wanted first."""
    listed = "".join(f"<mechanism>{name}</mechanism>" for name in mechanisms)
    return f"<mechanisms xmlns='{ns.SASL}'>{listed}</mechanisms>"


def register_feature() -> str:
    """XEP-0077 §8."""
    return f"<register xmlns='{ns.REGISTER_FEATURE}'/>"


def limits_feature(stanza_bytes_max: int) -> str:
    """XEP-0478 §3.1."""
    return f"<limits xmlns='{ns.STREAM_LIMITS}'><max-bytes>{stanza_bytes_max}</max-bytes></limits>"


def bind_feature() -> str:
    """RFC 6120 §7.4, and the session of RFC 3921 §3 that older clients look for, as something to leave out."""
    return f"<bind xmlns='{ns.BIND}'/><session xmlns='{ns.SESSION}'><optional/></session>"


def stream_error(condition: str, text: str = "", detail: bytes = b"") -> bytes:
    """RFC 6120 §4.9.2, without the closing tag. `detail` is the application-specific condition (§4.9.4)."""
    said = f"<text xmlns='{ns.STREAMS}' xml:lang='en'>{attr_escape(text)}</text>" if text else ""
    return f"<stream:error><{condition} xmlns='{ns.STREAMS}'/>{said}".encode() + detail + b"</stream:error>"


def bind_result(id: str, full: str) -> bytes:
    """RFC 6120 §7.6.1."""
    return (
        f"<iq type='result' id='{attr_escape(id)}'><bind xmlns='{ns.BIND}'><jid>{attr_escape(full)}</jid></bind></iq>"
    ).encode()


def session_result(id: str) -> bytes:
    """RFC 3921 §3: there is nothing to set up any more."""
    return f"<iq type='result' id='{attr_escape(id)}'/>".encode()


def iq_error(id: str, condition: str) -> bytes:
    """The answer to an IQ that negotiation itself handles."""
    identified = f" id='{attr_escape(id)}'" if id else ""
    return (
        f"<iq type='error'{identified}><error type='{CONDITIONS[condition]}'><{condition} xmlns='{ns.STANZAS}'/>"
        "</error></iq>"
    ).encode()
