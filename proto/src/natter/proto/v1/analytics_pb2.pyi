from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class StanzaFacts(_message.Message):
    __slots__ = ("instance", "sequence", "rows", "time_us", "kind", "direction", "type", "outcome", "transport", "sender", "to", "size", "latency_us", "traced", "trace_id", "names", "others", "others_to", "alike")
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    TRACED_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    OTHERS_TO_FIELD_NUMBER: _ClassVar[int]
    ALIKE_FIELD_NUMBER: _ClassVar[int]
    instance: str
    sequence: int
    rows: int
    time_us: bytes
    kind: bytes
    direction: bytes
    type: bytes
    outcome: bytes
    transport: bytes
    sender: bytes
    to: bytes
    size: bytes
    latency_us: bytes
    traced: bytes
    trace_id: _containers.RepeatedScalarFieldContainer[str]
    names: _containers.RepeatedScalarFieldContainer[str]
    others: bytes
    others_to: bytes
    alike: bytes
    def __init__(self, instance: _Optional[str] = ..., sequence: _Optional[int] = ..., rows: _Optional[int] = ..., time_us: _Optional[bytes] = ..., kind: _Optional[bytes] = ..., direction: _Optional[bytes] = ..., type: _Optional[bytes] = ..., outcome: _Optional[bytes] = ..., transport: _Optional[bytes] = ..., sender: _Optional[bytes] = ..., to: _Optional[bytes] = ..., size: _Optional[bytes] = ..., latency_us: _Optional[bytes] = ..., traced: _Optional[bytes] = ..., trace_id: _Optional[_Iterable[str]] = ..., names: _Optional[_Iterable[str]] = ..., others: _Optional[bytes] = ..., others_to: _Optional[bytes] = ..., alike: _Optional[bytes] = ...) -> None: ...
