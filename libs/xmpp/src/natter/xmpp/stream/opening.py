"""How a client's stream opens: what a listener offers, what is wrong with a header, which features follow it."""

from __future__ import annotations

from dataclasses import dataclass

from .. import jid, ns
from ..sasl.dialogue import PLAIN
from ..sasl.scram import MECHANISMS
from . import written
from .events import StreamOpened
from .limits import AFTER_AUTHENTICATION, BEFORE_AUTHENTICATION, Limits


@dataclass(frozen=True, slots=True)
class Config:
    """What all connections of a listener share."""

    domain: str
    tls_available: bool = True
    # Nothing but STARTTLS is offered or accepted before TLS.
    tls_required: bool = True
    # Offered in this order, once TLS is there or where it is not required.
    mechanisms: tuple[str, ...] = (*MECHANISMS, PLAIN)
    # In-band registration (XEP-0077) before authentication.
    registration: bool = False
    # Features of an authenticated stream beside binding, as XML.
    features: str = ""
    # Other children of a bound stream's root that its owner takes, as "{namespace}local".
    nonzas: frozenset[str] = frozenset()
    lang: str = "en"
    before: Limits = BEFORE_AUTHENTICATION
    after: Limits = AFTER_AUTHENTICATION
    # From the connection's beginning; what the client sends does not extend it. `connection-timeout` at the limit.
    tls_seconds_max: float = 30.0
    bind_seconds_max: float = 60.0
    # RFC 6120 §6.4.4: attempts after which the stream ends with `policy-violation`.
    sasl_failures_max: int = 3


def features(config: Config, *, secure: bool, authenticated: bool) -> bytes:
    """<stream:features/> for a stream at this point."""
    if authenticated:
        limits = written.limits_feature(config.after.stanza_bytes_max)
        return written.features(written.bind_feature(), config.features, limits)
    offered = []
    if not secure and config.tls_available:
        offered.append(written.starttls_feature(required=config.tls_required))
    # RFC 6120 §5.3.1: where TLS is mandatory nothing else is offered before it.
    if secure or not config.tls_required:
        offered.append(written.mechanisms_feature(config.mechanisms))
        if config.registration:
            offered.append(written.register_feature())
    offered.append(written.limits_feature(config.before.stanza_bytes_max))
    return written.features(*offered)


def wrong_header(header: StreamOpened, domain: str) -> str:
    """The stream error that a client's header calls for, or ""."""
    # RFC 6120 §4.9.3.10: the stream's namespace, and the content namespace as the default one.
    if header.name != f"{{{ns.STREAM}}}stream" or header.namespaces.get("") != ns.CLIENT:
        return "invalid-namespace"
    # RFC 6120 §4.7.5: no version means 0.9, which knows neither TLS nor SASL.
    major = header.attributes.get("version", "").partition(".")[0]
    if not (major.isascii() and major.isdigit()) or int(major[:4]) < 1:
        return "unsupported-version"
    # RFC 6120 §4.7.2, §4.9.3.7, §4.9.3.6
    if "to" not in header.attributes:
        return "improper-addressing"
    try:
        return "" if jid.normalise(header.attributes["to"]) == domain else "host-unknown"
    except jid.JIDError:
        return "host-unknown"


def bare_or_nobody(text: str) -> str:
    """The bare JID in `text`, "" where there is none."""
    try:
        return jid.parse(text).bare if text else ""
    except jid.JIDError:
        return ""
