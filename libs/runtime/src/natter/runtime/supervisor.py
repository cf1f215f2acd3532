"""Keeps processes alive: starts them, says what they say, starts them again when they die, ends them in time."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import notice
from .runfile import Running
from .terminal import Terminal

# The first restart is at once; then these. What was ready for STEADY_SECONDS is killed, not broken: the first again.
BACKOFF_SECONDS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_SECONDS = 2.0
PARTIAL_LINE_BYTES_MAX = 16 * 1024
OUTPUT_BYTES_MAX = 1 << 20
LAST_WORDS_CHARACTERS_MAX = 500
DEATHS_BEFORE_READY_MAX = 3
POLL_SECONDS = 0.02
KILL_SECONDS_MAX = 0.5
PR_SET_PDEATHSIG = 1


class StartFailed(Exception):
    """A process did not become ready; one line, with the last that it said."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run.

    `notice` is the file in which it says that it is ready; None: it is ready when it runs. `output` takes what it
    writes past its log: tracebacks, mostly.
    """

    service: str
    instance: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    notice: Path | None = None
    output: Path | None = None
    inherited_fds: tuple[int, ...] = ()


@dataclass(slots=True)
class Child:
    """A program and the process that runs it now."""

    program: Program
    process: asyncio.subprocess.Process | None = None
    keeper: asyncio.Task[None] | None = None
    told: notice.Notice | None = None
    deaths: int = 0
    stopping: bool = False
    # When (loop time) this process said that it is ready; 0: not yet.
    ready_at: float = 0.0
    # The last line that it wrote past its log.
    last_words: str = ""


class Supervisor:
    """`changed` is called whenever a process id or a notice changed."""

    def __init__(self, terminal: Terminal, changed: Callable[[], None]) -> None:
        self.terminal = terminal
        self.changed = changed
        self.children: dict[str, Child] = {}

    def start(self, program: Program) -> None:
        """Run it from now on."""
        child = self.children[program.instance] = Child(program)
        child.keeper = asyncio.create_task(self._keep(child), name=f"keep {program.instance}")

    async def ready(self, instance: str, *, seconds_max: float) -> notice.Notice | None:
        """Wait for the notice of the process that runs now. `StartFailed` when it keeps dying or is too slow."""
        child = self.children[instance]
        try:
            async with asyncio.timeout(seconds_max):
                while child.told is None:
                    if child.deaths >= DEATHS_BEFORE_READY_MAX or (child.keeper and child.keeper.done()):
                        raise StartFailed(f"{instance} ends before it is ready{_last_words(child)}")
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise StartFailed(f"{instance} is not ready after {seconds_max:g} s{_last_words(child)}") from None
        return child.told

    def running(self) -> list[Running]:
        """The processes that run now, in the order of starting."""
        return [
            Running(c.program.service, c.program.instance, c.process.pid)
            for c in self.children.values()
            if c.process is not None and c.process.pid
        ]

    def notices(self) -> list[notice.Notice]:
        """What the ready ones told."""
        return [c.told for c in self.children.values() if c.told is not None]

    async def terminate(self, services: Sequence[str], *, seconds_max: float) -> list[str]:
        """SIGTERM these; the names of those that still run when the time is over."""
        chosen = [c for c in self.children.values() if c.program.service in services]
        for child in chosen:
            child.stopping = True
            _signal(child, signal.SIGTERM)
        await _ended(chosen, seconds_max)
        return [c.program.instance for c in chosen if c.keeper and not c.keeper.done()]

    async def kill(self, services: Sequence[str]) -> None:
        """SIGKILL what is left of these, and wait until it is gone."""
        chosen = [c for c in self.children.values() if c.program.service in services]
        for child in chosen:
            child.stopping = True
            _signal(child, signal.SIGKILL)
        await _ended(chosen, KILL_SECONDS_MAX)

    async def _keep(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while not child.stopping:
            status = await self._once(child)
            if child.stopping:
                break
            failures = 0 if child.ready_at and loop.time() - child.ready_at > STEADY_SECONDS else failures
            pause = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)]
            failures += 1
            child.deaths += 1
            when = f"in {pause:g} s" if pause else "now"
            self.terminal.say(
                f"{child.program.instance} ended ({describe(status)}){_last_words(child)}; starting it again {when}",
                "yellow",
            )
            if pause:
                # While it is dead it is not in run.json; a restart at once replaces the entry.
                child.process = None
                self.changed()
                await asyncio.sleep(pause)
        child.process = None

    async def _once(self, child: Child) -> int:
        """Run the program once; its exit status."""
        program = child.program
        if program.notice:
            program.notice.unlink(missing_ok=True)
        child.told, child.last_words, child.ready_at = None, "", 0.0
        try:
            child.process = await _spawn(program)
        except OSError as error:
            child.last_words = f"cannot run {program.command[0]}: {error.strerror}"
            return -1
        if child.stopping:
            _signal(child, signal.SIGTERM)
        self.changed()
        watcher = asyncio.create_task(self._watch_notice(child))
        listener = asyncio.create_task(self._listen(child, child.process))
        status = await child.process.wait()
        watcher.cancel()
        # Its own children may hold the pipe open: what it said last has come by now.
        await asyncio.wait({listener}, timeout=0.2)
        listener.cancel()
        return status

    async def _watch_notice(self, child: Child) -> None:
        program = child.program
        assert child.process is not None
        own = notice.Notice(program.service, program.instance, child.process.pid, {})
        seen = -1
        while True:
            written = notice.written_at(program.notice) if program.notice else 0
            unread, seen = written != seen, written
            found = (notice.read(program.notice) if unread else child.told) if program.notice else own
            if found and found.pid == child.process.pid and found != child.told:
                child.told = found
                child.deaths = 0
                child.ready_at = child.ready_at or asyncio.get_running_loop().time()
                self.changed()
            if program.notice is None:
                return
            # Often until it is ready; afterwards an endpoint may still be added.
            await asyncio.sleep(POLL_SECONDS if child.told is None else 1.0)

    async def _listen(self, child: Child, process: asyncio.subprocess.Process) -> None:
        """Pass on what it writes, line by line, without ever letting it wait."""
        assert process.stdout is not None
        waiting = b""
        while data := await process.stdout.read(65536):
            *lines, waiting = (waiting + data).split(b"\n")
            if len(waiting) > PARTIAL_LINE_BYTES_MAX:
                lines, waiting = [*lines, waiting], b""
            for line in lines:
                self._heard(child, line)
        if waiting:
            self._heard(child, waiting)

    def _heard(self, child: Child, line: bytes) -> None:
        text = line.decode(errors="replace").strip()
        if text and not self.terminal.log_line(child.program.instance, text):
            child.last_words = text[:LAST_WORDS_CHARACTERS_MAX]
            if child.program.output:
                _append(child.program.output, line)


def describe(status: int) -> str:
    """An exit status in words."""
    if status < 0:
        try:
            return f"killed by {signal.Signals(-status).name}"
        except ValueError:
            return f"status {status}"
    return f"exit status {status}"


async def _spawn(program: Program) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *program.command,
        env=dict(program.environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        # A session of its own: Ctrl-C reaches the launcher only, which ends things in order.
        start_new_session=True,
        pass_fds=program.inherited_fds,
        preexec_fn=_in_child(os.getpid()) if sys.platform == "linux" else None,
    )


def _in_child(parent: int) -> Callable[[], None]:
    """Run in the child before its program: the kernel kills it when the launcher dies, however that happens."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def prepare() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        _in_turn()

    return prepare


def _in_turn() -> None:
    """Let nobody whom this process wakes take the core from it: one turn, and a larger batch for who comes next.

    docs/adr/0016. Where the kernel does not allow it, the processes interrupt each other as others do.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except OSError:
        pass


def _signal(child: Child, number: signal.Signals) -> None:
    if child.process is not None and child.process.returncode is None:
        try:
            child.process.send_signal(number)
        except ProcessLookupError:
            pass
    elif child.keeper is not None and child.process is None:
        # Between two lives.
        child.keeper.cancel()


async def _ended(children: Sequence[Child], seconds_max: float) -> None:
    keepers = [c.keeper for c in children if c.keeper is not None]
    if keepers:
        await asyncio.wait(keepers, timeout=seconds_max)


def _last_words(child: Child) -> str:
    return f": {child.last_words}" if child.last_words else ""


def _append(path: Path, line: bytes) -> None:
    """To the end of the file; what is beyond its bound is left out."""
    with path.open("ab") as out:
        if out.tell() < OUTPUT_BYTES_MAX:
            out.write(line + b"\n")
