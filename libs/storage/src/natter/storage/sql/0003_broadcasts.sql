-- A broadcast is one row with all who got it: `others` are the recipients beside `to_hash`, `sequence` that of the first.
-- One row per recipient, as stanzas are counted everywhere, is the view `stanza_rows`.
ALTER TABLE stanza_events ADD COLUMN IF NOT EXISTS others Array(UInt64) AFTER to_hash;

-- A merge costs as much per row as the insert did: fewer and wider ones, and none of what is large already.
ALTER TABLE stanza_events MODIFY SETTING min_parts_to_merge_at_once = 10, max_bytes_to_merge_at_max_space_in_pool = 268435456;

ALTER TABLE stanza_minutes MODIFY SETTING min_parts_to_merge_at_once = 10;

CREATE OR REPLACE VIEW stanza_rows AS
SELECT
    time,
    kind,
    type,
    direction,
    domain,
    transport,
    outcome,
    from_hash,
    recipient AS to_hash,
    room_hash,
    bytes,
    latency_us,
    instance,
    trace_id,
    key_epoch,
    stanza_events.sequence + place - 1 AS sequence
FROM stanza_events FINAL
ARRAY JOIN arrayPushFront(others, to_hash) AS recipient, arrayEnumerate(arrayPushFront(others, to_hash)) AS place;

-- Latency is measured once per write, whoever reads it: as the gateway's histogram does.
DROP VIEW IF EXISTS stanza_minutes_writer;

CREATE MATERIALIZED VIEW IF NOT EXISTS stanza_minutes_writer TO stanza_minutes AS
SELECT
    toStartOfMinute(toDateTime(time, 'UTC')) AS minute,
    kind,
    type,
    direction,
    domain,
    transport,
    outcome,
    key_epoch,
    sum(toUInt64(1 + length(others))) AS stanzas,
    sum(stanza_events.bytes * toUInt64(1 + length(others))) AS bytes,
    uniqCombined64State(12)(from_hash) AS users,
    quantilesTDigestIfState(0.5, 0.95, 0.99)(stanza_events.latency_us, stanza_events.latency_us > 0) AS latency_us
FROM stanza_events
GROUP BY minute, kind, type, direction, domain, transport, outcome, key_epoch;
