"""Namespace names, each once. XEP files may define further ones of their own."""

from __future__ import annotations

from typing import Final

XML: Final = "http://www.w3.org/XML/1998/namespace"

# The core: RFC 6120 and RFC 6121.
CLIENT: Final = "jabber:client"
SERVER: Final = "jabber:server"
STREAM: Final = "http://etherx.jabber.org/streams"
STREAMS: Final = "urn:ietf:params:xml:ns:xmpp-streams"
STANZAS: Final = "urn:ietf:params:xml:ns:xmpp-stanzas"
TLS: Final = "urn:ietf:params:xml:ns:xmpp-tls"
SASL: Final = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND: Final = "urn:ietf:params:xml:ns:xmpp-bind"
SESSION: Final = "urn:ietf:params:xml:ns:xmpp-session"
ROSTER: Final = "jabber:iq:roster"
ROSTER_VERSIONING: Final = "urn:xmpp:features:rosterver"
PRE_APPROVAL: Final = "urn:xmpp:features:pre-approval"

DATA: Final = "jabber:x:data"  # of XEP-0004
LAST: Final = "jabber:iq:last"  # of XEP-0012
DISCO_INFO: Final = "http://jabber.org/protocol/disco#info"  # of XEP-0030
DISCO_ITEMS: Final = "http://jabber.org/protocol/disco#items"
MUC: Final = "http://jabber.org/protocol/muc"  # of XEP-0045
MUC_USER: Final = "http://jabber.org/protocol/muc#user"
MUC_ADMIN: Final = "http://jabber.org/protocol/muc#admin"
MUC_OWNER: Final = "http://jabber.org/protocol/muc#owner"
MUC_ROOMCONFIG: Final = "http://jabber.org/protocol/muc#roomconfig"
MUC_ROOMINFO: Final = "http://jabber.org/protocol/muc#roominfo"
MUC_REQUEST: Final = "http://jabber.org/protocol/muc#request"
MUC_REGISTER: Final = "http://jabber.org/protocol/muc#register"
RSM: Final = "http://jabber.org/protocol/rsm"  # of XEP-0059
REGISTER: Final = "jabber:iq:register"  # of XEP-0077
REGISTER_FEATURE: Final = "http://jabber.org/features/iq-register"
CHAT_STATES: Final = "http://jabber.org/protocol/chatstates"  # of XEP-0085
VERSION: Final = "jabber:iq:version"  # of XEP-0092
CAPS: Final = "http://jabber.org/protocol/caps"  # of XEP-0115
RECEIPTS: Final = "urn:xmpp:receipts"  # of XEP-0184
SM: Final = "urn:xmpp:sm:3"  # of XEP-0198
PING: Final = "urn:xmpp:ping"  # of XEP-0199
TIME: Final = "urn:xmpp:time"  # of XEP-0202
DELAY: Final = "urn:xmpp:delay"  # of XEP-0203
CONFERENCE: Final = "jabber:x:conference"  # of XEP-0249
CARBONS: Final = "urn:xmpp:carbons:2"  # of XEP-0280
FORWARD: Final = "urn:xmpp:forward:0"  # of XEP-0297
CORRECTION: Final = "urn:xmpp:message-correct:0"  # of XEP-0308
MAM: Final = "urn:xmpp:mam:2"  # of XEP-0313
MARKERS: Final = "urn:xmpp:chat-markers:0"  # of XEP-0333
HINTS: Final = "urn:xmpp:hints"  # of XEP-0334
CLIENT_STATE: Final = "urn:xmpp:csi:0"  # of XEP-0352
STANZA_IDS: Final = "urn:xmpp:sid:0"  # of XEP-0359
OCCUPANT_ID: Final = "urn:xmpp:occupant-id:0"  # of XEP-0421
STREAM_LIMITS: Final = "urn:xmpp:stream-limits:0"  # of XEP-0478
