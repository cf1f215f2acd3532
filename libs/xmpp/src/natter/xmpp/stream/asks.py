"""What the receiving entity asks of its owner, and tells it. A stanza or nonza of a bound stream comes as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..sasl.dialogue import CredentialsWanted, PlainWanted
from .events import Nonza, Series, Stanza

__all__ = [
    "Answered",
    "Authenticated",
    "AuthenticationFailed",
    "BindWanted",
    "Closed",
    "CredentialsWanted",
    "Nonza",
    "PlainWanted",
    "RegistrationIq",
    "ResumeWanted",
    "Series",
    "ServerEvent",
    "Stanza",
    "StartTls",
]


@dataclass(frozen=True, slots=True)
class StartTls:
    """Write what is to be sent, begin the TLS handshake, call `tls_established` when it has ended."""


@dataclass(frozen=True, slots=True)
class Authenticated:
    """SASL has succeeded. Nothing to answer."""

    username: str
    mechanism: str


@dataclass(frozen=True, slots=True)
class AuthenticationFailed:
    """An attempt failed with this SASL condition. Nothing to answer."""

    condition: str
    mechanism: str


@dataclass(frozen=True, slots=True)
class RegistrationIq:
    """XEP-0077 before authentication. Answer with `registration_reply`."""

    stanza: Stanza


@dataclass(frozen=True, slots=True)
class BindWanted:
    """Answer with `bound` or `bind_refused`. `resource` is normalised; "": the server makes one."""

    username: str
    resource: str


@dataclass(frozen=True, slots=True)
class ResumeWanted:
    """XEP-0198 §5: answer with `resumed` or `resume_refused`. `h` is what the client has handled of the old stream."""

    username: str
    previd: str
    h: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A stanza of a bound stream that negotiation itself answers: send `reply` in its place, count both."""

    reply: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """Write what is to be sent, then close the connection. `condition` is the stream error sent, "" for none."""

    condition: str = ""
    text: str = ""


ServerEvent: TypeAlias = (
    StartTls
    | CredentialsWanted
    | PlainWanted
    | Authenticated
    | AuthenticationFailed
    | RegistrationIq
    | BindWanted
    | ResumeWanted
    | Answered
    | Stanza
    | Series
    | Nonza
    | Closed
)
