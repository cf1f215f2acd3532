from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ScramKeys(_message.Message):
    __slots__ = ("mechanism", "salt", "iterations", "stored_key", "server_key")
    MECHANISM_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    STORED_KEY_FIELD_NUMBER: _ClassVar[int]
    SERVER_KEY_FIELD_NUMBER: _ClassVar[int]
    mechanism: str
    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes
    def __init__(self, mechanism: _Optional[str] = ..., salt: _Optional[bytes] = ..., iterations: _Optional[int] = ..., stored_key: _Optional[bytes] = ..., server_key: _Optional[bytes] = ...) -> None: ...

class AccountRegistered(_message.Message):
    __slots__ = ("username", "keys", "time_us", "by")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    username: str
    keys: _containers.RepeatedCompositeFieldContainer[ScramKeys]
    time_us: int
    by: str
    def __init__(self, username: _Optional[str] = ..., keys: _Optional[_Iterable[_Union[ScramKeys, _Mapping]]] = ..., time_us: _Optional[int] = ..., by: _Optional[str] = ...) -> None: ...

class PasswordChanged(_message.Message):
    __slots__ = ("username", "keys", "time_us", "by")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    username: str
    keys: _containers.RepeatedCompositeFieldContainer[ScramKeys]
    time_us: int
    by: str
    def __init__(self, username: _Optional[str] = ..., keys: _Optional[_Iterable[_Union[ScramKeys, _Mapping]]] = ..., time_us: _Optional[int] = ..., by: _Optional[str] = ...) -> None: ...

class AccountRemoved(_message.Message):
    __slots__ = ("username", "time_us", "by")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    username: str
    time_us: int
    by: str
    def __init__(self, username: _Optional[str] = ..., time_us: _Optional[int] = ..., by: _Optional[str] = ...) -> None: ...

class AccountEvent(_message.Message):
    __slots__ = ("registered", "password_changed", "removed", "source", "sequence", "index")
    REGISTERED_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_CHANGED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    registered: AccountRegistered
    password_changed: PasswordChanged
    removed: AccountRemoved
    source: str
    sequence: int
    index: int
    def __init__(self, registered: _Optional[_Union[AccountRegistered, _Mapping]] = ..., password_changed: _Optional[_Union[PasswordChanged, _Mapping]] = ..., removed: _Optional[_Union[AccountRemoved, _Mapping]] = ..., source: _Optional[str] = ..., sequence: _Optional[int] = ..., index: _Optional[int] = ...) -> None: ...

class AccountEvents(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[AccountEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[AccountEvent, _Mapping]]] = ...) -> None: ...

class AccountRequest(_message.Message):
    __slots__ = ("username", "password", "by")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    username: str
    password: str
    by: str
    def __init__(self, username: _Optional[str] = ..., password: _Optional[str] = ..., by: _Optional[str] = ...) -> None: ...

class AccountReply(_message.Message):
    __slots__ = ("error", "text", "keys", "exists", "usernames", "revision")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    EXISTS_FIELD_NUMBER: _ClassVar[int]
    USERNAMES_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    error: str
    text: str
    keys: _containers.RepeatedCompositeFieldContainer[ScramKeys]
    exists: bool
    usernames: _containers.RepeatedScalarFieldContainer[str]
    revision: int
    def __init__(self, error: _Optional[str] = ..., text: _Optional[str] = ..., keys: _Optional[_Iterable[_Union[ScramKeys, _Mapping]]] = ..., exists: _Optional[bool] = ..., usernames: _Optional[_Iterable[str]] = ..., revision: _Optional[int] = ...) -> None: ...
