-- What remains for 13 months: sums per minute. Users are a sketch of pseudonyms, by which small groups are suppressed;
-- pseudonyms of different epochs are never counted together.
CREATE TABLE IF NOT EXISTS stanza_minutes
(
    minute DateTime('UTC'),
    kind Enum8('unknown' = 0, 'message' = 1, 'presence' = 2, 'iq' = 3),
    type LowCardinality(String),
    direction Enum8('in' = 0, 'out' = 1),
    domain LowCardinality(String),
    transport LowCardinality(String),
    outcome LowCardinality(String),
    key_epoch UInt32,
    stanzas SimpleAggregateFunction(sum, UInt64),
    bytes SimpleAggregateFunction(sum, UInt64),
    users AggregateFunction(uniqCombined64(12), UInt64),
    latency_us AggregateFunction(quantilesTDigestIf(0.5, 0.95, 0.99), UInt32, UInt8)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (kind, type, direction, outcome, domain, transport, key_epoch, minute)
TTL minute + INTERVAL 13 MONTH DELETE
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000;

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
    toUInt64(count()) AS stanzas,
    sum(toUInt64(stanza_events.bytes)) AS bytes,
    uniqCombined64State(12)(from_hash) AS users,
    quantilesTDigestIfState(0.5, 0.95, 0.99)(stanza_events.latency_us, stanza_events.latency_us > 0) AS latency_us
FROM stanza_events
GROUP BY minute, kind, type, direction, domain, transport, outcome, key_epoch;
