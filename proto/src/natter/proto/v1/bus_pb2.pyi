from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    KIND_MESSAGE: _ClassVar[Kind]
    KIND_PRESENCE: _ClassVar[Kind]
    KIND_IQ: _ClassVar[Kind]

class Control(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONTROL_UNSPECIFIED: _ClassVar[Control]
    CONTROL_FENCE: _ClassVar[Control]
    CONTROL_FENCED: _ClassVar[Control]
    CONTROL_COUNTED: _ClassVar[Control]
    CONTROL_ARRIVING: _ClassVar[Control]
    CONTROL_ADOPTED: _ClassVar[Control]
    CONTROL_SETTLED: _ClassVar[Control]
    CONTROL_COMPLETE: _ClassVar[Control]
KIND_UNSPECIFIED: Kind
KIND_MESSAGE: Kind
KIND_PRESENCE: Kind
KIND_IQ: Kind
CONTROL_UNSPECIFIED: Control
CONTROL_FENCE: Control
CONTROL_FENCED: Control
CONTROL_COUNTED: Control
CONTROL_ARRIVING: Control
CONTROL_ADOPTED: Control
CONTROL_SETTLED: Control
CONTROL_COMPLETE: Control

class Envelope(_message.Message):
    __slots__ = ("source", "frames")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    source: str
    frames: _containers.RepeatedCompositeFieldContainer[Frame]
    def __init__(self, source: _Optional[str] = ..., frames: _Optional[_Iterable[_Union[Frame, _Mapping]]] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("kind", "type", "sender", "to", "id", "traits", "payload", "stanza", "session", "inbound", "traceparent", "sequence", "index", "sessions", "tos", "returned", "ended", "priority", "accepted_us", "plain", "sizes", "control", "outbound", "gateway", "position", "origin", "number", "stanza_id", "owners", "offline", "stored", "former", "rooms", "heard")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    TRAITS_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    STANZA_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    INBOUND_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    TOS_FIELD_NUMBER: _ClassVar[int]
    RETURNED_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_US_FIELD_NUMBER: _ClassVar[int]
    PLAIN_FIELD_NUMBER: _ClassVar[int]
    SIZES_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    OUTBOUND_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STANZA_ID_FIELD_NUMBER: _ClassVar[int]
    OWNERS_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    FORMER_FIELD_NUMBER: _ClassVar[int]
    ROOMS_FIELD_NUMBER: _ClassVar[int]
    HEARD_FIELD_NUMBER: _ClassVar[int]
    kind: Kind
    type: str
    sender: str
    to: str
    id: str
    traits: int
    payload: str
    stanza: bytes
    session: str
    inbound: int
    traceparent: str
    sequence: int
    index: int
    sessions: _containers.RepeatedScalarFieldContainer[str]
    tos: _containers.RepeatedScalarFieldContainer[str]
    returned: int
    ended: bool
    priority: int
    accepted_us: int
    plain: bool
    sizes: bytes
    control: Control
    outbound: int
    gateway: str
    position: int
    origin: str
    number: int
    stanza_id: str
    owners: _containers.RepeatedScalarFieldContainer[str]
    offline: str
    stored: bool
    former: int
    rooms: int
    heard: _containers.RepeatedCompositeFieldContainer[Mark]
    def __init__(self, kind: _Optional[_Union[Kind, str]] = ..., type: _Optional[str] = ..., sender: _Optional[str] = ..., to: _Optional[str] = ..., id: _Optional[str] = ..., traits: _Optional[int] = ..., payload: _Optional[str] = ..., stanza: _Optional[bytes] = ..., session: _Optional[str] = ..., inbound: _Optional[int] = ..., traceparent: _Optional[str] = ..., sequence: _Optional[int] = ..., index: _Optional[int] = ..., sessions: _Optional[_Iterable[str]] = ..., tos: _Optional[_Iterable[str]] = ..., returned: _Optional[int] = ..., ended: _Optional[bool] = ..., priority: _Optional[int] = ..., accepted_us: _Optional[int] = ..., plain: _Optional[bool] = ..., sizes: _Optional[bytes] = ..., control: _Optional[_Union[Control, str]] = ..., outbound: _Optional[int] = ..., gateway: _Optional[str] = ..., position: _Optional[int] = ..., origin: _Optional[str] = ..., number: _Optional[int] = ..., stanza_id: _Optional[str] = ..., owners: _Optional[_Iterable[str]] = ..., offline: _Optional[str] = ..., stored: _Optional[bool] = ..., former: _Optional[int] = ..., rooms: _Optional[int] = ..., heard: _Optional[_Iterable[_Union[Mark, _Mapping]]] = ...) -> None: ...

class SessionRecord(_message.Message):
    __slots__ = ("session", "gateway", "jid", "available", "priority", "bound_us", "account", "lane", "resumption", "resume_seconds", "fenced_gateway", "fenced_lane", "fenced_sequence", "carbons", "blocklist", "arriving")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    BOUND_US_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    LANE_FIELD_NUMBER: _ClassVar[int]
    RESUMPTION_FIELD_NUMBER: _ClassVar[int]
    RESUME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FENCED_GATEWAY_FIELD_NUMBER: _ClassVar[int]
    FENCED_LANE_FIELD_NUMBER: _ClassVar[int]
    FENCED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CARBONS_FIELD_NUMBER: _ClassVar[int]
    BLOCKLIST_FIELD_NUMBER: _ClassVar[int]
    ARRIVING_FIELD_NUMBER: _ClassVar[int]
    session: str
    gateway: str
    jid: str
    available: bool
    priority: int
    bound_us: int
    account: int
    lane: int
    resumption: str
    resume_seconds: int
    fenced_gateway: str
    fenced_lane: int
    fenced_sequence: int
    carbons: bool
    blocklist: bool
    arriving: bool
    def __init__(self, session: _Optional[str] = ..., gateway: _Optional[str] = ..., jid: _Optional[str] = ..., available: _Optional[bool] = ..., priority: _Optional[int] = ..., bound_us: _Optional[int] = ..., account: _Optional[int] = ..., lane: _Optional[int] = ..., resumption: _Optional[str] = ..., resume_seconds: _Optional[int] = ..., fenced_gateway: _Optional[str] = ..., fenced_lane: _Optional[int] = ..., fenced_sequence: _Optional[int] = ..., carbons: _Optional[bool] = ..., blocklist: _Optional[bool] = ..., arriving: _Optional[bool] = ...) -> None: ...

class Blocklist(_message.Message):
    __slots__ = ("owner", "jids")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    JIDS_FIELD_NUMBER: _ClassVar[int]
    owner: str
    jids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, owner: _Optional[str] = ..., jids: _Optional[_Iterable[str]] = ...) -> None: ...

class Checkpoint(_message.Message):
    __slots__ = ("delivered", "marks", "lane_sequence", "sessions")
    DELIVERED_FIELD_NUMBER: _ClassVar[int]
    MARKS_FIELD_NUMBER: _ClassVar[int]
    LANE_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    delivered: int
    marks: _containers.RepeatedCompositeFieldContainer[Mark]
    lane_sequence: int
    sessions: _containers.RepeatedCompositeFieldContainer[SessionState]
    def __init__(self, delivered: _Optional[int] = ..., marks: _Optional[_Iterable[_Union[Mark, _Mapping]]] = ..., lane_sequence: _Optional[int] = ..., sessions: _Optional[_Iterable[_Union[SessionState, _Mapping]]] = ...) -> None: ...

class Mark(_message.Message):
    __slots__ = ("source", "sequence", "index")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    source: str
    sequence: int
    index: int
    def __init__(self, source: _Optional[str] = ..., sequence: _Optional[int] = ..., index: _Optional[int] = ...) -> None: ...

class SessionState(_message.Message):
    __slots__ = ("session", "inbound", "acknowledged", "places", "since")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    INBOUND_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    PLACES_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    session: str
    inbound: int
    acknowledged: int
    places: _containers.RepeatedScalarFieldContainer[int]
    since: int
    def __init__(self, session: _Optional[str] = ..., inbound: _Optional[int] = ..., acknowledged: _Optional[int] = ..., places: _Optional[_Iterable[int]] = ..., since: _Optional[int] = ...) -> None: ...

class AvailabilityRecord(_message.Message):
    __slots__ = ("jid", "session", "stanza", "priority", "directed", "since_us")
    JID_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    STANZA_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    DIRECTED_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    jid: str
    session: str
    stanza: bytes
    priority: int
    directed: _containers.RepeatedScalarFieldContainer[str]
    since_us: int
    def __init__(self, jid: _Optional[str] = ..., session: _Optional[str] = ..., stanza: _Optional[bytes] = ..., priority: _Optional[int] = ..., directed: _Optional[_Iterable[str]] = ..., since_us: _Optional[int] = ...) -> None: ...
