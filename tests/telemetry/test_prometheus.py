"""The text format: names, labels, buckets, escaping."""

from __future__ import annotations

import re

from natter.telemetry import names
from natter.telemetry.instruments import Counter, Gauge, Histogram
from natter.telemetry.prometheus import name_of, render

# One sample line of text format 0.0.4.
SAMPLE = re.compile(r'[a-z_][a-z0-9_]*(\{([a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})? (?:[0-9.e+-]+|\+Inf|-?[0-9]+)')


def test_names() -> None:
    assert name_of(names.STANZAS_PROCESSED) == "xmpp_stanzas_processed_total"
    assert name_of(names.STANZA_LATENCY) == "xmpp_stanza_latency_seconds"
    assert name_of(names.CONNECTIONS_ACTIVE) == "xmpp_connections_active"
    assert name_of(Gauge("natter.disk.free", "By", "")) == "natter_disk_free_bytes"
    assert name_of(Counter("natter.io", "By", "")) == "natter_io_bytes_total"
    assert len({name_of(m) for m in names.METRICS}) == len(names.METRICS)


def test_counter_and_gauge() -> None:
    counter, gauge = Counter("natter.a", "{x}", "How many", ("type",)), Gauge("natter.b", "{x}", "Now")
    counter.add("chat", by=2)
    gauge.set(1.5)
    assert render([counter, gauge]) == (
        "# HELP natter_a_total How many\n# TYPE natter_a_total counter\n"
        'natter_a_total{type="chat"} 2\n'
        "# HELP natter_b Now\n# TYPE natter_b gauge\nnatter_b 1.5\n"
    )


def test_histogram_buckets_are_cumulative() -> None:
    histogram = Histogram("natter.c", "s", "Time", (0.5, 1.0), ("type",))
    for value in (0.1, 0.7, 3.0):
        histogram.record(value, "iq")
    assert render([histogram]).splitlines()[2:] == [
        'natter_c_seconds_bucket{type="iq",le="0.5"} 1',
        'natter_c_seconds_bucket{type="iq",le="1"} 2',
        'natter_c_seconds_bucket{type="iq",le="+Inf"} 3',
        'natter_c_seconds_sum{type="iq"} 3.8',
        'natter_c_seconds_count{type="iq"} 3',
    ]


def test_a_counter_without_labels_says_zero_and_one_with_labels_nothing() -> None:
    assert render([Counter("a", "{x}", "h")]).splitlines()[2:] == ["a_total 0"]
    assert render([Counter("a", "{x}", "h", ("t",))]).splitlines()[2:] == []


def test_escaping() -> None:
    counter = Counter("a", "{x}", "back\\slash\nline", ("t",))
    counter.add('q"u\\o\nte')
    text = render([counter])
    assert "# HELP a_total back\\\\slash\\nline\n" in text
    assert 'a_total{t="q\\"u\\\\o\\nte"} 1\n' in text


def test_everything_declared_is_there_and_well_formed() -> None:
    names.STANZAS_PROCESSED.add("chat", "in")
    names.STANZA_LATENCY.record(0.003, "chat")
    lines = render().splitlines()
    for metric in names.METRICS:
        assert any(line.startswith(f"# TYPE {name_of(metric)} ") for line in lines)
    for line in lines:
        assert line.startswith("# ") or SAMPLE.fullmatch(line), line
