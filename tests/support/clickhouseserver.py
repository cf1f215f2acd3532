"""ClickHouse's HTTP interface in front of chDB, as a process of its own: a server to its clients, to be killed.

The statements, tables, files and deduplication are ClickHouse's own; only the listener is ours, as much of
it as clickhouse-connect uses. Every request is a session of its own, as without `session_id` there.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from stack import end_with_parent, wait_for

START_SECONDS_MAX = 60.0
# What the listener itself obeys, or what makes no difference here; everything else is a setting of the statement.
TRANSPORT = {"query", "database", "wait_end_of_query", "client_protocol_version", "enable_http_compression"}
TRANSPORT |= {"send_progress_in_http_headers", "http_headers_progress_interval_ms", "query_id"}
TRANSPORT |= {"cancel_http_readonly_queries_on_client_close"}
INSERT = re.compile(rb"INSERT INTO [^\n]*? FORMAT \w+\n")
CODE = re.compile(r"Code: (\d+)")


@dataclass(slots=True)
class ClickHouseServer:
    """One server on loopback, on the same port and folder however often it is started."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As metrics.clickhouse_url has it."""
        return f"clickhouse://default:@127.0.0.1:{self.port}/default"

    def start(self) -> ClickHouseServer:
        """Start it; returns when it takes connections."""
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = int(probe.getsockname()[1])
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, __file__, str(self.folder), str(self.port)]
        self.process = subprocess.Popen(command, preexec_fn=end_with_parent)
        process = self.process
        wait_for(
            "ClickHouse listens", lambda: process.poll() is not None or self._listens(), seconds_max=START_SECONDS_MAX
        )
        assert process.poll() is None, "it ended at once"
        return self

    def dies(self, moment: str, count: int = 1) -> None:
        """It kills itself (SIGKILL) at its `count`th insert from now: "before" it, "after" it and before the answer,
        or "during" it."""
        (self.folder / "dies.new").write_text(f"{moment} {count}")
        (self.folder / "dies.new").replace(self.folder / "dies")

    @property
    def dead(self) -> bool:
        """Whether it has died, or was stopped."""
        return self.process is None or self.process.poll() is not None

    def stop(self) -> None:
        """End it as a crash does."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.process.wait()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Engine:
    """chDB, one statement at a time."""

    def __init__(self, folder: Path) -> None:
        import chdb

        self._connect = chdb.connect
        self._folder = folder
        self._path = str(folder / "engine")
        self._lock = threading.Lock()
        # Keeps the engine open between requests.
        self._first = self._connect(self._path)

    def run(self, given: dict[str, str], body: bytes) -> bytes:
        """A request's answer. Raises what the engine says."""
        settings = {name: value for name, value in given.items() if name not in TRANSPORT and name[:6] != "param_"}
        parameters = {name[6:]: value for name, value in given.items() if name[:6] == "param_"}
        with self._lock:
            session = self._connect(self._path)
            try:
                if given.get("database"):
                    session.query(f"USE `{given['database']}`", "TabSeparated")
                for name, value in settings.items():
                    session.query(f"SET {name} = '{value}'", "TabSeparated")
                if head := INSERT.match(body):
                    return self._insert(session, head[0].decode(), body[head.end() :])
                sql = "\n".join(part for part in (given.get("query", ""), body.decode()) if part)
                return bytes(session.query(sql, "TabSeparated", params=parameters).bytes() or b"")
            finally:
                session.close()

    def _insert(self, session: Any, statement: str, rows: bytes) -> bytes:
        with tempfile.NamedTemporaryFile(dir=self._folder) as file:
            file.write(rows)
            file.flush()
            moment = self._moment()
            if moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            if moment.startswith("during"):
                # The engine is at work in this thread without Python's lock.
                threading.Timer(float(moment[6:] or 2) / 1000, os.kill, (os.getpid(), signal.SIGKILL)).start()
            session.query(statement.replace(" FORMAT ", f" FROM INFILE '{file.name}' FORMAT ").strip(), "TabSeparated")
            if moment:
                os.kill(os.getpid(), signal.SIGKILL)
        return b""

    def _moment(self) -> str:
        """Where in this insert the process is to die; "" for not at all."""
        wanted = self._folder / "dies"
        try:
            moment, _, count = wanted.read_text().partition(" ")
        except FileNotFoundError:
            return ""
        if int(count) > 1:
            wanted.write_text(f"{moment} {int(count) - 1}")
            return ""
        wanted.unlink()
        return moment


def handler(engine: Engine) -> type[BaseHTTPRequestHandler]:
    """What answers requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            """One statement."""
            body = self._body()
            try:
                self._answer(200, engine.run(dict(parse_qsl(urlsplit(self.path).query, True)), body), {})
            except Exception as error:
                code = found[1] if (found := CODE.search(str(error))) else "1002"
                self._answer(500, str(error).encode(), {"X-ClickHouse-Exception-Code": code})

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            fixed = {
                "Content-Length": str(len(body)),
                "X-ClickHouse-Timezone": "UTC",
                "X-ClickHouse-Summary": "{}",
            }
            # Nothing more than its presence is looked at: a command with a result has a format.
            formatted = {"X-ClickHouse-Format": "TabSeparated"} if body else {}
            for name, value in {**fixed, **formatted, **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    engine = Engine(Path(sys.argv[1]))
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), handler(engine)).serve_forever()
