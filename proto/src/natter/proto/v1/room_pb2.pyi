from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RoomConfig(_message.Message):
    __slots__ = ("name", "description", "persistent", "public", "moderated", "members_only", "password", "jids_public", "occupants_change_subject", "occupants_max", "members_invite", "history_stanzas_max", "private_messages", "silent_roles", "member_list_roles", "lang", "pubsub", "registration", "voice_requests_refused", "voice_request_seconds", "visitors_keep_status", "visitors_keep_nick", "queries_refused", "occupants_hidden", "unarchived", "nicks_locked", "voiced_by_default", "history_stanzas_held_back")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PERSISTENT_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_FIELD_NUMBER: _ClassVar[int]
    MODERATED_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_ONLY_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    JIDS_PUBLIC_FIELD_NUMBER: _ClassVar[int]
    OCCUPANTS_CHANGE_SUBJECT_FIELD_NUMBER: _ClassVar[int]
    OCCUPANTS_MAX_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_INVITE_FIELD_NUMBER: _ClassVar[int]
    HISTORY_STANZAS_MAX_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    SILENT_ROLES_FIELD_NUMBER: _ClassVar[int]
    MEMBER_LIST_ROLES_FIELD_NUMBER: _ClassVar[int]
    LANG_FIELD_NUMBER: _ClassVar[int]
    PUBSUB_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_FIELD_NUMBER: _ClassVar[int]
    VOICE_REQUESTS_REFUSED_FIELD_NUMBER: _ClassVar[int]
    VOICE_REQUEST_SECONDS_FIELD_NUMBER: _ClassVar[int]
    VISITORS_KEEP_STATUS_FIELD_NUMBER: _ClassVar[int]
    VISITORS_KEEP_NICK_FIELD_NUMBER: _ClassVar[int]
    QUERIES_REFUSED_FIELD_NUMBER: _ClassVar[int]
    OCCUPANTS_HIDDEN_FIELD_NUMBER: _ClassVar[int]
    UNARCHIVED_FIELD_NUMBER: _ClassVar[int]
    NICKS_LOCKED_FIELD_NUMBER: _ClassVar[int]
    VOICED_BY_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    HISTORY_STANZAS_HELD_BACK_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    persistent: bool
    public: bool
    moderated: bool
    members_only: bool
    password: str
    jids_public: bool
    occupants_change_subject: bool
    occupants_max: int
    members_invite: bool
    history_stanzas_max: int
    private_messages: str
    silent_roles: _containers.RepeatedScalarFieldContainer[str]
    member_list_roles: _containers.RepeatedScalarFieldContainer[str]
    lang: str
    pubsub: str
    registration: str
    voice_requests_refused: bool
    voice_request_seconds: int
    visitors_keep_status: bool
    visitors_keep_nick: bool
    queries_refused: bool
    occupants_hidden: bool
    unarchived: bool
    nicks_locked: bool
    voiced_by_default: bool
    history_stanzas_held_back: int
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., persistent: _Optional[bool] = ..., public: _Optional[bool] = ..., moderated: _Optional[bool] = ..., members_only: _Optional[bool] = ..., password: _Optional[str] = ..., jids_public: _Optional[bool] = ..., occupants_change_subject: _Optional[bool] = ..., occupants_max: _Optional[int] = ..., members_invite: _Optional[bool] = ..., history_stanzas_max: _Optional[int] = ..., private_messages: _Optional[str] = ..., silent_roles: _Optional[_Iterable[str]] = ..., member_list_roles: _Optional[_Iterable[str]] = ..., lang: _Optional[str] = ..., pubsub: _Optional[str] = ..., registration: _Optional[str] = ..., voice_requests_refused: _Optional[bool] = ..., voice_request_seconds: _Optional[int] = ..., visitors_keep_status: _Optional[bool] = ..., visitors_keep_nick: _Optional[bool] = ..., queries_refused: _Optional[bool] = ..., occupants_hidden: _Optional[bool] = ..., unarchived: _Optional[bool] = ..., nicks_locked: _Optional[bool] = ..., voiced_by_default: _Optional[bool] = ..., history_stanzas_held_back: _Optional[int] = ...) -> None: ...

class HistoryRequest(_message.Message):
    __slots__ = ("chars_max", "stanzas_max", "seconds_max", "since_us")
    CHARS_MAX_FIELD_NUMBER: _ClassVar[int]
    STANZAS_MAX_FIELD_NUMBER: _ClassVar[int]
    SECONDS_MAX_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    chars_max: int
    stanzas_max: int
    seconds_max: int
    since_us: int
    def __init__(self, chars_max: _Optional[int] = ..., stanzas_max: _Optional[int] = ..., seconds_max: _Optional[int] = ..., since_us: _Optional[int] = ...) -> None: ...

class IqAnswer(_message.Message):
    __slots__ = ("id", "to", "session", "payload")
    ID_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    id: str
    to: str
    session: str
    payload: bytes
    def __init__(self, id: _Optional[str] = ..., to: _Optional[str] = ..., session: _Optional[str] = ..., payload: _Optional[bytes] = ...) -> None: ...

class OccupantPresence(_message.Message):
    __slots__ = ("attributes", "payload")
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    attributes: bytes
    payload: bytes
    def __init__(self, attributes: _Optional[bytes] = ..., payload: _Optional[bytes] = ...) -> None: ...

class AffiliationChange(_message.Message):
    __slots__ = ("jid", "affiliation", "reason", "nick")
    JID_FIELD_NUMBER: _ClassVar[int]
    AFFILIATION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NICK_FIELD_NUMBER: _ClassVar[int]
    jid: str
    affiliation: str
    reason: str
    nick: str
    def __init__(self, jid: _Optional[str] = ..., affiliation: _Optional[str] = ..., reason: _Optional[str] = ..., nick: _Optional[str] = ...) -> None: ...

class OccupantChange(_message.Message):
    __slots__ = ("nick", "role", "statuses", "reason")
    NICK_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    nick: str
    role: str
    statuses: _containers.RepeatedScalarFieldContainer[int]
    reason: str
    def __init__(self, nick: _Optional[str] = ..., role: _Optional[str] = ..., statuses: _Optional[_Iterable[int]] = ..., reason: _Optional[str] = ...) -> None: ...

class RoomCreated(_message.Message):
    __slots__ = ("creator", "config", "secret")
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    creator: str
    config: RoomConfig
    secret: bytes
    def __init__(self, creator: _Optional[str] = ..., config: _Optional[_Union[RoomConfig, _Mapping]] = ..., secret: _Optional[bytes] = ...) -> None: ...

class OccupantJoined(_message.Message):
    __slots__ = ("nick", "jid", "session", "role", "occupant_id", "presence", "history", "id", "created", "nick_changed", "logged")
    NICK_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    OCCUPANT_ID_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    NICK_CHANGED_FIELD_NUMBER: _ClassVar[int]
    LOGGED_FIELD_NUMBER: _ClassVar[int]
    nick: str
    jid: str
    session: str
    role: str
    occupant_id: str
    presence: OccupantPresence
    history: HistoryRequest
    id: str
    created: bool
    nick_changed: bool
    logged: bool
    def __init__(self, nick: _Optional[str] = ..., jid: _Optional[str] = ..., session: _Optional[str] = ..., role: _Optional[str] = ..., occupant_id: _Optional[str] = ..., presence: _Optional[_Union[OccupantPresence, _Mapping]] = ..., history: _Optional[_Union[HistoryRequest, _Mapping]] = ..., id: _Optional[str] = ..., created: _Optional[bool] = ..., nick_changed: _Optional[bool] = ..., logged: _Optional[bool] = ...) -> None: ...

class OccupantLeft(_message.Message):
    __slots__ = ("nick", "presence", "statuses", "jid")
    NICK_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    nick: str
    presence: OccupantPresence
    statuses: _containers.RepeatedScalarFieldContainer[int]
    jid: str
    def __init__(self, nick: _Optional[str] = ..., presence: _Optional[_Union[OccupantPresence, _Mapping]] = ..., statuses: _Optional[_Iterable[int]] = ..., jid: _Optional[str] = ...) -> None: ...

class NicknameChanged(_message.Message):
    __slots__ = ("nick", "new_nick", "presence", "nick_changed", "jid")
    NICK_FIELD_NUMBER: _ClassVar[int]
    NEW_NICK_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    NICK_CHANGED_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    nick: str
    new_nick: str
    presence: OccupantPresence
    nick_changed: bool
    jid: str
    def __init__(self, nick: _Optional[str] = ..., new_nick: _Optional[str] = ..., presence: _Optional[_Union[OccupantPresence, _Mapping]] = ..., nick_changed: _Optional[bool] = ..., jid: _Optional[str] = ...) -> None: ...

class PresenceChanged(_message.Message):
    __slots__ = ("nick", "presence", "jid")
    NICK_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    nick: str
    presence: OccupantPresence
    jid: str
    def __init__(self, nick: _Optional[str] = ..., presence: _Optional[_Union[OccupantPresence, _Mapping]] = ..., jid: _Optional[str] = ...) -> None: ...

class MessageSent(_message.Message):
    __slots__ = ("nick", "stanza", "id", "traits", "archived", "jid", "retracts")
    NICK_FIELD_NUMBER: _ClassVar[int]
    STANZA_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    TRAITS_FIELD_NUMBER: _ClassVar[int]
    ARCHIVED_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    RETRACTS_FIELD_NUMBER: _ClassVar[int]
    nick: str
    stanza: bytes
    id: str
    traits: int
    archived: int
    jid: str
    retracts: int
    def __init__(self, nick: _Optional[str] = ..., stanza: _Optional[bytes] = ..., id: _Optional[str] = ..., traits: _Optional[int] = ..., archived: _Optional[int] = ..., jid: _Optional[str] = ..., retracts: _Optional[int] = ...) -> None: ...

class SubjectChanged(_message.Message):
    __slots__ = ("nick", "text", "stanza", "id", "archived", "jid")
    NICK_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    STANZA_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ARCHIVED_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    nick: str
    text: str
    stanza: bytes
    id: str
    archived: int
    jid: str
    def __init__(self, nick: _Optional[str] = ..., text: _Optional[str] = ..., stanza: _Optional[bytes] = ..., id: _Optional[str] = ..., archived: _Optional[int] = ..., jid: _Optional[str] = ...) -> None: ...

class MessageModerated(_message.Message):
    __slots__ = ("target", "retracts", "nick", "jid", "reason", "stanza", "id", "archived")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    RETRACTS_FIELD_NUMBER: _ClassVar[int]
    NICK_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STANZA_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ARCHIVED_FIELD_NUMBER: _ClassVar[int]
    target: str
    retracts: int
    nick: str
    jid: str
    reason: str
    stanza: bytes
    id: str
    archived: int
    def __init__(self, target: _Optional[str] = ..., retracts: _Optional[int] = ..., nick: _Optional[str] = ..., jid: _Optional[str] = ..., reason: _Optional[str] = ..., stanza: _Optional[bytes] = ..., id: _Optional[str] = ..., archived: _Optional[int] = ...) -> None: ...

class RightsChanged(_message.Message):
    __slots__ = ("affiliations", "occupants", "actor")
    AFFILIATIONS_FIELD_NUMBER: _ClassVar[int]
    OCCUPANTS_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    affiliations: _containers.RepeatedCompositeFieldContainer[AffiliationChange]
    occupants: _containers.RepeatedCompositeFieldContainer[OccupantChange]
    actor: str
    def __init__(self, affiliations: _Optional[_Iterable[_Union[AffiliationChange, _Mapping]]] = ..., occupants: _Optional[_Iterable[_Union[OccupantChange, _Mapping]]] = ..., actor: _Optional[str] = ...) -> None: ...

class ConfigChanged(_message.Message):
    __slots__ = ("config", "occupants", "statuses")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    OCCUPANTS_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    config: RoomConfig
    occupants: _containers.RepeatedCompositeFieldContainer[OccupantChange]
    statuses: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, config: _Optional[_Union[RoomConfig, _Mapping]] = ..., occupants: _Optional[_Iterable[_Union[OccupantChange, _Mapping]]] = ..., statuses: _Optional[_Iterable[int]] = ...) -> None: ...

class RoomDestroyed(_message.Message):
    __slots__ = ("reason", "alternate", "password", "deserted", "tombstone_seconds")
    REASON_FIELD_NUMBER: _ClassVar[int]
    ALTERNATE_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    DESERTED_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    reason: str
    alternate: str
    password: str
    deserted: bool
    tombstone_seconds: int
    def __init__(self, reason: _Optional[str] = ..., alternate: _Optional[str] = ..., password: _Optional[str] = ..., deserted: _Optional[bool] = ..., tombstone_seconds: _Optional[int] = ...) -> None: ...

class VoiceRequested(_message.Message):
    __slots__ = ("nick", "jid")
    NICK_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    nick: str
    jid: str
    def __init__(self, nick: _Optional[str] = ..., jid: _Optional[str] = ...) -> None: ...

class RegistrationRequested(_message.Message):
    __slots__ = ("jid", "nick")
    JID_FIELD_NUMBER: _ClassVar[int]
    NICK_FIELD_NUMBER: _ClassVar[int]
    jid: str
    nick: str
    def __init__(self, jid: _Optional[str] = ..., nick: _Optional[str] = ...) -> None: ...

class RegistrationRefused(_message.Message):
    __slots__ = ("jid",)
    JID_FIELD_NUMBER: _ClassVar[int]
    jid: str
    def __init__(self, jid: _Optional[str] = ...) -> None: ...

class HatChanged(_message.Message):
    __slots__ = ("uri", "title", "hue", "destroyed")
    URI_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    HUE_FIELD_NUMBER: _ClassVar[int]
    DESTROYED_FIELD_NUMBER: _ClassVar[int]
    uri: str
    title: str
    hue: str
    destroyed: bool
    def __init__(self, uri: _Optional[str] = ..., title: _Optional[str] = ..., hue: _Optional[str] = ..., destroyed: _Optional[bool] = ...) -> None: ...

class HatAssigned(_message.Message):
    __slots__ = ("jid", "uri", "removed")
    JID_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    jid: str
    uri: str
    removed: bool
    def __init__(self, jid: _Optional[str] = ..., uri: _Optional[str] = ..., removed: _Optional[bool] = ...) -> None: ...

class CardChanged(_message.Message):
    __slots__ = ("card", "avatars")
    CARD_FIELD_NUMBER: _ClassVar[int]
    AVATARS_FIELD_NUMBER: _ClassVar[int]
    card: bytes
    avatars: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, card: _Optional[bytes] = ..., avatars: _Optional[_Iterable[str]] = ...) -> None: ...

class RoomEvent(_message.Message):
    __slots__ = ("source", "sequence", "index", "time_us", "answer", "accepted_us", "room_created", "occupant_joined", "occupant_left", "nickname_changed", "presence_changed", "message_sent", "subject_changed", "rights_changed", "config_changed", "room_destroyed", "voice_requested", "registration_requested", "registration_refused", "message_moderated", "card_changed", "hat_changed", "hat_assigned")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_US_FIELD_NUMBER: _ClassVar[int]
    ROOM_CREATED_FIELD_NUMBER: _ClassVar[int]
    OCCUPANT_JOINED_FIELD_NUMBER: _ClassVar[int]
    OCCUPANT_LEFT_FIELD_NUMBER: _ClassVar[int]
    NICKNAME_CHANGED_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_SENT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_CHANGED_FIELD_NUMBER: _ClassVar[int]
    RIGHTS_CHANGED_FIELD_NUMBER: _ClassVar[int]
    CONFIG_CHANGED_FIELD_NUMBER: _ClassVar[int]
    ROOM_DESTROYED_FIELD_NUMBER: _ClassVar[int]
    VOICE_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_REFUSED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_MODERATED_FIELD_NUMBER: _ClassVar[int]
    CARD_CHANGED_FIELD_NUMBER: _ClassVar[int]
    HAT_CHANGED_FIELD_NUMBER: _ClassVar[int]
    HAT_ASSIGNED_FIELD_NUMBER: _ClassVar[int]
    source: str
    sequence: int
    index: int
    time_us: int
    answer: IqAnswer
    accepted_us: int
    room_created: RoomCreated
    occupant_joined: OccupantJoined
    occupant_left: OccupantLeft
    nickname_changed: NicknameChanged
    presence_changed: PresenceChanged
    message_sent: MessageSent
    subject_changed: SubjectChanged
    rights_changed: RightsChanged
    config_changed: ConfigChanged
    room_destroyed: RoomDestroyed
    voice_requested: VoiceRequested
    registration_requested: RegistrationRequested
    registration_refused: RegistrationRefused
    message_moderated: MessageModerated
    card_changed: CardChanged
    hat_changed: HatChanged
    hat_assigned: HatAssigned
    def __init__(self, source: _Optional[str] = ..., sequence: _Optional[int] = ..., index: _Optional[int] = ..., time_us: _Optional[int] = ..., answer: _Optional[_Union[IqAnswer, _Mapping]] = ..., accepted_us: _Optional[int] = ..., room_created: _Optional[_Union[RoomCreated, _Mapping]] = ..., occupant_joined: _Optional[_Union[OccupantJoined, _Mapping]] = ..., occupant_left: _Optional[_Union[OccupantLeft, _Mapping]] = ..., nickname_changed: _Optional[_Union[NicknameChanged, _Mapping]] = ..., presence_changed: _Optional[_Union[PresenceChanged, _Mapping]] = ..., message_sent: _Optional[_Union[MessageSent, _Mapping]] = ..., subject_changed: _Optional[_Union[SubjectChanged, _Mapping]] = ..., rights_changed: _Optional[_Union[RightsChanged, _Mapping]] = ..., config_changed: _Optional[_Union[ConfigChanged, _Mapping]] = ..., room_destroyed: _Optional[_Union[RoomDestroyed, _Mapping]] = ..., voice_requested: _Optional[_Union[VoiceRequested, _Mapping]] = ..., registration_requested: _Optional[_Union[RegistrationRequested, _Mapping]] = ..., registration_refused: _Optional[_Union[RegistrationRefused, _Mapping]] = ..., message_moderated: _Optional[_Union[MessageModerated, _Mapping]] = ..., card_changed: _Optional[_Union[CardChanged, _Mapping]] = ..., hat_changed: _Optional[_Union[HatChanged, _Mapping]] = ..., hat_assigned: _Optional[_Union[HatAssigned, _Mapping]] = ...) -> None: ...

class RoomSummary(_message.Message):
    __slots__ = ("jid", "exists", "name", "public", "creator", "occupants", "time_us", "locked", "tombstone_us")
    JID_FIELD_NUMBER: _ClassVar[int]
    EXISTS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    OCCUPANTS_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    LOCKED_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONE_US_FIELD_NUMBER: _ClassVar[int]
    jid: str
    exists: bool
    name: str
    public: bool
    creator: str
    occupants: int
    time_us: int
    locked: bool
    tombstone_us: int
    def __init__(self, jid: _Optional[str] = ..., exists: _Optional[bool] = ..., name: _Optional[str] = ..., public: _Optional[bool] = ..., creator: _Optional[str] = ..., occupants: _Optional[int] = ..., time_us: _Optional[int] = ..., locked: _Optional[bool] = ..., tombstone_us: _Optional[int] = ...) -> None: ...

class RoomEvents(_message.Message):
    __slots__ = ("events", "summary", "sealed")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[RoomEvent]
    summary: RoomSummary
    sealed: bytes
    def __init__(self, events: _Optional[_Iterable[_Union[RoomEvent, _Mapping]]] = ..., summary: _Optional[_Union[RoomSummary, _Mapping]] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class Cause(_message.Message):
    __slots__ = ("sequence", "index", "time_us")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    index: int
    time_us: int
    def __init__(self, sequence: _Optional[int] = ..., index: _Optional[int] = ..., time_us: _Optional[int] = ...) -> None: ...

class OccupantState(_message.Message):
    __slots__ = ("nick", "jid", "session", "role", "occupant_id", "presence", "asked_us")
    NICK_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    OCCUPANT_ID_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    ASKED_US_FIELD_NUMBER: _ClassVar[int]
    nick: str
    jid: str
    session: str
    role: str
    occupant_id: str
    presence: OccupantPresence
    asked_us: int
    def __init__(self, nick: _Optional[str] = ..., jid: _Optional[str] = ..., session: _Optional[str] = ..., role: _Optional[str] = ..., occupant_id: _Optional[str] = ..., presence: _Optional[_Union[OccupantPresence, _Mapping]] = ..., asked_us: _Optional[int] = ...) -> None: ...

class AffiliationState(_message.Message):
    __slots__ = ("jid", "affiliation", "reason", "nick")
    JID_FIELD_NUMBER: _ClassVar[int]
    AFFILIATION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NICK_FIELD_NUMBER: _ClassVar[int]
    jid: str
    affiliation: str
    reason: str
    nick: str
    def __init__(self, jid: _Optional[str] = ..., affiliation: _Optional[str] = ..., reason: _Optional[str] = ..., nick: _Optional[str] = ...) -> None: ...

class HistoryItem(_message.Message):
    __slots__ = ("stanza", "time_us", "id", "archived")
    STANZA_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ARCHIVED_FIELD_NUMBER: _ClassVar[int]
    stanza: bytes
    time_us: int
    id: str
    archived: int
    def __init__(self, stanza: _Optional[bytes] = ..., time_us: _Optional[int] = ..., id: _Optional[str] = ..., archived: _Optional[int] = ...) -> None: ...

class RoomSnapshot(_message.Message):
    __slots__ = ("jid", "exists", "locked", "config", "secret", "creator", "affiliations", "occupants", "history", "subject", "subject_stanza", "subject_us", "applied", "registrations", "tombstone_reason", "tombstone_alternate", "tombstone_us", "tombstone_owners", "archived", "card", "avatars", "hats", "worn", "sealed", "voices")
    class AppliedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Cause
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Cause, _Mapping]] = ...) -> None: ...
    class RegistrationsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class VoicesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    JID_FIELD_NUMBER: _ClassVar[int]
    EXISTS_FIELD_NUMBER: _ClassVar[int]
    LOCKED_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    AFFILIATIONS_FIELD_NUMBER: _ClassVar[int]
    OCCUPANTS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_STANZA_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_US_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    REGISTRATIONS_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONE_REASON_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONE_ALTERNATE_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONE_US_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONE_OWNERS_FIELD_NUMBER: _ClassVar[int]
    ARCHIVED_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    AVATARS_FIELD_NUMBER: _ClassVar[int]
    HATS_FIELD_NUMBER: _ClassVar[int]
    WORN_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    VOICES_FIELD_NUMBER: _ClassVar[int]
    jid: str
    exists: bool
    locked: bool
    config: RoomConfig
    secret: bytes
    creator: str
    affiliations: _containers.RepeatedCompositeFieldContainer[AffiliationState]
    occupants: _containers.RepeatedCompositeFieldContainer[OccupantState]
    history: _containers.RepeatedCompositeFieldContainer[HistoryItem]
    subject: str
    subject_stanza: bytes
    subject_us: int
    applied: _containers.MessageMap[str, Cause]
    registrations: _containers.ScalarMap[str, str]
    tombstone_reason: str
    tombstone_alternate: str
    tombstone_us: int
    tombstone_owners: _containers.RepeatedScalarFieldContainer[str]
    archived: int
    card: bytes
    avatars: _containers.RepeatedScalarFieldContainer[str]
    hats: _containers.RepeatedCompositeFieldContainer[HatChanged]
    worn: _containers.RepeatedCompositeFieldContainer[HatAssigned]
    sealed: bytes
    voices: _containers.ScalarMap[str, str]
    def __init__(self, jid: _Optional[str] = ..., exists: _Optional[bool] = ..., locked: _Optional[bool] = ..., config: _Optional[_Union[RoomConfig, _Mapping]] = ..., secret: _Optional[bytes] = ..., creator: _Optional[str] = ..., affiliations: _Optional[_Iterable[_Union[AffiliationState, _Mapping]]] = ..., occupants: _Optional[_Iterable[_Union[OccupantState, _Mapping]]] = ..., history: _Optional[_Iterable[_Union[HistoryItem, _Mapping]]] = ..., subject: _Optional[str] = ..., subject_stanza: _Optional[bytes] = ..., subject_us: _Optional[int] = ..., applied: _Optional[_Mapping[str, Cause]] = ..., registrations: _Optional[_Mapping[str, str]] = ..., tombstone_reason: _Optional[str] = ..., tombstone_alternate: _Optional[str] = ..., tombstone_us: _Optional[int] = ..., tombstone_owners: _Optional[_Iterable[str]] = ..., archived: _Optional[int] = ..., card: _Optional[bytes] = ..., avatars: _Optional[_Iterable[str]] = ..., hats: _Optional[_Iterable[_Union[HatChanged, _Mapping]]] = ..., worn: _Optional[_Iterable[_Union[HatAssigned, _Mapping]]] = ..., sealed: _Optional[bytes] = ..., voices: _Optional[_Mapping[str, str]] = ...) -> None: ...

class RoomChapter(_message.Message):
    __slots__ = ("jid", "entries", "state", "revision", "state_us", "retractions")
    JID_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STATE_US_FIELD_NUMBER: _ClassVar[int]
    RETRACTIONS_FIELD_NUMBER: _ClassVar[int]
    jid: str
    entries: _containers.RepeatedCompositeFieldContainer[ChapterEntry]
    state: bytes
    revision: int
    state_us: int
    retractions: _containers.RepeatedCompositeFieldContainer[Retraction]
    def __init__(self, jid: _Optional[str] = ..., entries: _Optional[_Iterable[_Union[ChapterEntry, _Mapping]]] = ..., state: _Optional[bytes] = ..., revision: _Optional[int] = ..., state_us: _Optional[int] = ..., retractions: _Optional[_Iterable[_Union[Retraction, _Mapping]]] = ...) -> None: ...

class RoomRequest(_message.Message):
    __slots__ = ("jid", "time_us", "reason", "alternate", "after", "user", "affiliation")
    JID_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ALTERNATE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    AFFILIATION_FIELD_NUMBER: _ClassVar[int]
    jid: str
    time_us: int
    reason: str
    alternate: str
    after: str
    user: str
    affiliation: str
    def __init__(self, jid: _Optional[str] = ..., time_us: _Optional[int] = ..., reason: _Optional[str] = ..., alternate: _Optional[str] = ..., after: _Optional[str] = ..., user: _Optional[str] = ..., affiliation: _Optional[str] = ...) -> None: ...

class RoomReply(_message.Message):
    __slots__ = ("error", "text", "rooms", "more", "room")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ROOMS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    error: str
    text: str
    rooms: _containers.RepeatedCompositeFieldContainer[RoomSummary]
    more: bool
    room: RoomSnapshot
    def __init__(self, error: _Optional[str] = ..., text: _Optional[str] = ..., rooms: _Optional[_Iterable[_Union[RoomSummary, _Mapping]]] = ..., more: _Optional[bool] = ..., room: _Optional[_Union[RoomSnapshot, _Mapping]] = ...) -> None: ...

class ChapterEntry(_message.Message):
    __slots__ = ("revision", "events")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    events: bytes
    def __init__(self, revision: _Optional[int] = ..., events: _Optional[bytes] = ...) -> None: ...

class Retraction(_message.Message):
    __slots__ = ("archived", "jid", "tombstone")
    ARCHIVED_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONE_FIELD_NUMBER: _ClassVar[int]
    archived: int
    jid: str
    tombstone: bytes
    def __init__(self, archived: _Optional[int] = ..., jid: _Optional[str] = ..., tombstone: _Optional[bytes] = ...) -> None: ...
