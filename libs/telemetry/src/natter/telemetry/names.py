"""Every metric, span and log event, declared once, before use. Names and units are a contract with dashboards."""

from __future__ import annotations

from .instruments import Counter, Gauge, Histogram, Instrument

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# Frames of one batch: from one stanza per turn of the loop to a full envelope.
FRAMES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)

# --- the contract ---------------------------------------------------------------------------------------------------
CONNECTIONS_ACTIVE = Gauge("xmpp.connections.active", "{connection}", "Open client connections", ("transport",))
STANZAS_PROCESSED = Counter("xmpp.stanzas.processed", "{stanza}", "Stanzas by kind and way", ("type", "direction"))
STANZA_LATENCY = Histogram(
    "xmpp.stanza.latency", "s", "From the sender's socket to the recipient's", SECONDS, ("type",)
)

# --- gateway --------------------------------------------------------------------------------------------------------
LIMITS_HIT = Counter("natter.gateway.limits", "{hit}", "Limits reached by clients", ("limit",))
AUTHENTICATIONS = Counter("natter.gateway.authentications", "{attempt}", "SASL exchanges by outcome", ("outcome",))
LOGINS_WAITING = Gauge("natter.gateway.logins.waiting", "{login}", "Logins that wait for their turn")
SETUP_PACE = Gauge("natter.gateway.setup.pace", "{turn}", "Turns per second for setting up connections")
SESSIONS = Gauge("natter.gateway.sessions", "{session}", "Bound sessions")
SESSIONS_RESUMED = Counter("natter.gateway.resumed", "{session}", "Sessions that went on with another connection")
SESSIONS_TAKEN_OVER = Counter("natter.gateway.takenover", "{session}", "Sessions taken over from another gateway")
RETURNED = Counter("natter.gateway.returned", "{frame}", "Deliveries handed back because the session had left")
DROPPED = Counter("natter.gateway.dropped", "{frame}", "Deliveries dropped because the session had left", ("type",))
REPEATED = Counter("natter.gateway.repeated", "{frame}", "Deliveries that were repeated, recognised and left out")
INACTIVE = Counter("natter.gateway.inactive", "{stanza}", "Stanzas for inactive clients (XEP-0352), by end", ("end",))
OUTBOX_BYTES = Gauge(
    "natter.gateway.outbox", "By", "Given to sessions and not written, or not acknowledged (XEP-0198)", ("state",)
)
STREAM_ERRORS = Counter("natter.gateway.stream.errors", "{stream}", "Streams closed with an error", ("condition",))

# --- router ---------------------------------------------------------------------------------------------------------
ROUTED = Counter("natter.router.routed", "{frame}", "Frames by outcome", ("outcome",))

# --- presence -------------------------------------------------------------------------------------------------------
PRESENCE_FRAMES = Counter("natter.presence.frames", "{frame}", "Stanzas worked on in user shards", ("type",))
PRESENCE_LIMITS = Counter("natter.presence.limits", "{hit}", "Limits of rosters and presence reached", ("limit",))
PRESENCE_GHOSTS = Counter("natter.presence.ghosts", "{session}", "Sessions of dead gateways removed")
PRESENCE_ORPHANS = Counter("natter.presence.orphans", "{frame}", "Deliveries of dead gateways handed back")

# --- muc ------------------------------------------------------------------------------------------------------------
MUC_DECIDED = Counter("natter.muc.decided", "{event}", "Events of rooms by kind", ("event",))
MUC_REFUSED = Counter("natter.muc.refused", "{stanza}", "Stanzas that rooms answered with an error")
MUC_DELIVERED = Counter("natter.muc.delivered", "{stanza}", "Stanzas sent to occupants and others, one per target")
MUC_REPEATED = Counter("natter.muc.repeated", "{stanza}", "Stanzas sent again because a shard was opened")
MUC_VANISHED = Counter("natter.muc.vanished", "{occupant}", "Occupants removed because their session was gone")
MUC_FENCED = Counter("natter.muc.fenced", "{turn}", "Turns given up because another holder had written")
MUC_ROOMS = Gauge("natter.muc.rooms", "{room}", "Rooms in memory", ("shard",))
MUC_TURN = Histogram("natter.muc.turn", "s", "From the first input of a turn to its last output", SECONDS)

# --- archive --------------------------------------------------------------------------------------------------------
ARCHIVED = Counter("natter.archive.rows", "{row}", "Messages written into archives")
ARCHIVE_LAG = Histogram(
    "natter.archive.lag", "s", "From the acceptance of a batch's oldest message until the database has it", SECONDS
)
ARCHIVE_RETRIES = Counter("natter.archive.retries", "{batch}", "Batches repeated because the database did not answer")
ERASED = Counter("natter.archive.erased", "{row}", "Messages erased with the account that they belonged to")
FORGOTTEN = Counter("natter.archive.forgotten", "{row}", "Messages forgotten because of their age or number")
WAITING = Counter("natter.archive.waiting", "{message}", "Messages that waited for their recipient", ("what",))

# --- bus ------------------------------------------------------------------------------------------------------------
POISON = Counter("natter.bus.poison", "{entry}", "Entries that no handler could take, parked", ("stream",))
TRIMMED = Counter("natter.bus.trimmed", "{purge}", "Logs cut before their age: they were filling up", ("stream",))
PUBLISH_RETRIES = Counter("natter.bus.publish.retries", "{publish}", "Publishes repeated with the same id")
STREAM_FULL = Counter(
    "natter.bus.publish.full", "{publish}", "Publishes refused by a full js_stream, tried again later"
)
LEASES_HELD = Gauge("natter.bus.leases", "{lease}", "Shards held by this instance", ("kind",))
LEASE_CHANGES = Counter("natter.bus.lease.changes", "{lease}", "Shards taken, given back, lost", ("kind", "change"))
BACKLOG = Gauge("natter.bus.backlog", "{entry}", "Entries of a lane or shard not yet worked on", ("kind", "shard"))
BATCH_FRAMES = Histogram("natter.bus.batch.frames", "{frame}", "Frames of one publish", FRAMES, ("log",))
CONSUMERS_REPLACED = Counter(
    "natter.bus.consumers.replaced",
    "{consumer}",
    "js_consumers made anew: what was on its way comes again",
    ("reason",),
)

# --- metrics --------------------------------------------------------------------------------------------------------
ROWS_WRITTEN = Counter("natter.analytics.rows", "{row}", "Rows written to ClickHouse")
BATCHES_LOST = Counter("natter.analytics.lost", "{batch}", "Batches of rows that aged out before they were written")
ROWS_WAITING = Gauge("natter.analytics.waiting", "{batch}", "Batches of rows on the bus that ClickHouse has not taken")
INSERT_RETRIES = Counter("natter.analytics.retries", "{insert}", "Inserts repeated because ClickHouse did not answer")
INSERT_SECONDS = Histogram("natter.analytics.insert", "s", "Time of one insert into ClickHouse", SECONDS)
POD_COST_FAILURES = Counter("natter.scaling.failures", "{write}", "Pod costs that Kubernetes did not take")
FACTS_DROPPED = Counter("natter.facts.dropped", "{row}", "Rows given up because the bus was away too long")

# --- accounts -------------------------------------------------------------------------------------------------------
ACCOUNT_REQUESTS = Counter("natter.accounts.requests", "{request}", "Account requests by outcome", ("verb", "outcome"))
KEYS_WAITING = Gauge("natter.accounts.keys.waiting", "{derivation}", "Passwords waiting to become SCRAM keys")

# --- any process ----------------------------------------------------------------------------------------------------
LOOP_LAG = Histogram("natter.process.loop.lag", "s", "How much later than asked the event loop came back", SECONDS)
PROCESS_CPU = Counter("natter.process.cpu", "s", "CPU time used")
PROCESS_MEMORY = Gauge("natter.process.memory", "By", "Resident memory")

# --- telemetry itself -----------------------------------------------------------------------------------------------
SPANS = Counter("natter.telemetry.spans", "{span}", "Spans made", ("span",))
ATTRIBUTES_REFUSED = Counter("natter.telemetry.refused", "{attribute}", "Span attributes that nobody declared")
EXPORTS_FAILED = Counter("natter.telemetry.exports.failed", "{export}", "Metric exports the collector did not take")

METRICS: tuple[Instrument, ...] = tuple(v for v in globals().values() if isinstance(v, Counter | Gauge | Histogram))

# --- spans ----------------------------------------------------------------------------------------------------------
SPAN_CONNECTION = "xmpp.connection.lifecycle"  # {jid, client_ip, transport}
SPAN_STANZA = "xmpp.stanza.process"  # {stanza_type, from, to}, one per hop
SPAN_ACKNOWLEDGED = "xmpp.stanza.acknowledged"  # {to}
SPAN_MUC = "xmpp.muc.message"  # {room_jid, from, message_id}

SPANS_DECLARED = {
    SPAN_CONNECTION: "One client connection, from accept to close; stanza spans link to it",
    SPAN_STANZA: "One stanza in one process: gateway in, router, presence, archive, gateway out",
    SPAN_ACKNOWLEDGED: "From the write of a stanza until the client's acknowledgement (XEP-0198)",
    SPAN_MUC: "One message in a room, from the shard's entry to its broadcast",
}

# Everything a span may carry. Nothing else leaves the process: a body has no attribute to leave by.
ATTRIBUTES = {
    "jid": "The connection's full JID, as telemetry.identifiers lets it be seen",
    "client_ip": "The client's address, likewise",
    "transport": "tcp, tls, websocket or bosh",
    "stanza_type": "message, presence or iq, and its type: message.chat",
    "from": "The sender, as telemetry.identifiers lets it be seen",
    "to": "The recipient, likewise",
    "room_jid": "The room, likewise",
    "message_id": "The stanza's id",
    "direction": "in (client to server) or out",
    "outcome": "What became of it: accepted, delivered, returned (not delivered), stored, bounced, dropped:<reason>",
    "recipients": "How many sessions it was sent to",
    "bytes": "Size of the stanza",
    "messaging.system": "nats",
    "messaging.operation.type": "send, receive or process",
    "messaging.destination.template": "The subject without its variable parts: natter.lane.*",
    "messaging.batch.message_count": "Frames of the envelope",
}
IDENTIFIERS = frozenset({"jid", "from", "to", "room_jid"})
ADDRESSES = frozenset({"client_ip"})

# --- log events -----------------------------------------------------------------------------------------------------
# The fixed text of a log line; what varies goes into `extra`, never a JID with content, never a body.
LOG_INSERT_FAILED = "clickhouse does not take rows, trying again"
LOG_INSERT_WORKS = "clickhouse takes rows again"
LOG_ROWS_LOST = "rows aged out before they were written"
LOG_POD_COST_FAILED = "kubernetes does not take a pod's cost"
LOG_EXPORT_FAILED = "the collector does not take metrics"
LOG_ARCHIVE_FAILED = "the archive's database does not answer, trying again"
LOG_ARCHIVE_WORKS = "the archive's database answers again"

LOGS = {
    LOG_INSERT_FAILED: "metrics: an insert failed; rows wait on the bus (bounded by its age and size), chat goes on",
    LOG_INSERT_WORKS: "metrics: the first insert that succeeded after failures",
    LOG_ROWS_LOST: "metrics: the bus forgot rows because ClickHouse was away longer than it keeps them",
    LOG_ARCHIVE_FAILED: "archive: messages wait on the bus (bounded by its age and size), chat goes on",
    LOG_ARCHIVE_WORKS: "archive: the first batch that was written after failures",
    LOG_POD_COST_FAILED: "metrics: a write failed, and is tried again; the wrong gateway may go when scaled down",
    LOG_EXPORT_FAILED: "any: telemetry.otlp_endpoint is set and does not answer; said once until it does",
}
