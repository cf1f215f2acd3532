"""The command line: every mistake is one line and an exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from natter.runtime import cli
from natter.runtime.users import CommandFailed


def natter(*words: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("NATTER_")}
    return subprocess.run(
        [sys.executable, "-m", "natter.runtime", *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=clean | {"NATTER_CONFIG": ""} | environ,
    )


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.stdout == "" and done.stderr.count("\n") == 1, done
    return done.stderr.strip()


@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        (("up", "--c2s", "nonsense"), 2, "natter: --c2s nonsense: write HOST:PORT, for example 127.0.0.1:5222"),
        (("up", "--set", "server.domian=x"), 2, "did you mean 'server.domain'?"),
        (("up", "--profile", "half"), 2, "server.profile: Input should be 'full' or 'zero'"),
        (
            ("up", "--allow-plaintext", "--c2s", "0.0.0.0:5222"),
            2,
            "natter: --allow-plaintext is for tests and refused on",
        ),
        (("up", "--config", "none.toml"), 2, "natter: none.toml: cannot be read: No such file or directory"),
        (("run", "ruter"), 1, "natter: there is no service ruter; did you mean router?"),
        (("user", "list", "--data", "/nonexistent"), 1, "natter: nothing runs in /nonexistent: start `natter up"),
        (("user", "add", "x", "--password", "y", "--data", "/nonexistent"), 1, "natter: nothing runs in"),
    ],
)
def test_a_mistake_is_one_line(words: tuple[str, ...], status: int, line: str) -> None:
    done = natter(*words)
    assert line in one_line(done)
    assert done.returncode == status


def test_run_becomes_the_service_with_the_settings_given(monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[tuple[str, tuple[str, ...], dict[str, str]]] = []
    monkeypatch.setattr(cli.os, "execve", lambda *a: became.append(a))
    monkeypatch.setenv("NATTER_CONFIG", "")
    monkeypatch.setenv("NATTER_BUS__LANES", "8")
    cli.run("router", set_=["server.domain=a.example"])
    [(program, command, environ)] = became
    assert (program, command[1:]) == (sys.executable, ("-m", "natter.router"))
    assert (environ["NATTER_SERVER__DOMAIN"], environ["NATTER_BUS__LANES"]) == ("a.example", "8")
    cli.run("router", config="")
    assert became[1][2]["NATTER_CONFIG"] == ""


def test_an_unknown_option_and_no_command_show_how() -> None:
    assert natter("up", "--bad").returncode == 2
    assert "up" in natter("--help").stdout


async def test_user_commands_reach_a_running_system(up: Callable[..., Any]) -> None:
    import asyncio

    one = await up().start()
    # The fake services serve no accounts: the request arrives at the bus and nobody answers.
    done = await asyncio.to_thread(natter, "user", "list", "--data", str(one.data))
    assert done.returncode == 1
    assert one_line(done).startswith("natter: the accounts service does not answer")


def test_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = iter(["one", "one", "one", "two"])
    monkeypatch.setattr(cli.getpass, "getpass", lambda _: next(asked))
    assert cli._password("", from_stdin=False) == "one"
    with pytest.raises(CommandFailed, match="the two passwords differ"):
        cli._password("", from_stdin=False)
    assert cli._password("given", from_stdin=False) == "given"
    with pytest.raises(CommandFailed, match="1 to 1024 bytes"):
        cli._password("x" * 1025, from_stdin=False)


def test_a_password_from_standard_input_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").write_text("a b \r\nmore\n")
    with (tmp_path / "in").open() as text:
        monkeypatch.setattr(sys, "stdin", text)
        assert cli._password("", from_stdin=True) == "a b "


def test_doctor_ends_with_1_when_there_is_a_problem() -> None:
    done = natter("doctor", "--set", "server.domian=x")
    assert done.returncode == 1
    assert done.stdout.startswith("problem settings: --set server.domian")
