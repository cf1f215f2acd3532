"""The SQL tables of what is kept for users: archives, what waits for somebody, wishes, how far each shard has got."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()

# SQLite keeps a table in the order of an INTEGER; of any other key it makes a second tree.
_PLACE = BigInteger().with_variant(Integer, "sqlite")

# One message in one archive. `position` orders it and is unique over all archives: the entry of the archive's log
# << 16, and the place in it. `peer` is the bare JID of the other side, `resource` what stood behind it.
messages = Table(
    "messages",
    metadata,
    Column("position", _PLACE, primary_key=True, autoincrement=False),
    Column("owner", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("peer", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("stanza", LargeBinary, nullable=False),
    # Words to be searched for; NULL where nobody may search.
    Column("body", Text),
    # When the row was written; NULL: before this was noted, or by who put the table right.
    Column("written_us", BigInteger),
    Index("messages_by_owner", "owner", "position"),
    Index("messages_by_id", "owner", "id", unique=True),
    Index("messages_by_peer", "owner", "peer", "position"),
    Index("messages_by_time", "owner", "time_us"),
)

# What waits for a user without a session. `handed`: the name of the batch in which it is being handed over, "" before.
waiting = Table(
    "waiting",
    metadata,
    Column("position", _PLACE, primary_key=True, autoincrement=False),
    Column("owner", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("handed", Text, nullable=False),
    Column("frame", LargeBinary, nullable=False),
    Index("waiting_by_owner", "owner", "position"),
    Index("waiting_by_id", "owner", "id", unique=True),
)

# How far a shard of the log has been worked off: its sequence, in the transaction that writes its rows.
positions = Table(
    "positions",
    metadata,
    Column("shard", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)

# The highest cause that a shard has seen from each source of its log: what is not above it was seen before.
marks = Table(
    "marks",
    metadata,
    Column("shard", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("place", BigInteger, nullable=False),
)

# XEP-0441 §2: what a user wants archived; lists of JIDs as JSON.
preferences = Table(
    "preferences",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("always", Text, nullable=False),
    Column("never", Text, nullable=False),
)
