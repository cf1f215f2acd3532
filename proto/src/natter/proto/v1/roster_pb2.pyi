from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ContactChanged(_message.Message):
    __slots__ = ("jid", "name", "groups", "to", "pending_out", "pending_in", "request", "listed", "approved")
    JID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    PENDING_OUT_FIELD_NUMBER: _ClassVar[int]
    PENDING_IN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    LISTED_FIELD_NUMBER: _ClassVar[int]
    APPROVED_FIELD_NUMBER: _ClassVar[int]
    jid: str
    name: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    to: bool
    pending_out: bool
    pending_in: bool
    request: bytes
    listed: bool
    approved: bool
    def __init__(self, jid: _Optional[str] = ..., name: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ..., to: _Optional[bool] = ..., pending_out: _Optional[bool] = ..., pending_in: _Optional[bool] = ..., request: _Optional[bytes] = ..., listed: _Optional[bool] = ..., approved: _Optional[bool] = ..., **kwargs) -> None: ...

class ContactRemoved(_message.Message):
    __slots__ = ("jid",)
    JID_FIELD_NUMBER: _ClassVar[int]
    jid: str
    def __init__(self, jid: _Optional[str] = ...) -> None: ...

class RosterForgotten(_message.Message):
    __slots__ = ("removal", "time_us", "unsubscribe", "unsubscribed")
    REMOVAL_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    UNSUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    UNSUBSCRIBED_FIELD_NUMBER: _ClassVar[int]
    removal: int
    time_us: int
    unsubscribe: _containers.RepeatedScalarFieldContainer[str]
    unsubscribed: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, removal: _Optional[int] = ..., time_us: _Optional[int] = ..., unsubscribe: _Optional[_Iterable[str]] = ..., unsubscribed: _Optional[_Iterable[str]] = ...) -> None: ...

class RosterEvent(_message.Message):
    __slots__ = ("source", "sequence", "index", "changed", "removed", "forgotten")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_FIELD_NUMBER: _ClassVar[int]
    source: str
    sequence: int
    index: int
    changed: ContactChanged
    removed: ContactRemoved
    forgotten: RosterForgotten
    def __init__(self, source: _Optional[str] = ..., sequence: _Optional[int] = ..., index: _Optional[int] = ..., changed: _Optional[_Union[ContactChanged, _Mapping]] = ..., removed: _Optional[_Union[ContactRemoved, _Mapping]] = ..., forgotten: _Optional[_Union[RosterForgotten, _Mapping]] = ...) -> None: ...

class RosterEvents(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[RosterEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[RosterEvent, _Mapping]]] = ...) -> None: ...

class RosterSnapshot(_message.Message):
    __slots__ = ("revision", "contacts", "changed_at", "applied", "version", "known_since", "forgotten")
    class ChangedAtEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class AppliedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CONTACTS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    KNOWN_SINCE_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_FIELD_NUMBER: _ClassVar[int]
    revision: int
    contacts: _containers.RepeatedCompositeFieldContainer[ContactChanged]
    changed_at: _containers.ScalarMap[str, int]
    applied: _containers.ScalarMap[str, int]
    version: int
    known_since: int
    forgotten: RosterForgotten
    def __init__(self, revision: _Optional[int] = ..., contacts: _Optional[_Iterable[_Union[ContactChanged, _Mapping]]] = ..., changed_at: _Optional[_Mapping[str, int]] = ..., applied: _Optional[_Mapping[str, int]] = ..., version: _Optional[int] = ..., known_since: _Optional[int] = ..., forgotten: _Optional[_Union[RosterForgotten, _Mapping]] = ...) -> None: ...

class PresenceRecord(_message.Message):
    __slots__ = ("jid", "session", "stanza", "priority", "directed", "since_us", "interested", "cause")
    JID_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    STANZA_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    DIRECTED_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    INTERESTED_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    jid: str
    session: str
    stanza: bytes
    priority: int
    directed: _containers.RepeatedScalarFieldContainer[str]
    since_us: int
    interested: bool
    cause: int
    def __init__(self, jid: _Optional[str] = ..., session: _Optional[str] = ..., stanza: _Optional[bytes] = ..., priority: _Optional[int] = ..., directed: _Optional[_Iterable[str]] = ..., since_us: _Optional[int] = ..., interested: _Optional[bool] = ..., cause: _Optional[int] = ...) -> None: ...

class LogoutRecord(_message.Message):
    __slots__ = ("jid", "time_us", "stanza")
    JID_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    STANZA_FIELD_NUMBER: _ClassVar[int]
    jid: str
    time_us: int
    stanza: bytes
    def __init__(self, jid: _Optional[str] = ..., time_us: _Optional[int] = ..., stanza: _Optional[bytes] = ...) -> None: ...
