"""The configuration form: what is offered and what a submission makes of the configuration. XEP-0045 §16.5.3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from natter.xmpp import ns
from natter.xmpp.jid import local_of
from natter.xmpp.xeps.data_forms import Field, Form, FormError, boolean_field, form_type, validate

from .request import Limits, Refused
from .state import HISTORY_STANZAS_MAX, Config, Room

_PREFIX: Final = "muc#roomconfig_"
_NAME_BYTES_MAX: Final = 256
_DESCRIPTION_BYTES_MAX: Final = 4096

# muc#roomconfig_allowpm and the least role it means.
_PRIVATE: Final = {"anyone": "visitor", "participants": "participant", "moderators": "moderator", "none": "nobody"}
_PRIVATE_BACK: Final = {role: option for option, role in _PRIVATE.items()}
_WHOIS: Final = (("moderators", "Moderators Only"), ("anyone", "Anyone"))
_OCCUPANTS: Final = (10, 20, 30, 50, 100, 200, 500, 1000)


def offered(room: Room, limits: Limits) -> Form:
    """The form with the present configuration."""
    config = room.config
    name = local_of(room.jid)
    return Form(
        "form",
        (
            form_type(ns.MUC_ROOMCONFIG),
            Field(_PREFIX + "roomname", (config.name,), "text-single", "Natural-Language Room Name"),
            Field(_PREFIX + "roomdesc", (config.description,), "text-single", "Short Description of Room"),
            boolean_field(_PREFIX + "persistentroom", config.persistent, "Make Room Persistent?"),
            boolean_field(_PREFIX + "publicroom", config.public, "Make Room Publicly Searchable?"),
            boolean_field(_PREFIX + "moderatedroom", config.moderated, "Make Room Moderated?"),
            boolean_field(_PREFIX + "membersonly", config.members_only, "Make Room Members-Only?"),
            boolean_field(_PREFIX + "passwordprotectedroom", bool(config.password), "Password Required to Enter?"),
            Field(_PREFIX + "roomsecret", (config.password,), "text-private", "Password"),
            Field(
                _PREFIX + "whois",
                ("anyone" if config.jids_public else "moderators",),
                "list-single",
                "Who May Discover Real JIDs?",
                options=_WHOIS,
            ),
            boolean_field(_PREFIX + "changesubject", config.occupants_change_subject, "Let Occupants Change Subject?"),
            _occupants(config, limits),
            boolean_field(_PREFIX + "allowinvites", config.members_invite, "Allow Members to Invite Others?"),
            Field(
                _PREFIX + "allowpm",
                (_PRIVATE_BACK.get(config.private_messages, "anyone"),),
                "list-single",
                "Who Can Send Private Messages?",
                options=(
                    ("anyone", "Anyone"),
                    ("participants", "Anyone with Voice"),
                    ("moderators", "Moderators Only"),
                    ("none", "Nobody"),
                ),
            ),
            boolean_field(_PREFIX + "enablelogging", False, "Enable Public Logging?"),
            Field(
                "muc#maxhistoryfetch",
                (str(config.history_stanzas_max),),
                "text-single",
                "Maximum Number of History Messages Returned by Room",
            ),
        ),
        title=f"Configuration for {name}",
        instructions=("Complete this form to set up the room.",),
    )


def _occupants(config: Config, limits: Limits) -> Field:
    now = min(config.occupants_max or limits.occupants_max, limits.occupants_max)
    sizes = sorted({size for size in _OCCUPANTS if size <= limits.occupants_max} | {now, limits.occupants_max})
    options = tuple((str(size), str(size)) for size in sizes)
    return Field(_PREFIX + "maxusers", (str(now),), "list-single", "Maximum Number of Occupants", options=options)


def submitted(room: Room, form: Form, limits: Limits) -> Config:
    """The configuration after a submission. Raises Refused where it breaks a rule (XEP-0045 §10.1.3)."""
    try:
        values = validate(form, offered(room, limits))
    except FormError as error:
        raise Refused("not-acceptable", str(error)) from None
    before = room.config
    if _flag(values, "enablelogging", False):
        raise Refused("not-acceptable", "This service publishes no logs.")
    return Config(
        name=_text(values, "roomname", before.name, _NAME_BYTES_MAX),
        description=_text(values, "roomdesc", before.description, _DESCRIPTION_BYTES_MAX),
        persistent=_flag(values, "persistentroom", before.persistent),
        public=_flag(values, "publicroom", before.public),
        moderated=_flag(values, "moderatedroom", before.moderated),
        members_only=_flag(values, "membersonly", before.members_only),
        password=_password(values, before.password, limits),
        jids_public=_one(values, "whois", "anyone" if before.jids_public else "moderators") == "anyone",
        occupants_change_subject=_flag(values, "changesubject", before.occupants_change_subject),
        occupants_max=int(_one(values, "maxusers", str(before.occupants_max))),
        members_invite=_flag(values, "allowinvites", before.members_invite),
        history_stanzas_max=_history(values, before.history_stanzas_max),
        private_messages=_PRIVATE.get(_one(values, "allowpm", ""), before.private_messages),
    )


def _one(values: Mapping[str, tuple[str, ...]], name: str, default: str) -> str:
    given = values.get(_PREFIX + name)
    return given[0] if given else default


def _flag(values: Mapping[str, tuple[str, ...]], name: str, default: bool) -> bool:
    return _one(values, name, "1" if default else "0") == "1"


def _text(values: Mapping[str, tuple[str, ...]], name: str, default: str, bytes_max: int) -> str:
    given = values.get(_PREFIX + name)
    text = default if given is None else "".join(given)
    if len(text.encode()) > bytes_max:
        raise Refused("not-acceptable", f"{name} has at most {bytes_max} bytes.")
    return text


def _password(values: Mapping[str, tuple[str, ...]], before: str, limits: Limits) -> str:
    password = _text(values, "roomsecret", before, limits.password_bytes_max)
    if not _flag(values, "passwordprotectedroom", bool(before)):
        return ""
    # XEP-0045 §10.1.3: a password-protected room with a blank password is unacceptable.
    if not password:
        raise Refused("not-acceptable", "A password-protected room needs a password.")
    return password


def _history(values: Mapping[str, tuple[str, ...]], before: int) -> int:
    given = values.get("muc#maxhistoryfetch")
    if not given or not given[0]:
        return before
    text = given[0].strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise Refused("not-acceptable", "muc#maxhistoryfetch is a number.")
    return min(int(text), HISTORY_STANZAS_MAX)
