"""All declared metrics as Prometheus reads them: text exposition format 0.0.4.

Names become what an OpenTelemetry collector would make of them: dots to underscores, the unit behind the name, `_total`
behind a counter's: xmpp.stanzas.processed → xmpp_stanzas_processed_total, xmpp.stanza.latency →
xmpp_stanza_latency_seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .instruments import Counter, Histogram, Instrument, Labels
from .names import METRICS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Unit as declared → what stands behind the name. A unit in braces, "{stanza}", is a word for people.
SUFFIXES = {"s": "_seconds", "By": "_bytes", "1": "_ratio"}


def render(instruments: Iterable[Instrument] = METRICS) -> str:
    """Every instrument with its help, type and values."""
    return "".join(f"{line}\n" for instrument in instruments for line in lines(instrument))


def name_of(instrument: Instrument) -> str:
    """The Prometheus name."""
    name = instrument.name.replace(".", "_") + SUFFIXES.get(instrument.unit, "")
    return f"{name}_total" if isinstance(instrument, Counter) else name


def lines(instrument: Instrument) -> Iterator[str]:
    """One instrument, line by line."""
    name = name_of(instrument)
    kind = type(instrument).__name__.lower()
    yield f"# HELP {name} {escape_help(instrument.help)}"
    yield f"# TYPE {name} {kind}"
    if isinstance(instrument, Histogram):
        yield from histogram_lines(name, instrument)
        return
    # One without labels says 0 from the start, so that a rate over it is never absent.
    values = dict(instrument.values) or ({} if instrument.labels else {(): 0.0})
    for labels, value in values.items():
        yield f"{name}{label_set(instrument.labels, labels)} {number(value)}"


def histogram_lines(name: str, histogram: Histogram) -> Iterator[str]:
    """Cumulative buckets, then sum and count, for each combination of labels."""
    names = (*histogram.labels, "le")
    for labels, row in dict(histogram.counts).items():
        total = 0
        for bound, count in zip((*histogram.bounds, float("inf")), tuple(row), strict=True):
            total += count
            yield f"{name}_bucket{label_set(names, (*labels, number(bound)))} {total}"
        yield f"{name}_sum{label_set(histogram.labels, labels)} {number(histogram.sums[labels])}"
        yield f"{name}_count{label_set(histogram.labels, labels)} {total}"


def label_set(names: Sequence[str], values: Labels) -> str:
    """`{type="chat",direction="in"}`, or nothing."""
    pairs = ",".join(f'{n.replace(".", "_")}="{escape_label(v)}"' for n, v in zip(names, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""


def escape_label(text: str) -> str:
    """Backslash, double quote and line feed are escaped in label values."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def escape_help(text: str) -> str:
    """Backslash and line feed are escaped in help texts."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def number(value: float) -> str:
    """Shortest text that reads back as `value`; whole numbers without a point."""
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(value)
