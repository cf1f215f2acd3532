"""The servers under measurement: natter, Prosody and ejabberd, each started on loopback with limits off."""

from __future__ import annotations

import math
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))
from stack import Stack

READY_SECONDS_MAX = 60.0
TICK = os.sysconf("SC_CLK_TCK")

PROSODY = """
daemonize = false
pidfile = "{data}/prosody.pid"
data_path = "{data}"
log = {{ {{ levels = {{ min = "error" }}, to = "console" }} }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ {tls_port} }}
ssl = {{ certificate = "{data}/cert.pem", key = "{data}/key.pem" }}
s2s_ports = {{ }}
http_ports = {{ }}
https_ports = {{ }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_hashed"
allow_registration = true
run_as_root = true
limits = {{ }}
network_backend = "epoll"
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "ping", "register", "register_ibr", "smacks" }}
modules_disabled = {{ "s2s" }}
VirtualHost "localhost"
Component "conference.localhost" "muc"
    restrict_room_creation = false
"""

EJABBERD = """
loglevel: error
hosts: [localhost]
certfiles: ["{data}/cert.pem", "{data}/key.pem"]
auth_method: internal
auth_password_format: scram
listen:
  - port: {port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    shaper: none
    access: c2s
  - port: {tls_port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    tls: true
    max_stanza_size: 262144
    shaper: none
    access: c2s
acl: {{local: {{user_regexp: ""}}}}
access_rules: {{c2s: {{allow: all}}, register: {{allow: all}}, muc_create: {{allow: all}}, trusted: {{allow: all}}}}
shaper_rules: {{}}
registration_timeout: infinity
modules:
  mod_disco: {{}}
  mod_ping: {{}}
  mod_roster: {{}}
  mod_stream_mgmt: {{}}
  mod_register: {{ip_access: all, access: register}}
  mod_muc: {{access: all, access_create: all, max_users: 5000, history_size: 20}}
"""


# mod_mam for everybody, in SQLite: what natter does by default.
EJABBERD_ARCHIVE = """\
  mod_mam: {{default: always, db_type: sql}}
sql_type: sqlite
sql_database: "{data}/archive.db"
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def certificate(folder: Path) -> None:
    """A self-signed certificate, as natter has: ECDSA P-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def wait_port(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + READY_SECONDS_MAX
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{process.args!r} did not start") from None
            time.sleep(0.1)


def descendants(pid: int) -> list[int]:
    """A process and everything below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += descendants(int(child))
    return found


def cpu_seconds(pids: list[int]) -> float:
    """User and system time that these processes have used, by /proc."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def resident_kib(pids: list[int]) -> int:
    """Resident memory."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                total += int(line.split()[1])
    return total


# The others archive nothing either.
KEEPS_NOTHING = ("--set", "archive.enabled=false", "--set", "archive.offline=false")


def p99(before: dict[float, float], after: dict[float, float]) -> float:
    """Of what a histogram has counted since: the upper bound of the bucket."""
    since = {bound: count - before.get(bound, 0.0) for bound, count in after.items()}
    return next((bound for bound, count in since.items() if count >= 0.99 * since[math.inf]), math.inf)


class Natter:
    """natter, durable acceptance on: every js_stream on file."""

    name = "natter"

    def __init__(self, data: Path, *flags: str, keeps: bool = False) -> None:
        keeping = () if keeps else KEEPS_NOTHING
        self.stack = Stack(data, "--allow-plaintext", "--open-registration", "--no-rate-limits", *keeping, *flags)

    def start(self) -> tuple[str, int]:
        self.stack.start()
        return self.stack.endpoint("c2s")

    @property
    def tls_port(self) -> int:
        return self.stack.endpoint("c2s_tls")[1]

    def archived(self) -> int:
        """Rows in the archives."""
        return rows(self.stack.data / "archive" / "archive.db", "messages")

    def lags(self) -> dict[float, float]:
        """From the acceptance of a batch's oldest message until the database had it: how many took at most so long."""
        [address] = [a for i, a in self.stack.run_json()["endpoints"]["ops"].items() if i.startswith("archive")]
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        buckets = [line for line in lines if line.startswith("natter_archive_lag_seconds_bucket")]
        return {float(line.partition('le="')[2].partition('"')[0]): float(line.rpartition(" ")[2]) for line in buckets}

    def pids(self) -> list[int]:
        return self.stack.all_pids()

    def stop(self) -> None:
        self.stack.stop()


class Process:
    """A peer as one process group."""

    def __init__(self, name: str, data: Path, *, keeps: bool = False) -> None:
        self.name = name
        self.keeps = keeps
        self.data = data
        self.process: subprocess.Popen[bytes] | None = None
        self.tls_port = free_port()

    def start(self) -> tuple[str, int]:
        self.data.mkdir(parents=True)
        port = free_port()
        certificate(self.data)
        environment = dict(os.environ)
        if self.name == "Prosody":
            config = self.data / "prosody.cfg.lua"
            config.write_text(PROSODY.format(data=self.data, port=port, tls_port=self.tls_port))
            command = ["prosody", "--config", str(config), "-F"]
        else:
            command, environment = self.ejabberd(port, environment)
        self.process = subprocess.Popen(
            command,
            env=environment,
            cwd=self.data,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_port(port, self.process)
        return "127.0.0.1", port

    def ejabberd(self, port: int, environment: dict[str, str]) -> tuple[list[str], dict[str, str]]:
        """ejabberd without its control script, which wants a user and a system of its own."""
        config = self.data / "ejabberd.yml"
        text = EJABBERD + (EJABBERD_ARCHIVE if self.keeps else "")
        config.write_text(text.format(data=self.data, port=port, tls_port=self.tls_port))
        environment |= {
            "EJABBERD_CONFIG_PATH": str(config),
            "EJABBERD_LOG_PATH": str(self.data / "ejabberd.log"),
            "HOME": str(self.data),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        library = next(Path("/usr/lib").glob("*/ejabberd-*/ebin"))
        command = ["erl", "-noinput", "-pa", str(library), "-mnesia", "dir", f'"{self.data}/mnesia"', "+K", "true"]
        command += ["-s", "ejabberd", "-boot", "start_sasl", "-sasl", "sasl_error_logger", "false"]
        return command, environment

    def archived(self) -> int:
        """Rows in ejabberd's archives."""
        return rows(self.data / "archive.db", "archive")

    def pids(self) -> list[int]:
        assert self.process is not None
        return descendants(self.process.pid)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def rows(database: Path, table: str) -> int:
    """How many there are in a table of SQLite, read beside its writer; ejabberd makes the file when it needs it."""
    if not database.exists():
        return 0
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def archives(data: Path, *flags: str) -> list[Natter | Process]:
    """Those that archive in SQLite."""
    found: list[Natter | Process] = [Natter(data / "natter-archive", *flags, keeps=True)]
    if shutil.which("ejabberdctl") and shutil.which("erl") and list(Path("/usr/lib/erlang/lib").glob("p1_sqlite3-*")):
        found.append(Process("ejabberd", data / "ejabberd-archive", keeps=True))
    else:
        print("not installed: ejabberd or its SQLite (apt-get install ejabberd erlang-p1-sqlite3): no ratio to it")
    return found


def peers(data: Path) -> list[Process]:
    """Those that are installed."""
    found = []
    if shutil.which("prosody"):
        found.append(Process("Prosody", data / "prosody"))
    if shutil.which("ejabberdctl") and shutil.which("erl"):
        found.append(Process("ejabberd", data / "ejabberd"))
    return found
