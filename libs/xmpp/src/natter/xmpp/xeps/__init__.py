"""The XMPP extensions natter speaks: wire shapes and pure rules, one file each. `ALL` is the table of contents."""

from __future__ import annotations

from . import (
    caps,
    data_forms,
    date_time,
    delay,
    direct_invitations,
    disco,
    entity_time,
    extended_disco,
    forward,
    last_activity,
    mam,
    muc,
    ping,
    registration,
    roster_versioning,
    rsm,
    software_version,
    stanza_id,
    stream_limits,
    stream_management,
    unique_room_names,
)

# By number of the XEP.
ALL = (
    data_forms,
    last_activity,
    disco,
    muc,
    rsm,
    registration,
    date_time,
    software_version,
    caps,
    extended_disco,
    stream_management,
    ping,
    entity_time,
    delay,
    roster_versioning,
    direct_invitations,
    unique_room_names,
    forward,
    mam,
    stanza_id,
    stream_limits,
)
