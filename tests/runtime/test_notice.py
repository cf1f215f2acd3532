"""The notice of a ready process."""

from __future__ import annotations

from pathlib import Path

from natter.runtime import notice
from natter.runtime.notice import Notice


def test_what_is_written_is_read(tmp_path: Path) -> None:
    told = Notice("gateway", "gateway-1", 42, {"ops": "127.0.0.1:1"})
    notice.write(tmp_path / "n.json", told)
    assert notice.read(tmp_path / "n.json") == told
    assert [p.name for p in tmp_path.iterdir()] == ["n.json"]


def test_nothing_and_rubbish_are_no_notice(tmp_path: Path) -> None:
    path = tmp_path / "n.json"
    assert notice.read(path) is None
    for rubbish in (
        b"",
        b"{",
        b"[]",
        b'{"service": "x"}',
        b'{"service":1,"instance":2,"pid":"x","endpoints":{}}',
        b"\xff",
    ):
        path.write_bytes(rubbish)
        assert notice.read(path) is None


def test_a_document_may_be_for_the_owner_only(tmp_path: Path) -> None:
    notice.write_atomically(tmp_path / "secret.json", {"a": 1}, mode=0o600)
    assert (tmp_path / "secret.json").stat().st_mode & 0o777 == 0o600
