"""From flags and settings to what will run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from natter.runtime import plan, settings
from natter.runtime.addresses import Address
from natter.runtime.connecting import Credentials
from natter.runtime.plan import Flags, Plan
from natter.runtime.settings import SettingsError
from pydantic import BaseModel, SecretStr


class Gateway(BaseModel):
    c2s: str = "0.0.0.0:5222"
    c2s_tls: str = "0.0.0.0:5223"
    other: int = 1
    lane: int = -1


class Metrics(BaseModel):
    http: str = ""


class Accounts(BaseModel):
    admin: str = ""


MODELS: dict[str, type[BaseModel]] = {"gateway": Gateway, "metrics": Metrics, "accounts": Accounts}


def make(environ: dict[str, str] | None = None, **flags: object) -> Plan:
    return plan.make(Flags(config="", **flags), environ=environ or {}, services=("metrics", "gateway"), models=MODELS)  # type: ignore[arg-type]


def test_the_defaults_listen_on_loopback_only() -> None:
    assert {n: str(a) for n, a in make().listeners.items()} == {
        "c2s": "127.0.0.1:5222",
        "c2s_tls": "127.0.0.1:5223",
        "http": "127.0.0.1:5280",
        "admin": "127.0.0.1:5281",
    }


def test_a_free_port_for_clients_means_free_ports_for_all() -> None:
    found = make(c2s="127.0.0.1:0").listeners
    assert {a.port for a in found.values()} == {0}
    assert make(c2s="127.0.0.1:0", http="127.0.0.1:8080").listeners["http"].port == 8080


def test_the_others_follow_the_host_of_the_first() -> None:
    assert str(make(c2s="0.0.0.0:6000").listeners["c2s_tls"]) == "0.0.0.0:5223"
    assert str(make(c2s="[::1]:6000").listeners["http"]) == "[::1]:5280"
    # But for the operators' own.
    assert str(make(c2s="0.0.0.0:6000").listeners["admin"]) == "127.0.0.1:5281"


def test_the_environment_is_heard_and_flags_win() -> None:
    environ = {
        "NATTER_GATEWAY__C2S": "127.0.0.1:7000",
        "NATTER_GATEWAY__C2S_TLS": "",
        "NATTER_SERVER__DOMAIN": "a.example",
    }
    found = make(environ)
    assert str(found.listeners["c2s"]) == "127.0.0.1:7000"
    assert "c2s_tls" not in found.listeners
    assert found.server.domain == "a.example"
    assert make(environ, domain="b.example").server.domain == "b.example"


def test_without_a_service_that_has_pages_the_flag_does_nothing() -> None:
    found = plan.make(
        Flags(config="", http="127.0.0.1:0"), environ={}, services=("gateway",), models={"gateway": Gateway}
    )
    assert "http" not in found.listeners


@pytest.mark.parametrize(
    ("flags", "flag"),
    [
        ({"allow_plaintext": True}, "--allow-plaintext"),
        ({"open_registration": True}, "--open-registration"),
        ({"no_rate_limits": True}, "--no-rate-limits"),
        ({"set": ("server.allow_plaintext=yes",)}, "--allow-plaintext"),
    ],
)
@pytest.mark.parametrize("where", ["0.0.0.0:5222", "[::]:5222", "192.0.2.1:0", "example.org:5222"])
def test_flags_for_tests_are_refused_where_others_can_reach_them(
    flags: dict[str, object], flag: str, where: str
) -> None:
    with pytest.raises(SettingsError, match=rf"^{flag} is for tests and refused on"):
        make(c2s=where, **flags)
    with pytest.raises(SettingsError, match=rf"^{flag} is for tests .* --http 127\.0\.0\.1"):
        make(http=where, **flags)
    assert make(c2s="127.0.0.1:0", **flags).server


def test_gateways_one_per_two_cores_at_most_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, gateways in ((1, 1), (2, 1), (3, 1), (4, 2), (15, 7), (64, 8)):
        monkeypatch.setattr(plan, "cores", lambda cores=cores: cores)
        assert dict(make().services)["gateway"] == gateways
    assert dict(make(gateways=3).services)["gateway"] == 3
    assert dict(make(set=("runtime.gateways=2",)).services)["gateway"] == 2


def test_only_cores_that_may_be_used_are_counted() -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert plan.cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_another_nats_is_used_when_it_is_named() -> None:
    assert not make().external_nats
    assert make(nats="nats://n.example:4222").external_nats


def test_a_mistake_anywhere_stops_everything() -> None:
    with pytest.raises(SettingsError, match=r"unknown key 'metrics\.htp'"):
        make({"NATTER_METRICS__HTP": "x"})
    with pytest.raises(SettingsError, match=r"^--c2s nonsense: write HOST:PORT"):
        make(c2s="nonsense")


def test_programs_see_all_settings_and_no_file(tmp_path: Path) -> None:
    made = make(data=str(tmp_path), gateways=2, domain="a.example", set=("gateway.other=5",))
    programs = plan.programs(
        made,
        listeners={"c2s": Address("127.0.0.1", 40000)},
        ops=lambda _: Address("127.0.0.1", 40001),
        credentials=Credentials("nats://127.0.0.1:4", "natter", SecretStr("s3cret")),
        certificate=tmp_path / "c.pem",
        key=tmp_path / "k.pem",
        environ={"PATH": "/bin", "NATTER_GATEWAY__OTHER": "9"},
    )
    assert [p.instance for p in programs] == ["metrics-1", "gateway-1", "gateway-2"]
    last = programs[-1]
    assert last.command[1:] == ("-m", "natter.gateway")
    assert last.environ["PATH"] == "/bin"
    loaded = settings.load("gateway", Gateway, environ=last.environ)
    assert (loaded.service.other, loaded.service.c2s, loaded.server.domain) == (5, "127.0.0.1:40000", "a.example")
    assert loaded.bus.password.get_secret_value() == "s3cret"
    assert (loaded.runtime.instance, loaded.runtime.ops_port) == ("gateway-2", 40001)
    assert loaded.runtime.notice == str(last.notice) == str(tmp_path / "run" / "gateway-2.json")


def lanes(tmp_path: Path, *sets: str) -> list[int]:
    made = make(data=str(tmp_path), gateways=5, set=("bus.lanes=4", *sets))
    programs = plan.programs(
        made,
        listeners={},
        ops=lambda _: Address("127.0.0.1", 1),
        credentials=Credentials("nats://127.0.0.1:4", "", SecretStr("")),
        certificate=tmp_path,
        key=tmp_path,
        environ={},
    )
    found = [settings.load("gateway", Gateway, environ=p.environ).service for p in programs if p.service == "gateway"]
    return [s.lane for s in found]


def test_gateways_are_spread_over_the_lanes_unless_the_settings_say_which(tmp_path: Path) -> None:
    assert lanes(tmp_path) == [0, 1, 2, 3, 0]
    assert lanes(tmp_path, "gateway.lane=2") == [2] * 5


def test_a_service_may_have_a_way_to_nats_of_its_own(tmp_path: Path) -> None:
    made = make(data=str(tmp_path), gateways=1, set=('runtime.bus_urls={"metrics": "nats://127.0.0.1:5"}',))
    programs = plan.programs(
        made,
        listeners={},
        ops=lambda _: Address("127.0.0.1", 1),
        credentials=Credentials("nats://127.0.0.1:4", "", SecretStr("")),
        certificate=tmp_path,
        key=tmp_path,
        environ={},
    )
    urls = {p.service: settings.load(p.service, MODELS[p.service], environ=p.environ).bus.url for p in programs}
    assert urls == {"metrics": "nats://127.0.0.1:5", "gateway": "nats://127.0.0.1:4"}


def test_presence_and_rooms_may_have_several_processes() -> None:
    flags = Flags(config="", set=("runtime.presences=2", "runtime.mucs=3"))
    made = plan.make(flags, environ={}, services=("presence", "muc"), models={})
    assert made.services == [("presence", 2), ("muc", 3)]
