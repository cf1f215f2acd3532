"""Starting, restarting and ending processes, with tiny ones."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from natter.runtime import supervisor
from natter.runtime.supervisor import Program, StartFailed, Supervisor
from natter.runtime.terminal import Terminal
from rich.console import Console

# Says that it is ready, then waits for ever.
READY = (
    "import json, os, sys, signal\n"
    "from pathlib import Path\n"
    "path = Path(sys.argv[1])\n"
    "part = path.with_suffix('.part')\n"
    "part.write_text(json.dumps({'service': 's', 'instance': 'one', 'pid': os.getpid(), 'endpoints': {'at': 'x:1'}}))\n"
    "part.replace(path)\n"
    "signal.pause()\n"
)
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + READY


class Watched:
    """A supervisor, what it said, and a way to wait for what it does."""

    def __init__(self) -> None:
        self.out = io.StringIO()
        self.turned = asyncio.Event()
        self.it = Supervisor(Terminal(Console(file=self.out, soft_wrap=True)), self.turned.set)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(15):
            while not true():
                await self.turned.wait()
                self.turned.clear()

    @property
    def pid(self) -> int:
        return self.it.running()[0].pid if self.it.running() else 0


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    made = Watched()
    yield made
    await made.it.kill(["s"])


def program(tmp_path: Path, code: str) -> Program:
    notice = tmp_path / "one.json"
    return Program(
        "s", "one", (sys.executable, "-c", code, str(notice)), dict(os.environ), notice, tmp_path / "one.out"
    )


async def test_ready_is_when_the_process_says_so(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('{"service": "s", "instance": "one", "pid": 1, "endpoints": {}}')
    watched.it.start(program(tmp_path, READY))
    told = await watched.it.ready("one", seconds_max=15)
    assert told and told.pid == watched.pid and told.endpoints == {"at": "x:1"}
    assert await watched.it.terminate(["s"], seconds_max=5) == []
    assert watched.it.running() == []


async def test_a_killed_process_is_replaced_at_once_and_said_so(watched: Watched, tmp_path: Path) -> None:
    watched.it.start(program(tmp_path, READY))
    await watched.it.ready("one", seconds_max=15)
    first = watched.pid
    os.kill(first, signal.SIGKILL)
    await watched.until(lambda: watched.pid not in (0, first))
    assert "one ended (killed by SIGKILL); starting it again now" in watched.out.getvalue()
    told = await watched.it.ready("one", seconds_max=15)
    assert told and told.pid == watched.pid


async def test_one_that_keeps_dying_is_started_with_backoff_and_start_fails(watched: Watched, tmp_path: Path) -> None:
    watched.it.start(program(tmp_path, "import sys; print('my last words'); sys.exit(3)"))
    with pytest.raises(StartFailed, match=r"one ends before it is ready: my last words"):
        await watched.it.ready("one", seconds_max=30)
    assert "(exit status 3): my last words; starting it again in 0.5 s" in watched.out.getvalue()
    assert watched.it.running() == []  # dead and waiting for its turn: it is not said to run


async def test_one_that_is_killed_again_and_again_after_it_was_ready_comes_back_at_once(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STEADY_SECONDS", 0.0)
    watched.it.start(program(tmp_path, READY))
    for _ in range(4):
        await watched.until(lambda: watched.pid > 0)
        pid = watched.pid
        await watched.it.ready("one", seconds_max=10)
        os.kill(pid, signal.SIGKILL)
        await watched.until(lambda pid=pid: watched.pid not in (0, pid))
    assert watched.out.getvalue().count("starting it again now") == 4


async def test_one_that_is_too_slow(watched: Watched, tmp_path: Path) -> None:
    watched.it.start(program(tmp_path, "import signal; signal.pause()"))
    with pytest.raises(StartFailed, match=r"one is not ready after 0\.2 s"):
        await watched.it.ready("one", seconds_max=0.2)


async def test_one_that_does_not_listen_is_named_and_killed(watched: Watched, tmp_path: Path) -> None:
    watched.it.start(program(tmp_path, DEAF))
    await watched.it.ready("one", seconds_max=15)
    assert await watched.it.terminate(["s"], seconds_max=0.2) == ["one"]
    await watched.it.kill(["s"])
    assert watched.it.running() == []


async def test_what_a_child_writes_is_passed_on_however_long(watched: Watched, tmp_path: Path) -> None:
    watched.it.start(program(tmp_path, "import sys; print('y' * 200_000); print('end'); sys.exit(1)"))
    with pytest.raises(StartFailed):
        await watched.it.ready("one", seconds_max=30)
    assert "(exit status 1): end; starting" in watched.out.getvalue()
    assert (tmp_path / "one.out").read_text().endswith("\nend\n")


async def test_a_program_that_is_not_there(watched: Watched, tmp_path: Path) -> None:
    watched.it.start(Program("s", "one", (str(tmp_path / "none"),), {}, tmp_path / "n.json"))
    with pytest.raises(StartFailed, match="cannot run"):
        await watched.it.ready("one", seconds_max=30)


async def test_children_do_not_interrupt_each_other(watched: Watched, tmp_path: Path) -> None:
    watched.it.start(program(tmp_path, READY))
    await watched.it.ready("one", seconds_max=15)
    assert os.sched_getscheduler(watched.pid) == os.SCHED_BATCH


async def test_children_die_with_the_launcher(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, sys\n"
        "from natter.runtime.supervisor import Program, Supervisor\n"
        "from natter.runtime.terminal import Terminal\n"
        "async def main():\n"
        "    it = Supervisor(Terminal(), lambda: None)\n"
        "    it.start(Program('s', 'one', (sys.executable, '-c', 'import signal; signal.pause()'), dict(os.environ)))\n"
        "    await it.ready('one', seconds_max=15)\n"
        "    print(it.running()[0].pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    launcher = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert launcher.stdout
    child = int(await asyncio.wait_for(launcher.stdout.readline(), 20))
    gone = os.pidfd_open(child)
    launcher.kill()
    await launcher.wait()
    ended = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_reader(gone, lambda: ended.done() or ended.set_result(None))
    await asyncio.wait_for(ended, 10)
    asyncio.get_running_loop().remove_reader(gone)
    os.close(gone)


def test_statuses_in_words() -> None:
    assert [supervisor.describe(s) for s in (0, 3, -9, -15)] == [
        "exit status 0",
        "exit status 3",
        "killed by SIGKILL",
        "killed by SIGTERM",
    ]
