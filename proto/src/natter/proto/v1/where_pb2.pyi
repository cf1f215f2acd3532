from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WhereRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class WhereEvent(_message.Message):
    __slots__ = ("time_us", "what", "whom", "place", "reason")
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    WHOM_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    time_us: int
    what: str
    whom: str
    place: str
    reason: str
    def __init__(self, time_us: _Optional[int] = ..., what: _Optional[str] = ..., whom: _Optional[str] = ..., place: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Whereabouts(_message.Message):
    __slots__ = ("found_by", "stanza_id", "id", "type", "sender", "to", "accepted_us", "end", "reason", "events", "notes")
    FOUND_BY_FIELD_NUMBER: _ClassVar[int]
    STANZA_ID_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_US_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    found_by: str
    stanza_id: str
    id: str
    type: str
    sender: str
    to: str
    accepted_us: int
    end: str
    reason: str
    events: _containers.RepeatedCompositeFieldContainer[WhereEvent]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, found_by: _Optional[str] = ..., stanza_id: _Optional[str] = ..., id: _Optional[str] = ..., type: _Optional[str] = ..., sender: _Optional[str] = ..., to: _Optional[str] = ..., accepted_us: _Optional[int] = ..., end: _Optional[str] = ..., reason: _Optional[str] = ..., events: _Optional[_Iterable[_Union[WhereEvent, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class WhereReply(_message.Message):
    __slots__ = ("error", "text", "found")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    error: str
    text: str
    found: _containers.RepeatedCompositeFieldContainer[Whereabouts]
    def __init__(self, error: _Optional[str] = ..., text: _Optional[str] = ..., found: _Optional[_Iterable[_Union[Whereabouts, _Mapping]]] = ...) -> None: ...
