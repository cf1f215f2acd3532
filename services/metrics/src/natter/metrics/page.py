"""The overview page as HTML: numbers in tables, readable without Grafana, in light and dark, without a script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import timedelta
from html import escape

from natter.storage.aggregates import USERS_MIN, Group

from .overview import Overview

REFRESH_SECONDS = 10
MINUTES_SHOWN = 15

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #888; --bar: #3b82f6; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); }
th.n, td.n { text-align: right; } td.wide { width: 50%; }
meter { width: 100%; height: .8rem; } p.soft, td.soft { color: var(--soft); }
.big { font-size: 2rem; font-variant-numeric: tabular-nums; margin-right: 2rem; }
.warn { border-left: 4px solid #d97706; padding-left: .75rem; }
"""
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)


def render(overview: Overview, *, domain: str, failing: bool) -> str:
    """The whole page. `failing`: rows are not being written now."""
    return document(domain, (warning(failing), *headline(overview), *by_kind(overview), *by_minute(overview)))


def unavailable(*, domain: str) -> str:
    """The page while ClickHouse cannot be asked."""
    return document(
        domain, ("<p class=warn>ClickHouse does not answer. Chat is not affected; rows wait on the bus.</p>",)
    )


def document(domain: str, parts: Iterable[str]) -> str:
    """HTML round the parts."""
    title = f"natter · {escape(domain)}"
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f'<meta http-equiv=refresh content="{REFRESH_SECONDS}"><title>{title}</title><style>{STYLE}</style></head>'
        f"<body><h1>{title}</h1>{''.join(parts)}"
        "<p class=soft>Metadata only: no bodies, and pseudonyms in place of JIDs. "
        'The same numbers as <a href="/api/stanzas">JSON</a>.</p></body></html>\n'
    )


def warning(failing: bool) -> str:
    """That the numbers are old, where they are."""
    return "<p class=warn>Rows are not being written now: what you see is old.</p>" if failing else ""


def headline(overview: Overview) -> Iterable[str]:
    """The last whole minute."""
    yield "<h2>Last whole minute</h2><p>"
    for direction, words in (("in", "stanzas from clients"), ("out", "stanzas to clients")):
        yield f"<span class=big>{overview.last_minute(direction):,}</span>{words} &nbsp; "
    yield "</p>"


def by_kind(overview: Overview) -> Iterable[str]:
    """One line per kind, type, direction and outcome."""
    minutes = round((overview.until - overview.since) / timedelta(minutes=1))
    yield f"<h2>Last {minutes} minutes, by kind and outcome</h2>"
    if not overview.groups:
        yield "<p>No stanza yet.</p>"
        return
    heads = ("Kind", "Type", "Way", "Outcome")
    numbers = ("Stanzas", "Bytes", "Users", "p50 ms", "p95 ms", "p99 ms")
    yield "<table><tr>" + "".join(f"<th>{h}</th>" for h in heads) + "".join(f"<th class=n>{h}</th>" for h in numbers)
    yield "</tr>"
    for group in overview.groups:
        yield f"<tr>{''.join(cells(group))}</tr>"
    yield f"</table><p class=soft>Fewer than {USERS_MIN} users are shown as &lt; {USERS_MIN}. Users are estimates.</p>"


def cells(group: Group) -> Iterable[str]:
    """One line's cells."""
    for text in (group.kind, group.type or "-", group.direction, group.outcome):
        yield f"<td>{escape(text)}</td>"
    users = f"&lt; {USERS_MIN}" if group.users is None else f"{group.users:,}"
    for number in (f"{group.stanzas:,}", f"{group.bytes:,}", users):
        yield f"<td class=n>{number}</td>"
    for latency in (group.p50_us, group.p95_us, group.p99_us):
        yield f"<td class=n>{'-' if latency is None else f'{latency / 1000:.1f}'}</td>"


def by_minute(overview: Overview) -> Iterable[str]:
    """The last minutes, newest first, with a bar each."""
    count: dict[str, int] = {}
    for minute in overview.minutes:
        text = minute.minute.strftime("%H:%M")
        if minute.minute >= overview.until - timedelta(minutes=MINUTES_SHOWN):
            count[text] = count.get(text, 0) + minute.stanzas
    shown: Sequence[tuple[str, int]] = sorted(count.items(), reverse=True)
    top = max((n for _, n in shown), default=0)
    yield "<h2>Last minutes (UTC)</h2><table><tr><th>Minute</th><th class=n>Stanzas</th><th></th></tr>"
    for text, number in shown:
        bar = f'<meter min=0 max="{top}" value="{number}">{number}</meter>'
        yield f"<tr><td>{text}</td><td class=n>{number:,}</td><td class=wide>{bar}</td></tr>"
    yield "</table>"
