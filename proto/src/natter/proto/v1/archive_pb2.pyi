from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CheckRequest(_message.Message):
    __slots__ = ("after", "repair")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    REPAIR_FIELD_NUMBER: _ClassVar[int]
    after: int
    repair: bool
    def __init__(self, after: _Optional[int] = ..., repair: _Optional[bool] = ...) -> None: ...

class CheckReply(_message.Message):
    __slots__ = ("until", "more", "entries", "rows", "differences", "differing", "unjudged", "repaired", "error")
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    DIFFERING_FIELD_NUMBER: _ClassVar[int]
    UNJUDGED_FIELD_NUMBER: _ClassVar[int]
    REPAIRED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    until: int
    more: bool
    entries: int
    rows: int
    differences: _containers.RepeatedCompositeFieldContainer[Difference]
    differing: int
    unjudged: int
    repaired: int
    error: str
    def __init__(self, until: _Optional[int] = ..., more: _Optional[bool] = ..., entries: _Optional[int] = ..., rows: _Optional[int] = ..., differences: _Optional[_Iterable[_Union[Difference, _Mapping]]] = ..., differing: _Optional[int] = ..., unjudged: _Optional[int] = ..., repaired: _Optional[int] = ..., error: _Optional[str] = ...) -> None: ...

class WrittenRequest(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[ArchiveKey]
    def __init__(self, keys: _Optional[_Iterable[_Union[ArchiveKey, _Mapping]]] = ...) -> None: ...

class ArchiveKey(_message.Message):
    __slots__ = ("owner", "id")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    owner: str
    id: str
    def __init__(self, owner: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class WrittenReply(_message.Message):
    __slots__ = ("rows", "error")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[WrittenRow]
    error: str
    def __init__(self, rows: _Optional[_Iterable[_Union[WrittenRow, _Mapping]]] = ..., error: _Optional[str] = ...) -> None: ...

class WrittenRow(_message.Message):
    __slots__ = ("key", "written_us")
    KEY_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_US_FIELD_NUMBER: _ClassVar[int]
    key: ArchiveKey
    written_us: int
    def __init__(self, key: _Optional[_Union[ArchiveKey, _Mapping]] = ..., written_us: _Optional[int] = ...) -> None: ...

class Difference(_message.Message):
    __slots__ = ("what", "owner", "id")
    WHAT_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    what: str
    owner: str
    id: str
    def __init__(self, what: _Optional[str] = ..., owner: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...
