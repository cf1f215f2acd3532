"""Configurations of js_streams, as the server takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from natter.bus import js_stream, subjects
from natter.bus.api import StreamFull, StreamSpec, Unavailable
from natter.bus.nats import connect


class Api:
    """Stands for `Requests`: remembers the calls, answers from a script."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.calls: list[tuple[str, Any]] = []

    async def api(self, verb: str, body: Any = None) -> Any:
        self.calls.append((verb, body))
        answer = self.answers[verb]
        answer = answer.pop(0) if isinstance(answer, list) else answer
        if isinstance(answer, Exception):
            raise answer
        return answer


SPEC = StreamSpec("LOG", ("log.>",), 1 << 30, 60.0, replicas=3)


def test_configuration() -> None:
    found = js_stream.configuration(SPEC)
    assert found["discard"] == "new"
    assert found["max_bytes"] == 1 << 30
    assert found["max_age"] == 60_000_000_000
    # Never longer than the age: the server would refuse it.
    assert found["duplicate_window"] == 60_000_000_000
    assert found["num_replicas"] == 3
    assert found["allow_direct"]
    assert not found["deny_delete"]
    bucket = js_stream.configuration(subjects.bucket_spec("things"))
    assert bucket["deny_delete"]
    assert bucket["allow_rollup_hdrs"]
    assert bucket["allow_msg_ttl"]
    assert bucket["duplicate_window"] == 120_000_000_000


async def test_small_disk_gets_smaller_limits() -> None:
    api = Api(
        {
            "STREAM.INFO.LOG": js_stream.NoStream("none"),
            "STREAM.CREATE.LOG": [StreamFull("insufficient storage resources"), StreamFull("still"), {}],
        }
    )
    await js_stream.ensure(api, SPEC)  # type: ignore[arg-type]
    created = [body["max_bytes"] for verb, body in api.calls if verb == "STREAM.CREATE.LOG"]
    assert created == [1 << 30, 1 << 29, 1 << 28]


async def test_disk_without_any_room_is_an_error() -> None:
    api = Api({"STREAM.INFO.LOG": js_stream.NoStream("none"), "STREAM.CREATE.LOG": StreamFull("insufficient")})
    with pytest.raises(StreamFull):
        await js_stream.ensure(api, SPEC)  # type: ignore[arg-type]


async def test_creation_race_with_another_configuration() -> None:
    in_use = js_stream.ApiError(js_stream.NAME_IN_USE, "stream name already in use")
    for theirs, then in ((js_stream.configuration(SPEC), []), ({"name": "LOG"}, ["STREAM.UPDATE.LOG"])):
        infos = [js_stream.NoStream("none"), {"config": theirs}]
        api = Api({"STREAM.INFO.LOG": infos, "STREAM.CREATE.LOG": in_use, "STREAM.UPDATE.LOG": {}})
        await js_stream.ensure(api, SPEC)  # type: ignore[arg-type]
        made = ["STREAM.INFO.LOG", "STREAM.CREATE.LOG", "STREAM.INFO.LOG"]
        assert [verb for verb, _ in api.calls] == made + then


async def test_other_errors_are_passed_on() -> None:
    api = Api({"STREAM.INFO.LOG": Unavailable("no leader")})
    with pytest.raises(Unavailable):
        await js_stream.ensure(api, SPEC)  # type: ignore[arg-type]


async def test_server_keeps_what_it_was_given(own_nats_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bus = await connect(own_nats_server.url, name="test")
    specs = subjects.streams()
    calls: list[str] = []
    original = bus.requests.api

    async def counting(verb: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        calls.append(verb)
        return await original(verb, body)

    for spec in specs:
        await bus.ensure_stream(spec)
    monkeypatch.setattr(bus.requests, "api", counting)
    for spec in specs:
        await bus.ensure_stream(spec)
    # The second time there is nothing to bring up to date.
    assert {verb.rpartition(".")[0] for verb in calls} == {"STREAM.INFO"}
    await bus.close()
