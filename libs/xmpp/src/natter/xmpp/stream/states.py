"""The receiving entity's negotiation as a table: what a client may do when.

A connection begins in HEADER. The client opens its stream, is told the features and negotiates them one by one
(RFC 6120 §4.3). Where TLS is required nothing else is offered first; after TLS and after SASL the stream starts anew,
so HEADER comes up to three times, and what was negotiated decides which state follows it:

    HEADER ──▶ NEGOTIATING ──starttls──▶ TLS ──▶ HEADER
                    │  ▲
                    │  └── failure, registration answered
                    ├──auth, SCRAM──▶ CREDENTIALS ──▶ CHALLENGED ──response──▶ HEADER (authenticated)
                    ├──auth, PLAIN──▶ PASSWORD ──────────────────────────────▶ HEADER (authenticated)
                    └──register─────▶ REGISTERING
    HEADER (authenticated) ──▶ BINDING ──bind──▶ ASSIGNING ──▶ BOUND
                                  │  ▲                           ▲
                                  │  └── failed                  │
                                  └──resume──▶ RESUMING ─────────┘

CREDENTIALS, PASSWORD, REGISTERING, ASSIGNING and RESUMING wait for an answer from this side's owner; what the client
sends meanwhile is kept and read afterwards. TLS waits for the handshake; what comes before it ends is thrown away.
CLOSED is the end of every path. What the table does not list for a state is the client's mistake: DEFAULTS says which.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, assert_never

from .. import ns
from ..xeps import stream_management
from .events import Nonza, Series, Stanza, StreamClosed, StreamOpened


class State(Enum):
    """Where a connection stands."""

    HEADER = "header"
    NEGOTIATING = "negotiating"
    TLS = "tls"
    CREDENTIALS = "credentials"
    CHALLENGED = "challenged"
    PASSWORD = "password"
    REGISTERING = "registering"
    BINDING = "binding"
    ASSIGNING = "assigning"
    RESUMING = "resuming"
    BOUND = "bound"
    CLOSED = "closed"


class Input(Enum):
    """What a client can do, as far as negotiation tells it apart."""

    HEADER = "header"
    STARTTLS = "starttls"
    AUTH = "auth"
    RESPONSE = "response"
    ABORT = "abort"
    REGISTER = "register"
    BIND = "bind"
    SESSION = "session"
    STANZA = "stanza"
    RESUME = "resume"
    MANAGE = "manage"
    NONZA = "nonza"
    CLOSE = "close"


class Action(Enum):
    """What the server does about it. The first group continues, REFUSE_… end the stream with that condition."""

    OPEN = "open"
    PROCEED = "proceed"
    BEGIN_SASL = "begin_sasl"
    CONTINUE_SASL = "continue_sasl"
    ABORT_SASL = "abort_sasl"
    SASL_OUT_OF_TURN = "sasl_out_of_turn"
    REGISTER = "register"
    BIND = "bind"
    BIND_AGAIN = "bind_again"
    SESSION = "session"
    DELIVER = "deliver"
    DELIVER_NONZA = "deliver_nonza"
    RESUME = "resume"
    REFUSE_MANAGEMENT = "refuse_management"
    CLOSE = "close"
    REFUSE_STARTTLS = "refuse_starttls"
    REFUSE_NOT_AUTHORIZED = "not-authorized"
    REFUSE_UNSUPPORTED = "unsupported-stanza-type"


_NONZAS: Final = {
    f"{{{ns.TLS}}}starttls": Input.STARTTLS,
    f"{{{ns.SASL}}}auth": Input.AUTH,
    f"{{{ns.SASL}}}response": Input.RESPONSE,
    f"{{{ns.SASL}}}abort": Input.ABORT,
    stream_management.RESUME: Input.RESUME,
    stream_management.ENABLE: Input.MANAGE,
    stream_management.REQUEST: Input.MANAGE,
    stream_management.ANSWER: Input.MANAGE,
    # RFC 6120 §4.9.1.1: who sends a stream error has ended the stream.
    f"{{{ns.STREAM}}}error": Input.CLOSE,
}
_REQUESTS: Final = {
    f"{{{ns.BIND}}}bind": Input.BIND,
    f"{{{ns.SESSION}}}session": Input.SESSION,
    f"{{{ns.REGISTER}}}query": Input.REGISTER,
}

# States in which input is kept until the owner has answered.
WAITING: Final = frozenset((State.CREDENTIALS, State.PASSWORD, State.REGISTERING, State.ASSIGNING, State.RESUMING))

TABLE: Final[dict[State, dict[Input, Action]]] = {
    State.HEADER: {
        Input.HEADER: Action.OPEN,
    },
    State.NEGOTIATING: {
        Input.STARTTLS: Action.PROCEED,
        Input.AUTH: Action.BEGIN_SASL,
        Input.RESPONSE: Action.SASL_OUT_OF_TURN,
        Input.ABORT: Action.SASL_OUT_OF_TURN,
        Input.REGISTER: Action.REGISTER,
    },
    State.CHALLENGED: {
        Input.RESPONSE: Action.CONTINUE_SASL,
        Input.ABORT: Action.ABORT_SASL,
        Input.AUTH: Action.SASL_OUT_OF_TURN,
    },
    State.BINDING: {
        Input.BIND: Action.BIND,
        Input.RESUME: Action.RESUME,
    },
    State.BOUND: {
        Input.STANZA: Action.DELIVER,
        Input.REGISTER: Action.DELIVER,
        Input.SESSION: Action.SESSION,
        Input.BIND: Action.BIND_AGAIN,
        Input.RESUME: Action.DELIVER_NONZA,
        Input.MANAGE: Action.DELIVER_NONZA,
        Input.NONZA: Action.DELIVER_NONZA,
    },
}

# What is not in the table. RFC 6120 §4.9.3.12: a stanza before its time is not-authorized; §4.9.3.24: an element that
# the server does not know at that time is unsupported; §5.4.2.2: so is TLS, with a <failure/> of its own. XEP-0198 §3:
# stream management before its time is told so, and the stream goes on.
DEFAULTS: Final[dict[Input, Action]] = {
    Input.HEADER: Action.REFUSE_UNSUPPORTED,
    Input.STARTTLS: Action.REFUSE_STARTTLS,
    Input.AUTH: Action.REFUSE_UNSUPPORTED,
    Input.RESPONSE: Action.REFUSE_UNSUPPORTED,
    Input.ABORT: Action.REFUSE_UNSUPPORTED,
    Input.REGISTER: Action.REFUSE_NOT_AUTHORIZED,
    Input.BIND: Action.REFUSE_NOT_AUTHORIZED,
    Input.SESSION: Action.REFUSE_NOT_AUTHORIZED,
    Input.STANZA: Action.REFUSE_NOT_AUTHORIZED,
    Input.RESUME: Action.REFUSE_MANAGEMENT,
    Input.MANAGE: Action.REFUSE_MANAGEMENT,
    Input.NONZA: Action.REFUSE_UNSUPPORTED,
    Input.CLOSE: Action.CLOSE,
}


def action(state: State, given: Input) -> Action:
    """What to do about `given` in `state`."""
    return TABLE.get(state, {}).get(given, DEFAULTS[given])


def classify(event: StreamOpened | StreamClosed | Stanza | Series | Nonza) -> Input:
    """Which input an event of the reader is."""
    match event:
        case StreamOpened():
            return Input.HEADER
        case StreamClosed():
            return Input.CLOSE
        case Nonza():
            return _NONZAS.get(event.name, Input.NONZA)
        case Series():
            return Input.STANZA
        case Stanza():
            if event.kind != "iq" or event.type not in ("get", "set") or not event.children:
                return Input.STANZA
            return _REQUESTS.get(event.children[0], Input.STANZA)
        case _:
            assert_never(event)
