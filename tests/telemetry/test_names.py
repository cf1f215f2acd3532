"""The declarations themselves: unique, well-formed, complete."""

from __future__ import annotations

import re

from natter.telemetry import names
from natter.telemetry.instruments import Histogram


def test_metrics_are_named_once_and_explained() -> None:
    found = [m.name for m in names.METRICS]
    assert len(set(found)) == len(found)
    for metric in names.METRICS:
        assert re.fullmatch(r"(xmpp|natter)(\.[a-z]+)+", metric.name) and metric.help and metric.unit


def test_the_contract() -> None:
    assert names.CONNECTIONS_ACTIVE.name == "xmpp.connections.active" and names.CONNECTIONS_ACTIVE.labels == (
        "transport",
    )
    assert names.STANZAS_PROCESSED.name == "xmpp.stanzas.processed"
    assert names.STANZAS_PROCESSED.labels == ("type", "direction")
    assert names.STANZA_LATENCY.name == "xmpp.stanza.latency" and names.STANZA_LATENCY.unit == "s"
    assert names.STANZA_LATENCY.bounds[0] == 0.0005 and names.STANZA_LATENCY.bounds[-1] == 10.0


def test_no_label_names_a_user_or_room() -> None:
    labels = {label for metric in names.METRICS for label in metric.labels}
    assert not labels & {"jid", "from", "to", "room", "user", "node", "address"}


def test_bounds_rise() -> None:
    for metric in names.METRICS:
        if isinstance(metric, Histogram):
            assert list(metric.bounds) == sorted(set(metric.bounds))


def test_spans_and_attributes_have_a_sentence() -> None:
    spans = {v for k, v in vars(names).items() if k.startswith("SPAN_")}
    assert spans == set(names.SPANS_DECLARED)
    events = {v for k, v in vars(names).items() if k.startswith("LOG_")}
    assert events == set(names.LOGS)
    assert set(names.ATTRIBUTES) >= names.IDENTIFIERS | names.ADDRESSES
    assert not {"body", "subject", "password", "stanza"} & set(names.ATTRIBUTES)
