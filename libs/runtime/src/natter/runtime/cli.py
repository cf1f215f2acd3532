"""The command `natter`. What goes wrong is one line on standard error and an exit status that is not 0."""

from __future__ import annotations

import asyncio
import getpass
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer
from natter.proto.v1 import room_pb2
from rich.console import Console

from . import draining, pseudonyms, rooms, users
from .launcher import up as launch
from .plan import Flags, command_of
from .sections import SHARED
from .settings import CONFIG_VARIABLE, SettingsError, as_environment, gather, load_all, service_names, validate
from .terminal import Terminal
from .users import CommandFailed, Where
from .where import ask, document, lines

T = TypeVar("T")

EXIT_FAILED = 1
EXIT_SETTINGS = 2
PASSWORD_BYTES_MAX = 1024

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="natter: an XMPP service on an event log.",
)
user = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Accounts of a running system.")
app.add_typer(user, name="user")
room = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Rooms of a running system.")
app.add_typer(room, name="room")

Config = Annotated[str | None, typer.Option(metavar="FILE", help="Settings file; default: ./natter.toml if it exists.")]
Data = Annotated[str, typer.Option(metavar="DIR", help="Folder of everything that is kept; default: data.")]
Nats = Annotated[str, typer.Option(metavar="URL", help="A NATS that runs already, nats://HOST:PORT.")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Any setting; repeatable.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="alice, or alice@DOMAIN.")]
Room = Annotated[str, typer.Argument(metavar="ROOM", help="den, or den@conference.DOMAIN.")]
Moment = Annotated[str, typer.Argument(metavar="TIME", help="2026-11-21T14:30:00+01:00; without a zone it is UTC.")]
Password = Annotated[str, typer.Option(help="The password. Others on this machine may see it: rather use the prompt.")]
Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
HostPort = Annotated[
    str, typer.Option(metavar="HOST:PORT", help="Address for clients with STARTTLS; port 0: a free one.")
]


@app.command()
def up(
    config: Config = None,
    data: Data = "",
    domain: Annotated[str, typer.Option(help="The domain served; default: localhost.")] = "",
    c2s: HostPort = "",
    c2s_tls: Annotated[str, typer.Option(metavar="HOST:PORT", help="Address for clients with direct TLS.")] = "",
    http: Annotated[str, typer.Option(metavar="HOST:PORT", help="Address of the web pages.")] = "",
    nats: Nats = "",
    gateways: Annotated[int, typer.Option(min=0, help="Gateway processes; default: one per two cores, at most 8.")] = 0,
    routers: Annotated[int, typer.Option(min=0, help="Router processes; default: 1.")] = 0,
    allow_plaintext: Annotated[bool, typer.Option("--allow-plaintext", help="Tests: TLS is not required.")] = False,
    open_registration: Annotated[
        bool, typer.Option("--open-registration", help="Tests: anybody may register.")
    ] = False,
    no_rate_limits: Annotated[bool, typer.Option("--no-rate-limits", help="Tests: rates are off.")] = False,
    profile: Annotated[str, typer.Option(help="full, or zero: nothing stored but accounts, rosters, rooms.")] = "",
    set_: Sets = None,
) -> None:
    """Run everything on this machine until Ctrl-C."""
    flags = Flags(
        config=config,
        data=data,
        domain=domain,
        c2s=c2s,
        c2s_tls=c2s_tls,
        http=http,
        nats=nats,
        gateways=gateways,
        routers=routers,
        allow_plaintext=allow_plaintext,
        open_registration=open_registration,
        no_rate_limits=no_rate_limits,
        profile=profile,
        set=tuple(set_ or ()),
    )
    raise typer.Exit(launch(flags, Terminal()))


@app.command()
def run(
    service: Annotated[
        str, typer.Argument(metavar="SERVICE", help="gateway, router, presence, muc, accounts, archive, metrics.")
    ],
    config: Config = None,
    set_: Sets = None,
) -> None:
    """Run one service in the foreground: what a container runs."""
    known = service_names()
    if service not in known:
        close = get_close_matches(service, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
        raise CommandFailed(f"there is no service {service}; {hint}")
    overrides = set_ or []
    load_all(file=config, overrides=overrides)
    environ = dict(os.environ)
    if overrides:
        environ |= as_environment(gather(file=config, overrides=overrides))
    elif config is not None:
        environ[CONFIG_VARIABLE] = config
    command = command_of(service)
    os.execve(command[0], command, environ)


@app.command()
def doctor(
    config: Config = None,
    data: Data = "",
    nats: Nats = "",
    set_: Sets = None,
    projections: Annotated[
        bool, typer.Option("--projections", help="Compare the archives with their log instead, as far as it reaches.")
    ] = False,
    repair: Annotated[bool, typer.Option("--repair", help="With --projections: put right what differs.")] = False,
) -> None:
    """Look for what is wrong and say what to do."""
    from . import doctor as general
    from . import projections as archives

    if repair and not projections:
        raise CommandFailed("--repair goes with --projections")
    console = Console(soft_wrap=True, highlight=False, markup=False)
    well = True

    def say(finding: general.Finding) -> None:
        nonlocal well
        well = well and finding.well
        mark = "ok     " if finding.well else "problem"
        advice = "" if finding.well else f" → {finding.advice}"
        console.print(f"{mark} {finding.subject}: {finding.text}{advice}", style=None if finding.well else "red")

    async def compare() -> None:
        async for finding in archives.examine(_where(data, nats), repair=repair):
            say(finding)

    if projections:
        _done(compare())
    else:
        for finding in asyncio.run(general.examine(Flags(config=config, data=data, set=tuple(set_ or ())), nats)):
            say(finding)
    raise typer.Exit(0 if well else EXIT_FAILED)


@app.command()
def drain(
    instance: Annotated[
        str, typer.Argument(help="Of `natter up`: gateway-2. Without it: the process of this pod.")
    ] = "",
    data: Data = "",
) -> None:
    """Let a process take no new work, close its sessions at the set pace, finish and end."""
    found = validate(gather(overrides=[f"server.data={data}"] if data else []), SHARED, service_names())
    address = draining.address_of(instance, found["runtime"], Path(found["server"].data))
    draining.drain(address)
    typer.echo(f"{instance or address} is draining")


@app.command()
def pseudonym(
    jid: Annotated[str, typer.Argument(metavar="JID", help="alice@DOMAIN, or a room.")] = "",
    data: Data = "",
    key_stdin: Annotated[bool, typer.Option("--key-stdin", help="Read the key from standard input.")] = False,
    next_key: Annotated[bool, typer.Option("--next-key", help="Print a new key of the next epoch instead.")] = False,
) -> None:
    """Print under which hash a JID stands in spans and in ClickHouse."""
    given = gather(overrides=[f"server.data={data}"] if data else [])
    found = validate(given, SHARED, service_names())
    text = sys.stdin.readline(PASSWORD_BYTES_MAX).strip() if key_stdin else ""
    key = pseudonyms.key_of(text, found["telemetry"], Path(found["server"].data))
    if next_key:
        typer.echo(pseudonyms.next_key(key))
    else:
        made = pseudonyms.pseudonym(jid, key)
        typer.echo(f"{made.text} in spans, {made.number} in ClickHouse, key epoch {made.epoch}")


@app.command()
def where(
    id: Annotated[str, typer.Argument(metavar="ID", help="A stanza-id or origin-id (XEP-0359), or the message's id.")],
    data: Data = "",
    nats: Nats = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Tell what has become of a message: who has it, who was told, or why not."""
    found = _done(ask(_where(data, nats), id))
    if as_json:
        typer.echo(json.dumps([document(one) for one in found], indent=2))
    else:
        typer.echo("\n\n".join("\n".join(lines(one)) for one in found))


@user.command("add")
def user_add(
    name: Name, data: Data = "", nats: Nats = "", password: Password = "", password_stdin: Stdin = False
) -> None:
    """Make an account."""
    where = _where(data, nats)
    _done(users.change(where, "register", name, _password(password, password_stdin)))
    typer.echo(f"{name} added")


@user.command("passwd")
def user_passwd(
    name: Name, data: Data = "", nats: Nats = "", password: Password = "", password_stdin: Stdin = False
) -> None:
    """Change an account's password."""
    where = _where(data, nats)
    _done(users.change(where, "passwd", name, _password(password, password_stdin)))
    typer.echo(f"password of {name} changed")


@user.command("remove")
def user_remove(name: Name, data: Data = "", nats: Nats = "") -> None:
    """Remove an account."""
    _done(users.change(_where(data, nats), "remove", name))
    typer.echo(f"{name} removed")


@user.command("list")
def user_list(data: Data = "", nats: Nats = "") -> None:
    """Print every account, one per line."""
    for name in _done(users.names(_where(data, nats))):
        typer.echo(name)


@room.command("list")
def room_list(data: Data = "", nats: Nats = "") -> None:
    """Print every room: JID, who made it, what it is, name."""
    for found in _done(rooms.every(_where(data, nats))):
        typer.echo(rooms.line(found))


@room.command("show")
def room_show(name: Room, data: Data = "", nats: Nats = "") -> None:
    """Print a room as it is: configuration, owners, admins, occupants."""
    _print_room(rooms.described, name, data, nats)


@room.command("members")
def room_members(name: Room, data: Data = "", nats: Nats = "") -> None:
    """Print everybody with an affiliation, outcasts too."""
    _print_room(rooms.members, name, data, nats)


@room.command("at")
def room_at(name: Room, time: Moment, data: Data = "", nats: Nats = "") -> None:
    """Print a room as it was then: who was owner, who was in."""
    _print_room(rooms.described, name, data, nats, time)


@room.command("destroy")
def room_destroy(
    name: Room,
    reason: Annotated[str, typer.Option(help="Told to the occupants.")] = "",
    alternate: Annotated[str, typer.Option(metavar="ROOM", help="Where to go instead, told to the occupants.")] = "",
    data: Data = "",
    nats: Nats = "",
) -> None:
    """End a room; its occupants are told."""
    request = room_pb2.RoomRequest(jid=name, reason=reason, alternate=alternate)
    _done(rooms.one(_where(data, nats), "destroy", request))
    typer.echo(f"{name} destroyed")


@room.command("affiliate")
def room_affiliate(
    name: Room,
    user: Annotated[str, typer.Argument(metavar="USER", help="USER@DOMAIN; a domain can be banned.")],
    affiliation: Annotated[str, typer.Argument(metavar="AFFILIATION", help="owner, admin, member, none or outcast.")],
    reason: Annotated[str, typer.Option(help="Told to the occupants.")] = "",
    data: Data = "",
    nats: Nats = "",
) -> None:
    """Make somebody owner, admin, member or nothing of a room, or ban them."""
    request = room_pb2.RoomRequest(jid=name, user=user, affiliation=affiliation, reason=reason)
    _done(rooms.one(_where(data, nats), "affiliate", request))
    typer.echo(f"{user}: {affiliation} in {name}")


def _print_room(
    describe: Callable[[room_pb2.RoomSnapshot], Iterator[str]], name: str, data: str, nats: str, time: str = ""
) -> None:
    verb, then = ("at", rooms.moment(time)) if time else ("show", 0)
    for text in describe(_done(rooms.one(_where(data, nats), verb, room_pb2.RoomRequest(jid=name, time_us=then)))):
        typer.echo(text)


def main() -> NoReturn:
    """The entry point."""
    # What libraries log is not for this terminal: commands say themselves what went wrong.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        app()
    except (SettingsError, CommandFailed) as error:
        sys.stderr.write(f"natter: {error}\n")
        sys.exit(EXIT_SETTINGS if isinstance(error, SettingsError) else EXIT_FAILED)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


def _where(data: str, nats: str) -> Where:
    """Which system is meant; checked before a password is asked for."""
    given = gather(overrides=[f"server.data={data}"] if data else [])
    found = validate(given, SHARED, service_names())
    where = Where(Path(found["server"].data), nats, found["bus"])
    users.credentials_of(where)
    return where


def _done(work: Awaitable[T]) -> T:
    async def finish() -> T:
        return await work

    return asyncio.run(finish())


def _password(given: str, from_stdin: bool) -> str:
    if from_stdin:
        given = sys.stdin.readline(PASSWORD_BYTES_MAX + 2).rstrip("\r\n")
    elif not given:
        given = getpass.getpass("password: ")
        if getpass.getpass("again: ") != given:
            raise CommandFailed("the two passwords differ")
    if not given or len(given.encode()) > PASSWORD_BYTES_MAX:
        raise CommandFailed(f"a password has 1 to {PASSWORD_BYTES_MAX} bytes")
    return given
