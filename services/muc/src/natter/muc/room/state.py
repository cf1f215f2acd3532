"""A room as it stands: the fold of its journal. Immutable; what a decision may look at, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from natter.xmpp.jid import bare_of, domain_of
from natter.xmpp.xeps.hats import Hat
from natter.xmpp.xeps.muc import Affiliation, Role

# Kept for people who join: whichever comes first. What is older is forgotten by the room (not by an archive).
HISTORY_STANZAS_MAX: Final = 100
HISTORY_BYTES_MAX: Final = 192 << 10
# Of people who were given or denied a voice; the one that was longest ago is forgotten.
VOICES_MAX: Final = 1000
# By how much the clocks of two machines may differ.
SKEW_US_MAX: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Config:
    """What the owner configures. XEP-0045 §10.1.3; `occupants_max` 0 means the service's limit."""

    name: str = ""
    description: str = ""
    persistent: bool = False
    public: bool = True
    moderated: bool = False
    members_only: bool = False
    password: str = ""
    # muc#roomconfig_whois=anyone: a non-anonymous room.
    jids_public: bool = False
    occupants_change_subject: bool = False
    occupants_max: int = 0
    members_invite: bool = False
    history_stanzas_max: int = 20
    # The least role that may send private messages: "visitor", "participant", "moderator" or "nobody".
    private_messages: str = "visitor"
    # Roles whose presence only they themselves see.
    silent_roles: tuple[str, ...] = ()
    # Roles that may read the member list, beside admins.
    member_list_roles: tuple[str, ...] = ()
    lang: str = ""
    # xmpp: URI of a pubsub node that belongs to the room.
    pubsub: str = ""
    # "open", "approval" or "closed"; "": open, but by approval where the room is moderated or members-only.
    registration: str = ""
    voice_requests_refused: bool = False
    # An occupant asks for voice no more often than that.
    voice_request_seconds: int = 0
    visitors_keep_status: bool = False
    visitors_keep_nick: bool = False
    # Occupants do not answer each other's IQs.
    queries_refused: bool = False
    # Who is in the room is not told to those outside.
    occupants_hidden: bool = False
    unarchived: bool = False
    # Members enter under their registered nickname only.
    nicks_locked: bool = False
    # Newcomers of a moderated room may speak.
    voiced_by_default: bool = False
    # Of `history_stanzas_max`, how many a newcomer gets only when asking for them.
    history_stanzas_held_back: int = 0


@dataclass(frozen=True, slots=True)
class Occupant:
    """A session in the room: a full JID under a nickname. `attributes` and `payload` are its part of its presence."""

    nick: str
    jid: str
    session: str
    role: Role
    occupant_id: str
    attributes: bytes = b""
    payload: bytes = b""
    # When voice was last asked for.
    asked_us: int = 0

    @property
    def bare(self) -> str:
        """The user's bare JID, which affiliations go by."""
        return bare_of(self.jid)


@dataclass(frozen=True, slots=True)
class Affiliated:
    """A lasting relation of a bare JID (or a domain, to ban it) to the room, and why."""

    affiliation: Affiliation
    reason: str = ""
    # Reserved for them, XEP-0045 §7.10; "": none.
    nick: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the discussion history, as the occupants got it."""

    stanza: bytes
    time_us: int
    # Its number in the archive; 0: it is in none.
    archived: int = 0


@dataclass(frozen=True, slots=True)
class Subject:
    """What the room is about, and the message that set it."""

    text: str
    stanza: bytes
    time_us: int


class Applied(NamedTuple):
    """How far a source was worked on, and when that was decided."""

    sequence: int
    place: int
    time_us: int

    def covers(self, sequence: int, index: int, accepted_us: int) -> bool:
        """Whether an input of the source has been worked on.

        What was accepted well after that is none that comes again, whatever its sequence: the log began anew.
        """
        return (sequence, index) <= self[:2] and accepted_us <= self.time_us + SKEW_US_MAX


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of a room that an owner destroyed: until then, nobody else makes it again."""

    reason: str
    alternate: str
    until_us: int
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Room:
    """The state. `exists` false: never made, or destroyed; then `jid`, `applied` and `tombstone` are all it has."""

    jid: str
    exists: bool = False
    # XEP-0045 §10.1.1: nobody but the owner may enter before the first configuration.
    locked: bool = False
    config: Config = Config()
    secret: bytes = b""
    creator: str = ""
    affiliations: Mapping[str, Affiliated] = field(default_factory=dict)
    # By full JID, in the order of joining.
    occupants: Mapping[str, Occupant] = field(default_factory=dict)
    # Full JIDs by nickname: several sessions of one user may share it. The last one's presence is what others see.
    nicks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # Nickname by the form in which nicknames are compared.
    nick_keys: Mapping[str, str] = field(default_factory=dict)
    # Bare JID by the comparable form of the nickname that is reserved for it.
    reserved: Mapping[str, str] = field(default_factory=dict)
    # Nicknames by the bare JID of who waits to be registered.
    registrations: Mapping[str, str] = field(default_factory=dict)
    history: tuple[Said, ...] = ()
    history_bytes: int = 0
    subject: Subject | None = None
    # The number of the newest message in the archive.
    archived: int = 0
    # The highest input that has events, per source.
    applied: Mapping[str, Applied] = field(default_factory=dict)
    tombstone: Tombstone | None = None
    # The room's card as it was set, and what its pictures are called.
    card: bytes = b""
    avatars: tuple[str, ...] = ()
    # Hats by URI, and the URIs of those that somebody wears, by bare JID.
    hats: Mapping[str, Hat] = field(default_factory=dict)
    worn: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # Participant or visitor, where a moderator has said so, by bare JID: it holds for the next visit as well.
    voices: Mapping[str, Role] = field(default_factory=dict)

    def affiliation(self, bare: str) -> Affiliation:
        """The affiliation of a bare JID."""
        # The service itself, for its operator. Nobody else speaks from its address.
        if "@" not in bare and bare == domain_of(self.jid):
            return Affiliation.OWNER
        found = self.affiliations.get(bare)
        if found is not None:
            return found.affiliation
        # XEP-0045 §9.2: a banned domain bans its users.
        return Affiliation.OUTCAST if self.bans(domain_of(bare)) else Affiliation.NONE

    def bans(self, jid: str) -> bool:
        """Whether this JID, be it a domain, is on the ban list itself."""
        return self.entry(jid) is Affiliation.OUTCAST

    def entry(self, jid: str) -> Affiliation:
        """What the lists say of a JID itself, whatever they say of its domain."""
        found = self.affiliations.get(jid)
        return found.affiliation if found is not None else Affiliation.NONE

    def occupant(self, full: str) -> Occupant | None:
        """The occupant that a full JID is."""
        return self.occupants.get(full)

    def named(self, nick: str) -> tuple[Occupant, ...]:
        """All sessions under a nickname."""
        return tuple(self.occupants[jid] for jid in self.nicks.get(nick, ()))

    def shown(self, nick: str) -> Occupant | None:
        """The session whose presence is seen under a nickname."""
        jids = self.nicks.get(nick)
        return self.occupants[jids[-1]] if jids else None

    def people(self) -> Iterable[Occupant]:
        """Everybody once, as the others see them."""
        if len(self.nicks) == len(self.occupants):
            return self.occupants.values()
        return [self.occupants[jids[-1]] for jids in self.nicks.values()]

    def of_bare(self, bare: str) -> list[Occupant]:
        """All occupants of one user."""
        return [o for o in self.occupants.values() if o.bare == bare]

    def admins(self) -> list[str]:
        """The bare JIDs of admins and owners."""
        leading = (Affiliation.OWNER, Affiliation.ADMIN)
        return [jid for jid, a in self.affiliations.items() if a.affiliation in leading]

    def owners(self) -> list[str]:
        """The bare JIDs of the owners."""
        return [jid for jid, a in self.affiliations.items() if a.affiliation is Affiliation.OWNER]
