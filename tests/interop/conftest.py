"""The whole system as separate processes, once per test session: two gateways, two routers, three people."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from person import PASSWORD, Login, Person
from stack import Stack

PEOPLE = ("alice", "bob", "carol")


LOG_LINES_MAX = 40


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, Any, Any]:
    """With a failure: what `natter up` printed, and what its processes complained of."""
    report = yield
    running = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(running, Stack):
        report.sections.append(("natter up", running.output()))
        for log in sorted(running.data.glob("log/*.log")):
            lines = [line for line in log.read_text(errors="replace").splitlines() if '"level": "info"' not in line]
            if lines:
                report.sections.append((log.name, "\n".join(lines[-LOG_LINES_MAX:])))
    return report


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data: Path = tmp_path_factory.mktemp("natter")
    flags = ("--gateways", "2", "--routers", "2", "--open-registration", "--no-rate-limits")
    running = Stack(data, *flags).start()
    try:
        for name in PEOPLE:
            running.add_user(name, PASSWORD)
        yield running
    finally:
        assert running.stop() == 0, running.output()


@pytest.fixture
async def login(stack: Stack) -> AsyncIterator[Login]:
    """Log in as somebody; everybody is logged out at the end."""
    there: list[Person] = []

    async def go(jid: str, *, password: str = PASSWORD, presence: bool = True, mech: str = "SCRAM-SHA-256") -> Person:
        person = Person(jid, password, stack.ca, mech=mech)
        there.append(person)
        return await person.online(*stack.endpoint("c2s"), presence=presence)

    yield go
    for person in there:
        await person.offline()
