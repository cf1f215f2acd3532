"""XEP-0313 as asked by a client."""

from __future__ import annotations

import re
from typing import Any

import pytest
from archiveworld import ALICE, FIRST_US, World, until
from natter.proto.v1.bus_pb2 import Frame
from natter.storage.database import Database
from natter.xmpp.xeps import date_time, mam

ME = f"{ALICE}/a"
SET = "<set xmlns='http://jabber.org/protocol/rsm'>{}</set>"


def form(**fields: str) -> str:
    named = {name.rstrip("_").replace("_", "-"): value for name, value in fields.items()}
    inside = "".join(
        f"<field var='{var}'>{''.join(f'<value>{v}</value>' for v in value.split('|'))}</field>"
        for var, value in named.items()
    )
    return (
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>"
        f"<value>urn:xmpp:mam:2</value></field>{inside}</x>"
    )


class Asker:
    """Asks, and reads the answers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.read = 0

    async def raw(self, payload: str, inside: str, **more: Any) -> list[Frame]:
        await self.world.take(self.world.iq(payload, inside, **more))
        frames = (await self.world.delivered())[self.read :]
        self.read += len(frames)
        return frames

    async def ask(self, inside: str = "", attributes: str = "") -> tuple[list[str], str]:
        """Bodies of the results, and the last answer."""
        *results, fin = await self.raw(mam.QUERY, f"<query xmlns='urn:xmpp:mam:2'{attributes}>{inside}</query>")
        return [re.findall("<body>(.*)</body>", r.stanza.decode())[0] for r in results], fin.stanza.decode()


@pytest.fixture
async def asker(world: World) -> Asker:
    """Alice with ten messages: eight to bob, one from carol, one to herself."""
    await world.bind(ME)
    await world.take(*(world.message(str(n)) for n in range(1, 9)))
    await world.take(world.message("9", sender="carol@localhost/c", to=ALICE))
    await world.take(world.message("10", to=ALICE))
    return Asker(world)


def when(number: int) -> str:
    return date_time.render(FIRST_US + number * 1_000_000)


async def test_pages_forward(asker: Asker) -> None:
    found, fin = await asker.ask(attributes=" queryid='f27'")
    assert found == ["1", "2", "3", "4", "5"]
    assert "<first>id-1</first><last>id-5</last>" in fin and "complete" not in fin
    found, fin = await asker.ask(SET.format("<max>100</max><after>id-5</after>"))
    assert found == ["6", "7", "8", "9", "10"] and 'complete="true"' in fin


async def test_pages_backward_and_flipped(asker: Asker) -> None:
    assert (await asker.ask(SET.format("<max>2</max><before/>")))[0] == ["9", "10"]
    found, fin = await asker.ask(SET.format("<max>2</max><before>id-9</before>"))
    assert found == ["7", "8"] and "<first>id-7</first><last>id-8</last>" in fin
    found, fin = await asker.ask(SET.format("<max>2</max><before>id-9</before>") + "<flip-page/>")
    assert found == ["8", "7"] and "<first>id-7</first><last>id-8</last>" in fin
    assert 'complete="true"' in (await asker.ask(SET.format("<max>2</max><before>id-3</before>")))[1]


async def test_large_messages_come_a_few_at_a_time(database: Database) -> None:
    """However much is asked for: nobody fills the logs with one question, and nothing is left out."""
    world = World(database, page_bytes_max=1 << 16)
    await world.start()
    await world.bind(ME)
    await world.take(*(world.message(f"{n}" + "x" * 30_000) for n in range(1, 5)))
    asker = Asker(world)
    found, fin = await asker.ask(SET.format("<max>1000</max>"))
    assert [text[0] for text in found] == ["1", "2"] and "complete" not in fin
    found, fin = await asker.ask(SET.format("<max>1000</max><after>id-2</after>"))
    assert [text[0] for text in found] == ["3", "4"] and 'complete="true"' in fin
    await world.close()


async def test_filters(asker: Asker) -> None:
    assert (await asker.ask(form(with_="carol@localhost")))[0] == ["9"]
    assert (await asker.ask(form(with_="carol@localhost/c")))[0] == ["9"]
    assert (await asker.ask(form(with_="carol@localhost/d")))[0] == []
    # XEP-0313 §4.1.1: with oneself: what was said to oneself.
    assert (await asker.ask(form(with_=ALICE)))[0] == ["10"]
    assert (await asker.ask(form(start=when(3), end=when(5))))[0] == ["3", "4", "5"]
    assert (await asker.ask(form(after_id="id-3", before_id="id-6")))[0] == ["4", "5"]
    assert (await asker.ask(form(ids="id-9|id-2")))[0] == ["2", "9"]
    # XEP-0313 §4.1.4: there is no groupchat, wanted or not.
    assert (await asker.ask(form(include_groupchat="true", with_="carol@localhost")))[0] == ["9"]
    assert (await asker.ask(form(after_id="id-2") + SET.format("<max>2</max><after>id-4</after>")))[0] == ["5", "6"]
    found, fin = await asker.ask(form(with_="nobody@localhost"))
    assert found == [] and 'complete="true"' in fin


async def test_only_the_count(asker: Asker) -> None:
    found, fin = await asker.ask(SET.format("<max>0</max>"))
    assert found == [] and "<count>10</count>" in fin


@pytest.mark.parametrize(
    ("inside", "condition"),
    [
        (form(after_id="unknown"), "item-not-found"),
        (form(before_id="unknown"), "item-not-found"),
        (form(ids="id-1|unknown"), "item-not-found"),
        (SET.format("<after>unknown</after>"), "item-not-found"),
        (SET.format("<before>unknown</before>"), "item-not-found"),
        (SET.format("<max>many</max>"), "bad-request"),
        (SET.format("<index>3</index>"), "feature-not-implemented"),
        (form(start="yesterday"), "bad-request"),
        (form(free_text="x"), "feature-not-implemented"),
        (form(include_groupchat="perhaps"), "bad-request"),
    ],
)
async def test_errors(asker: Asker, inside: str, condition: str) -> None:
    found, error = await asker.ask(inside)
    assert found == [] and f"<{condition} " in error and "type='error'" in error


async def test_nobody_elses_ids(asker: Asker) -> None:
    await asker.world.take(asker.world.message("x", sender="carol@localhost/c", stanza_id="theirs"))
    assert "item-not-found" in (await asker.ask(form(after_id="theirs")))[1]


async def test_a_node(asker: Asker) -> None:
    assert "item-not-found" in (await asker.ask(attributes=" node='urn:x'"))[1]


async def test_metadata(asker: Asker) -> None:
    (answer,) = await asker.raw(mam.METADATA, "<metadata xmlns='urn:xmpp:mam:2'/>", type="get")
    told = answer.stanza.decode()
    assert f'<start id="id-1" timestamp="{when(1)}"/><end id="id-10" timestamp="{when(10)}"/>' in told
    (refused,) = await asker.raw(mam.METADATA, "<metadata xmlns='urn:xmpp:mam:2'/>")
    assert b"bad-request" in refused.stanza


async def test_metadata_of_an_empty_archive(world: World) -> None:
    await world.bind(ME)
    (answer,) = await Asker(world).raw(mam.METADATA, "<metadata xmlns='urn:xmpp:mam:2'/>", type="get")
    assert answer.stanza.endswith(b'<metadata xmlns="urn:xmpp:mam:2"/></iq>')


async def test_the_form(asker: Asker) -> None:
    (answer,) = await asker.raw(mam.QUERY, "<query xmlns='urn:xmpp:mam:2'/>", type="get")
    assert b'var="before-id"' in answer.stanza and b"list-multi" in answer.stanza


async def test_an_id_on_its_way_is_waited_for(asker: Asker) -> None:
    world = asker.world
    question = await world.log(world.iq(mam.QUERY, f"<query xmlns='urn:xmpp:mam:2'>{form(after_id='late')}</query>"))
    # In the log, and not yet in the database, when the question is answered.
    message = await world.log(world.message("late", stanza_id="late"), world.message("later"))
    world.worker.take(question)
    world.worker.take(message)
    await until(lambda: world.progress.position >= message.sequence)
    frames = (await world.delivered())[asker.read :]
    assert [b"later" in frame.stanza for frame in frames] == [True, False]


async def test_words(database: Database) -> None:
    world = World(database, search=True)
    await world.start()
    try:
        await world.bind(ME)
        await world.take(world.message("to be"), world.message("or not to be"))
        asker = Asker(world)
        wanted = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>"
        field = wanted + "<field var='{urn:xmpp:fulltext:0}fulltext'><value>%s</value></field></x>"
        assert (await asker.ask(field % "BE not"))[0] == ["or not to be"]
        nothing, fin = await asker.ask(field % "?!")
        assert nothing == [] and 'complete="true"' in fin
        (form,) = await asker.raw(mam.QUERY, "<query xmlns='urn:xmpp:mam:2'/>", type="get")
        assert b"{urn:xmpp:fulltext:0}fulltext" in form.stanza
    finally:
        await world.close()
