-- One row per stanza event: metadata only. No body, no JID.
-- Low cardinality first: rows that are asked for together lie together. (instance, sequence) last makes a row written
-- twice the same row.
CREATE TABLE IF NOT EXISTS stanza_events
(
    time DateTime64(6, 'UTC') CODEC(DoubleDelta, LZ4),
    kind Enum8('unknown' = 0, 'message' = 1, 'presence' = 2, 'iq' = 3),
    type LowCardinality(String),
    direction Enum8('in' = 0, 'out' = 1),
    domain LowCardinality(String),
    transport LowCardinality(String),
    outcome LowCardinality(String),
    from_hash UInt64,
    to_hash UInt64,
    room_hash UInt64,
    bytes UInt32,
    latency_us UInt32,
    instance LowCardinality(String),
    trace_id String,
    key_epoch UInt32,
    sequence UInt64
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(time)
ORDER BY (kind, type, direction, outcome, domain, transport, time, instance, sequence)
TTL toDateTime(time) + INTERVAL 14 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000;
