"""Numbered SQL migrations, each once, in order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

NAME = re.compile(r"(\d{4})_\w+\.sql")
TABLE = """
CREATE TABLE IF NOT EXISTS migrations (number UInt32, name String, time DateTime('UTC') DEFAULT now())
ENGINE = ReplacingMergeTree ORDER BY number
"""
# Not `client.insert`: its first call loads for seconds what nothing else here needs.
DONE = "INSERT INTO migrations (number, name) VALUES ({number:UInt32}, {name:String})"


def migrations() -> list[tuple[int, str, str]]:
    """(number, name, SQL) of every migration, in order."""
    found = []
    for file in files(f"{__package__}.sql").iterdir():
        if match := NAME.fullmatch(file.name):
            found.append((int(match[1]), file.name, file.read_text()))
    return sorted(found)


def statements(sql: str) -> Iterator[str]:
    """The statements of a file, each ended by a semicolon at the end of a line."""
    for part in re.split(r";\s*(?:\n|$)", sql):
        if re.sub(r"--[^\n]*", "", part).strip():
            yield part.strip()


def migrate(client: Client) -> list[str]:
    """Apply what is missing; the names. A statement that was applied before a crash is safe to repeat."""
    client.command(TABLE)
    done = {row[0] for row in client.query("SELECT DISTINCT number FROM migrations").result_rows}
    applied = []
    for number, name, sql in migrations():
        if number not in done:
            for statement in statements(sql):
                client.command(statement)
            client.command(DONE, parameters={"number": number, "name": name})
            applied.append(name)
    return applied
