"""Migrations: numbered without a gap, split into statements, applied once."""

from __future__ import annotations

from pathlib import Path

from natter.storage.clickhouse import DATABASE, Place, client_of
from natter.storage.migrations import migrate, migrations, statements


def test_numbers_have_no_gap() -> None:
    assert [number for number, _, _ in migrations()] == list(range(1, len(migrations()) + 1))


def test_statements() -> None:
    sql = "-- a; b\nSELECT 1;\n\n-- only words\nSELECT\n  ';x' ;\n-- end\n"
    assert list(statements(sql)) == ["-- a; b\nSELECT 1", "-- only words\nSELECT\n  ';x'"]


def test_no_table_has_room_for_a_body_or_a_jid() -> None:
    text = "\n".join(sql for _, _, sql in migrations())
    columns = {line.split()[0] for line in text.splitlines() if line.startswith("    ") and line.split()}
    assert not columns & {"body", "subject", "stanza", "jid", "from", "to", "sender", "room", "resource", "nickname"}


def test_applied_once(tmp_path: Path) -> None:
    client = client_of(Place(data=tmp_path))
    try:
        client.command(f"CREATE DATABASE {DATABASE}")
        client.database = DATABASE
        names = [name for _, name, _ in migrations()]
        assert migrate(client) == names
        assert migrate(client) == []
        client.command("TRUNCATE TABLE migrations")
        assert migrate(client) == names
    finally:
        client.close()
