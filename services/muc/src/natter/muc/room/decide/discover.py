"""What a room says of itself: disco#info and disco#items. XEP-0045 §6.4, §6.5."""

from __future__ import annotations

from natter.xmpp import ns
from natter.xmpp.jid import local_of
from natter.xmpp.xeps import disco, extended_disco, mam, moderation, muc, retraction, room_avatar, self_ping

from ..answer import result
from ..request import Decision, Limits, Refused, Request
from ..state import Config, Room
from . import register
from .archive import archives

FEATURES = (
    ns.DISCO_INFO,
    ns.DISCO_ITEMS,
    ns.MUC,
    "http://jabber.org/protocol/muc#stable_id",
    ns.MUC_ROOMCONFIG,
    ns.MUC_ROOMINFO,
    ns.OCCUPANT_ID,
    ns.STANZA_IDS,
    ns.PING,
    register.FEATURE,
    room_avatar.NS,
    ns.MUC_REGISTER,
    ns.MUC_REQUEST,
    # XEP-0410 §3.3: a ping to oneself is answered by the room.
    self_ping.FEATURE,
    moderation.NS,
    retraction.NS,
    retraction.TOMBSTONE,
)


# XEP-0313 §7: of a room that keeps an archive.
_ARCHIVE = (mam.NS, mam.EXTENDED)


def info(room: Room, request: Request, limits: Limits) -> Decision:
    """disco#info of the room."""
    node = _node(request, f"{{{ns.DISCO_INFO}}}query")
    if node == muc.NODE_TRAFFIC:
        # XEP-0045 §18.1.1: nothing is discarded.
        raise Refused("service-unavailable")
    if node == muc.NODE_NICK:
        # XEP-0045 §7.12: the nickname as the name of an identity; without one, an empty query.
        known = room.affiliations.get(request.bare)
        reserved = known.nick if known is not None else ""
        named = (disco.Identity("conference", "text", name=reserved),) if reserved else ()
        return Decision(outputs=(result(request, disco.info_query(disco.Info(named, node=node))),))
    if node:
        raise Refused("item-not-found")
    name = room.config.name or local_of(room.jid)
    told = disco.Info(
        (disco.Identity("conference", "text", name=name),),
        (*FEATURES, *config_features(room.config), *(_ARCHIVE if archives(room, limits) else ())),
        (extended_disco.extension(ns.MUC_ROOMINFO, _facts(room)),),
    )
    return Decision(outputs=(result(request, disco.info_query(told)),))


def items(room: Room, request: Request) -> Decision:
    """disco#items of the room: its occupants, where the room is public and its occupants are no secret."""
    if _node(request, f"{{{ns.DISCO_ITEMS}}}query"):
        raise Refused("item-not-found")
    # XEP-0045 §6.5: an empty list where it is private. Occupants may always look.
    inside = room.occupant(request.sender) is not None
    found = (
        [disco.Item(f"{room.jid}/{nick}") for nick in room.nicks]
        if inside or (room.config.public and not room.config.members_only and not room.config.occupants_hidden)
        else []
    )
    return Decision(outputs=(result(request, disco.items_query(found)),))


def config_features(config: Config) -> tuple[str, ...]:
    """The registered features that say what kind of room it is. XEP-0045 §16.3."""
    return (
        "muc_public" if config.public else "muc_hidden",
        "muc_persistent" if config.persistent else "muc_temporary",
        "muc_membersonly" if config.members_only else "muc_open",
        "muc_moderated" if config.moderated else "muc_unmoderated",
        "muc_nonanonymous" if config.jids_public else "muc_semianonymous",
        "muc_passwordprotected" if config.password else "muc_unsecured",
    )


def _facts(room: Room) -> dict[str, tuple[str, ...]]:
    config = room.config
    facts: dict[str, tuple[str, ...]] = {
        "muc#roominfo_description": (config.description,),
        "muc#roominfo_occupants": (str(len(room.nicks)),),
        "muc#roomconfig_changesubject": ("1" if config.occupants_change_subject else "0",),
        "muc#roominfo_subjectmod": ("1" if config.occupants_change_subject else "0",),
        "muc#maxhistoryfetch": (str(config.history_stanzas_max),),
    }
    if room.avatars:
        facts["muc#roominfo_avatarhash"] = room.avatars
    if config.lang:
        facts["muc#roominfo_lang"] = (config.lang,)
    if config.pubsub:
        facts["muc#roomconfig_pubsub"] = (config.pubsub,)
    # XEP-0045 §14.4: whom to turn to, where JIDs are no secret.
    if config.jids_public and config.public:
        facts["muc#roominfo_contactjid"] = tuple(room.owners())
    # XEP-0045 §14.4: the subject of a room that not everybody may enter is nobody else's business.
    if room.subject is not None and config.public and not config.members_only and not config.password:
        facts["muc#roominfo_subject"] = (room.subject.text,)
    return facts


def _node(request: Request, name: str) -> str:
    query = request.element().find(name)
    return query.get("node", "") if query is not None else ""
