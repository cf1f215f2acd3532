"""A large archive: how soon its owner has a page of it, on both databases; as its client sees it."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from clients import Client, connect
from servers import Natter
from work import PASSWORD, register

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))
from postgres import Postgres, binaries

OWNER = "chat0@localhost"
PEERS = 100
ROUNDS = 200
PAGE = 50
# Where in the archive a page is asked for that is neither the first nor the last.
MIDDLE = 1 / 3
FIRST_US = 1_700_000_000_000_000
RESULT = "</forwarded></result></message>"

STANZA = (
    "<message from='peer{peer}@localhost/phone' to='chat0@localhost' type='chat' id='m{n}'><body>message number {n} of "
    "somebody who has been here for years</body><origin-id xmlns='urn:xmpp:sid:0' id='m{n}'/></message>"
)
COLUMNS = "INSERT INTO messages (position, owner, id, peer, resource, time_us, stanza) "


def sqlite(path: Path, many: int) -> None:
    """Fill the tables that a running natter has made."""
    stanza = "'" + STANZA.replace("'", "''").replace("{peer}", f"' || (n % {PEERS}) || '").replace("{n}", "' || n || '")
    with closing(sqlite3.connect(path, timeout=60)) as rows, rows:
        rows.execute(
            f"WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < {many}) {COLUMNS}"
            f"SELECT n, '{OWNER}', 'id-' || n, 'peer' || (n % {PEERS}) || '@localhost', 'phone', "
            f"{FIRST_US} + n * 1000000, CAST({stanza}' AS BLOB) FROM count"
        )


def postgresql(url: str, many: int) -> None:
    """Likewise."""
    stanza = "'" + STANZA.replace("'", "''").replace("{peer}", f"' || (n % {PEERS}) || '").replace("{n}", "' || n || '")
    folder = binaries()
    assert folder is not None
    for statement in (
        f"{COLUMNS} SELECT n, '{OWNER}', 'id-' || n, 'peer' || (n % {PEERS}) || '@localhost', 'phone', "
        f"{FIRST_US} + n * 1000000::bigint, convert_to({stanza}', 'UTF8') FROM generate_series(1, {many}) AS n",
        "VACUUM ANALYZE messages",
    ):
        done = subprocess.run(
            [str(folder / "psql"), url, "-qc", statement], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def questions(many: int) -> dict[str, tuple[str, int]]:
    """What is asked: the filter and page of each question, and how many messages answer it."""
    form = (
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>"
        "<field var='{}'><value>{}</value></field></x>"
    )
    rsm = f"<set xmlns='http://jabber.org/protocol/rsm'><max>{PAGE}</max>{{}}</set>"
    return {
        "the last page": (rsm.format("<before/>"), PAGE),
        "the first page": (rsm.format(""), PAGE),
        "a page before an id in the middle": (rsm.format(f"<before>id-{int(many * MIDDLE)}</before>"), PAGE),
        "the last page with one contact": (
            form.format("with", "peer7@localhost") + rsm.format("<before/>"),
            min(PAGE, many // PEERS),
        ),
        "a page since a time in the middle": (
            form.format("start", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(FIRST_US / 1e6 + many * MIDDLE)))
            + rsm.format(""),
            PAGE,
        ),
    }


async def asked(person: Client, inside: str, count: int) -> list[float]:
    """Seconds until everything was there, of each round."""
    took = []
    for n in range(ROUNDS):
        began = time.perf_counter()
        answer = await person.ask(
            f"<iq type='set' id='h{n}'><query xmlns='urn:xmpp:mam:2'>{inside}</query></iq>",
            rf".*<iq [^>]*id=.h{n}.*?</iq>",
        )
        took.append(time.perf_counter() - began)
        assert answer.count(RESULT) == count and "<fin" in answer, answer[-500:]
    return sorted(took)


async def measure(natter: Natter, fill: Callable[[], None], many: int) -> None:
    """Print p50 and p99 of each question."""
    host, port = natter.start()
    try:
        await register(host, port, ["chat0"])
        began = time.perf_counter()
        await asyncio.to_thread(fill)
        print(f"  {many:,} rows written in {time.perf_counter() - began:.0f} s", flush=True)
        person = await (await connect(host, port)).login("chat0", PASSWORD)
        for what, (inside, count) in questions(many).items():
            took = await asked(person, inside, count)
            p50, p99 = (1000 * took[int(len(took) * part)] for part in (0.5, 0.99))
            print(f"  {what}, {count} messages: p50 {p50:.1f} ms, p99 {p99:.1f} ms", flush=True)
    finally:
        natter.stop()


async def both(folder: Path, many: int) -> None:
    """SQLite, and PostgreSQL where there is one."""
    print("SQLite …", flush=True)
    lite = Natter(folder / "sqlite", keeps=True)
    await measure(lite, lambda: sqlite(lite.stack.data / "archive" / "archive.db", many), many)
    if binaries() is None:
        print("PostgreSQL is not installed")
        return
    print("PostgreSQL …", flush=True)
    server = Postgres()
    try:
        server.make()
        server.start()
        url = server.database()
        await measure(
            Natter(folder / "postgresql", "--set", f"archive.url={url}", keeps=True),
            lambda: postgresql(url, many),
            many,
        )
    finally:
        server.remove()
