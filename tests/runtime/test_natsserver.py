"""The embedded nats-server's files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from natter.runtime import natsserver, spine
from natter.runtime.addresses import Address
from natter.runtime.sections import BusSection

STREAMS = spine.specs(BusSection(), "full")


def test_the_password_is_new_and_only_the_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "nats"
    one, path = natsserver.prepare(folder, Address("127.0.0.1", 4000), tmp_path / "log")
    two, _ = natsserver.prepare(folder, Address("127.0.0.1", 4000), tmp_path / "log")
    assert one.password != two.password and len(two.password.get_secret_value()) >= 32
    assert two.password.get_secret_value() in path.read_text()
    assert {p.name: p.stat().st_mode & 0o777 for p in folder.iterdir()} == {
        "nats-server.conf": 0o600,
        "credentials.json": 0o600,
    }
    assert natsserver.read_credentials(folder) == two


def test_the_configuration_is_what_nats_server_understands(tmp_path: Path) -> None:
    folder = tmp_path / 'with "quotes" and spaces'
    _, path = natsserver.prepare(folder, Address("127.0.0.1", 4000), tmp_path / "log")
    done = subprocess.run(
        [natsserver.program(), "-t", "-c", path], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_store_takes_every_stream_and_listens_on_loopback_only(tmp_path: Path) -> None:
    text = natsserver.configuration(tmp_path, Address("127.0.0.1", 4000), "x", tmp_path / "log")
    limit = re.search(r"max_file_store: (\d+)", text)
    assert limit and int(limit[1]) > sum(s.bytes_max for s in STREAMS if not s.in_memory)
    assert 'listen: "127.0.0.1:4000"' in text


def test_no_credentials_where_nothing_runs(tmp_path: Path) -> None:
    assert natsserver.read_credentials(tmp_path) is None
    (tmp_path / "credentials.json").write_text("{}")
    assert natsserver.read_credentials(tmp_path) is None


def test_nats_server_gets_a_fourth_of_the_cores() -> None:
    found = [natsserver.environment(cores)["GOMAXPROCS"] for cores in (1, 2, 4, 7, 8, 64)]
    assert found == ["1", "1", "1", "1", "2", "16"]
