"""XEP-0313 in rooms: what was said is read again, from chapters and from what no chapter has yet, on both buses."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
from lxml import etree
from natter.bus import subjects
from natter.muc import archive as archive_module
from natter.muc.room import archive_id
from natter.xmpp.xeps import date_time

from .conftest import Guest, Hall

ROOM = "den@conference.localhost"
MAM = "{urn:xmpp:mam:2}"
RSM = "{http://jabber.org/protocol/rsm}"
CLIENT = "{jabber:client}"
counter = itertools.count(1)


@pytest.fixture
async def den(bus) -> AsyncIterator[Hall]:
    """A shard that makes a chapter every few events."""
    made = Hall(bus, snapshot_events=10)
    await made.start()
    yield made
    await made.stop()


class Answer:
    """What came of a query."""

    def __init__(self, stanzas: list[etree._Element]) -> None:
        self.results = [s.find(f"{MAM}result") for s in stanzas[:-1]]
        self.iq = stanzas[-1]
        self.fin = self.iq.find(f"{MAM}fin")

    @property
    def ids(self) -> list[str]:
        return [r.get("id") for r in self.results]

    @property
    def messages(self) -> list[etree._Element]:
        return [r.find(f"{{urn:xmpp:forward:0}}forwarded/{CLIENT}message") for r in self.results]

    @property
    def bodies(self) -> list[str]:
        return [m.findtext(f"{CLIENT}body") or "" for m in self.messages]

    @property
    def complete(self) -> bool:
        return self.fin.get("complete") == "true"

    @property
    def error(self) -> str:
        return etree.QName(self.iq.find(f"{CLIENT}error")[0]).localname


async def ask(
    hall: Hall, guest: Guest, inner: str = "", *, room: str = ROOM, type: str = "set", **fields: str
) -> Answer:
    id, before = f"q{next(counter)}", len(guest.got)
    values = "".join(
        f"<field var='{name.rstrip('_').replace('_', '-')}'><value>{value}</value></field>"
        for name, value in fields.items()
    )
    kind = "<field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>"
    form = f"<x xmlns='jabber:x:data' type='submit'>{kind}{values}</x>" if fields else ""
    query = f"<query xmlns='urn:xmpp:mam:2' queryid='f27'>{form}{inner}</query>"
    if type == "metadata":
        query, type = "<metadata xmlns='urn:xmpp:mam:2'/>", "get"
    hall.send(guest, f"<iq from='{guest.jid}' id='{id}' to='{room}' type='{type}'>{query}</iq>")
    await hall.until(lambda: any(s.get("id") == id for s in guest.got[before:]))
    stanzas = [s for s in guest.got[before:] if s.find(f"{MAM}result") is not None or s.get("id") == id]
    return Answer(stanzas)


def page(inner: str) -> str:
    return f"<set xmlns='http://jabber.org/protocol/rsm'>{inner}</set>"


async def talk(hall: Hall, count: int, **config: str) -> tuple[Guest, Guest, list[str]]:
    """Two people, and so many messages in chapters but for the last few; the ids that they were said with."""
    one, two = [await hall.login(f"u{n}@localhost/r") for n in (1, 2)]
    hall.join(one, ROOM, "one")
    hall.submit(one, ROOM, **{"persistentroom": "1", **config})
    hall.join(two, ROOM, "two")
    for start in range(0, count, 60):
        for number in range(start, min(start + 60, count)):
            hall.say(two if number % 3 else one, ROOM, f"word {number}")
        await hall.settled()
        if start + 60 < count:
            await write(hall)
    said = [s for s in two.got if s.findtext(f"{CLIENT}body") is not None]
    return one, two, [s.find("{urn:xmpp:sid:0}stanza-id").get("id") for s in said]


async def write(hall: Hall) -> None:
    """Have what is delivered in chapters."""
    for _ in range(3):
        hall.save()
        await hall.worker.upkeep.tick()


async def test_pages_forwards_and_backwards_have_everything_in_order(den) -> None:
    one, _, ids = await talk(den, 300)
    assert await den.bus.last_many(subjects.CHAPTERS, subjects.chapters(ROOM))
    expected = [f"word {number}" for number in range(300)]
    assert len(set(ids)) == 300
    got, after = [], ""
    while True:
        answer = await ask(den, one, page(f"<max>70</max>{after}"))
        got += zip(answer.ids, answer.bodies, strict=True)
        assert answer.fin.findtext(f"{RSM}set/{RSM}last") == answer.ids[-1]
        if answer.complete:
            break
        after = f"<after>{answer.ids[-1]}</after>"
    assert got == list(zip(ids, expected, strict=True))
    assert len(answer.ids) == 20
    got, before = [], "<before/>"
    while True:
        answer = await ask(den, one, page(f"<max>70</max>{before}"))
        got = list(zip(answer.ids, answer.bodies, strict=True)) + got
        if answer.complete:
            break
        before = f"<before>{answer.ids[0]}</before>"
    assert got == list(zip(ids, expected, strict=True))


async def test_the_next_holder_answers_the_same(den) -> None:
    one, two, ids = await talk(den, 150)
    await den.kill()
    await den.open(den.shard.progress.position)
    den.say(two, ROOM, "after")
    await den.settled()
    answer = await ask(den, one, page("<max>10</max><before/>"))
    assert answer.bodies == [*(f"word {number}" for number in range(141, 150)), "after"]
    assert answer.ids[:-1] == ids[141:]
    answer = await ask(den, one, page("<max>2</max>"))
    assert answer.ids == ids[:2]
    assert answer.results[0].get("queryid") == "f27"
    message = answer.messages[0]
    assert message.get("to") is None
    assert message.get("from") == f"{ROOM}/one"
    # XEP-0313 §4.3.1: count and place are known without looking.
    assert answer.fin.findtext(f"{RSM}set/{RSM}count") == "151"
    assert answer.fin.find(f"{RSM}set/{RSM}first").get("index") == "0"


async def test_filters(den) -> None:
    one, two, ids = await talk(den, 150)
    assert (await ask(den, one, after_id=ids[10], before_id=ids[14])).ids == ids[11:14]
    assert (await ask(den, one, ids=ids[77])).bodies == ["word 77"]
    assert (await ask(den, two, with_=f"{ROOM}/one", after_id=ids[140])).bodies == ["word 141", "word 144", "word 147"]
    assert (await ask(den, one, with_="u1@localhost", after_id=ids[145])).bodies == ["word 147"]
    assert (await ask(den, two, with_="u1@localhost")).error == "forbidden"
    assert (await ask(den, one, with_="nobody@localhost")).bodies == []
    flipped = await ask(den, one, page("<max>3</max><before/>") + "<flip-page/>")
    assert flipped.bodies == ["word 149", "word 148", "word 147"]
    everything = await ask(den, one, page("<max>100</max>"))
    stamps = [
        date_time.parse(r.find("{urn:xmpp:forward:0}forwarded/{urn:xmpp:delay}delay").get("stamp"))
        for r in everything.results
    ]
    middle = date_time.render(stamps[60])
    early = await ask(den, one, page("<max>100</max>"), end=middle)
    late = await ask(den, one, page("<max>1</max>"), start=middle)
    assert stamps[early.bodies.index(early.bodies[-1])] <= stamps[60]
    assert int(late.bodies[0].split()[1]) <= 60
    assert (await ask(den, one, start="2100-01-01T00:00:00Z")).complete


def counted(answer: Answer) -> tuple[str | None, str | None]:
    """The place of the first message, and how many there are."""
    first = answer.fin.find(f"{RSM}set/{RSM}first")
    return None if first is None else first.get("index"), answer.fin.findtext(f"{RSM}set/{RSM}count")


async def test_places_and_counts(den) -> None:
    one, _, ids = await talk(den, 150)
    # XEP-0059 §2.7: nothing but the count.
    none = await ask(den, one, page("<max>0</max>"))
    assert (none.ids, none.complete, counted(none)) == ([], False, (None, "150"))
    assert counted(await ask(den, one, page("<max>0</max>"), after_id=ids[139])) == (None, "10")
    assert counted(await ask(den, one, page("<max>0</max>"), start="2100-01-01T00:00:00Z")) == (None, "0")
    assert counted(await ask(den, one, page("<max>0</max>"), ids=ids[3])) == (None, "1")
    # Of a filter it is not known without looking, and may be said roughly.
    assert counted(await ask(den, one, page("<max>0</max>"), with_=f"{ROOM}/one")) == (None, "150")
    # XEP-0059 §2.1: in the whole set, wherever the page is.
    assert counted(await ask(den, one, page(f"<max>2</max><after>{ids[69]}</after>"))) == ("70", "150")
    assert counted(await ask(den, one, page(f"<max>2</max><before>{ids[70]}</before>"))) == ("68", "150")
    assert counted(await ask(den, one, page(f"<max>2</max><after>{ids[149]}</after>"))) == (None, "150")
    # XEP-0059 §2.6: a page by its place.
    third = await ask(den, one, page("<max>3</max><index>140</index>"))
    assert (third.ids, counted(third)) == (ids[140:143], ("140", "150"))
    assert (await ask(den, one, page("<max>3</max><index>0</index>"))).ids == ids[:3]
    assert (await ask(den, one, page("<index>150</index>"))).error == "item-not-found"
    assert (await ask(den, one, page("<index>1</index>"), with_=f"{ROOM}/one")).error == "feature-not-implemented"
    assert (await ask(den, one, page("<index>1</index><before/>"))).error == "feature-not-implemented"


async def test_what_is_wrong_with_a_query(den) -> None:
    one, _, _ = await talk(den, 3)
    made_up = archive_id.encode(b"not the room's", 1)
    assert (await ask(den, one, page(f"<after>{made_up}</after>"))).error == "item-not-found"
    assert (await ask(den, one, page("<before>x</before>"))).error == "item-not-found"
    assert (await ask(den, one, ids="x")).error == "item-not-found"
    assert (await ask(den, one, start="yesterday")).error == "bad-request"
    assert (await ask(den, one, other="x")).error == "feature-not-implemented"
    assert (await ask(den, one, page("<max>x</max>"))).error == "bad-request"


async def test_who_may_read(den) -> None:
    one, _, _ = await talk(den, 3)
    stranger = await den.login("x@localhost/r")
    assert len((await ask(den, stranger)).ids) == 3
    assert (await ask(den, stranger)).messages[0].find("{http://jabber.org/protocol/muc#user}x") is None
    item = (await ask(den, one)).messages[0].find("{http://jabber.org/protocol/muc#user}x")[0]
    assert item.get("jid") == "u1@localhost/r"
    for config in ({"membersonly": "1"}, {"membersonly": "0", "passwordprotectedroom": "1", "roomsecret": "x"}):
        den.submit(one, ROOM, **config)
        await den.settled()
        assert (await ask(den, stranger)).error == "forbidden"
    den.submit(one, ROOM, passwordprotectedroom="0")
    query = (
        "<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast' jid='x@localhost'/></query>"
    )
    den.send(one, f"<iq from='{one.jid}' id='a' to='{ROOM}' type='set'>{query}</iq>")
    await den.settled()
    assert (await ask(den, stranger)).error == "forbidden"
    assert (await ask(den, stranger, room="nowhere@conference.localhost")).error == "item-not-found"


async def test_a_room_without_archive(den) -> None:
    one, _, _ = await talk(den, 3, enablearchiving="0")
    assert (await ask(den, one)).error == "service-unavailable"
    den.submit(one, ROOM, enablearchiving="1")
    den.say(one, ROOM, "for ever")
    await den.settled()
    assert (await ask(den, one)).bodies == ["for ever"]


async def test_edges_and_the_form(den) -> None:
    one, _, ids = await talk(den, 130)
    edges = (await ask(den, one, type="metadata")).iq[0]
    assert [e.get("id") for e in edges] == [ids[0], ids[-1]]
    form = (await ask(den, one, type="get")).iq[0]
    assert {f.get("var") for f in form.iter("{jabber:x:data}field")} >= {"with", "start", "end", "ids"}


async def test_what_is_too_old_is_not_told(den) -> None:
    one, _, ids = await talk(den, 100)
    den.worker.questions.archives.days = 0
    assert (await ask(den, one)).ids == []
    assert (await ask(den, one, ids=ids[5])).error == "item-not-found"
    assert len((await ask(den, one, type="metadata")).iq[0]) == 0


async def test_what_is_not_worth_keeping_is_not_kept(den) -> None:
    one, two, _ = await talk(den, 1)
    composing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
    den.send(two, f"<message from='{two.jid}' id='c' to='{ROOM}' type='groupchat'>{composing}</message>")
    den.say(two, ROOM, "psst", nick="one")
    den.send(one, f"<message from='{one.jid}' id='s' to='{ROOM}' type='groupchat'><subject>new</subject></message>")
    await den.settled()
    answer = await ask(den, one)
    assert answer.bodies == ["word 0", ""]
    assert answer.messages[1].findtext(f"{CLIENT}subject") == "new"


def taken(message: etree._Element) -> etree._Element | None:
    return message.find("{urn:xmpp:message-retract:1}retracted")


@pytest.mark.parametrize("count", [5, 200])
async def test_an_author_takes_a_message_back(den, count: int) -> None:
    one, two, ids = await talk(den, count)
    inside = "<retract xmlns='urn:xmpp:message-retract:1' id='{}'/><body>/me took it back</body>"
    for number in (1, 3):
        # Number 1 is two's own, number 3 is one's.
        retract = inside.format(ids[number])
        den.send(two, f"<message from='{two.jid}' id='r{number}' to='{ROOM}' type='groupchat'>{retract}</message>")
    # XEP-0424 §6.1: by the room's own id. The one that the author gave means nothing here.
    own = next(s.get("id") for s in one.got if s.findtext(f"{CLIENT}body") == "word 0")
    den.send(one, f"<message from='{one.jid}' id='r0' to='{ROOM}' type='groupchat'>{inside.format(own)}</message>")
    await den.settled()
    for _ in range(2):
        answer = await ask(den, one, page("<max>5</max>"))
        assert answer.ids == ids[:5]
        assert answer.bodies == ["word 0", "", "word 2", "word 3", "word 4"]
        stone = taken(answer.messages[1])
        assert stone.get("id") == "r1"
        assert answer.messages[1].get("from") == f"{ROOM}/two"
        assert answer.messages[1].find("{urn:xmpp:occupant-id:0}occupant-id") is not None
        for number in range(20):
            den.say(one, ROOM, f"more {number}")
        await den.settled()
        await write(den)
    late = await den.login("late@localhost/r")
    den.join(late, ROOM, "late")
    await den.settled()
    assert "word 1" not in late.bodies()


async def test_a_moderator_takes_a_message_back(den) -> None:
    one, two, ids = await talk(den, 5)

    async def moderate(who: Guest, id: str) -> etree._Element:
        iq = f"m{next(counter)}"
        inner = "<retract xmlns='urn:xmpp:message-retract:1'/><reason>spam</reason>"
        query = f"<moderate xmlns='urn:xmpp:message-moderate:1' id='{id}'>{inner}</moderate>"
        den.send(who, f"<iq from='{who.jid}' id='{iq}' to='{ROOM}' type='set'>{query}</iq>")
        await den.until(lambda: any(s.get("id") == iq for s in who.got))
        return next(s for s in who.got if s.get("id") == iq)

    assert (await moderate(two, ids[0])).get("type") == "error"
    assert (await moderate(one, archive_id.encode(b"", 1))).get("type") == "error"
    assert (await moderate(one, ids[1])).get("type") == "result"
    told = two.got[-1]
    retract = told.find("{urn:xmpp:message-retract:1}retract")
    assert (told.get("from"), told.get("type"), retract.get("id")) == (ROOM, "groupchat", ids[1])
    assert retract[0].get("by") == f"{ROOM}/one"
    answer = await ask(den, one)
    assert answer.bodies == ["word 0", "", "word 2", "word 3", "word 4", ""]
    assert taken(answer.messages[1])[0].get("by") == f"{ROOM}/one"
    assert answer.messages[5].get("from") == ROOM
    assert answer.ids[5] == told.find("{urn:xmpp:sid:0}stanza-id").get("id")


async def test_a_room_that_is_made_again_knows_nothing_of_the_old_one(den) -> None:
    one, two, ids = await talk(den, 100)
    query = "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>"
    den.send(one, f"<iq from='{one.jid}' id='d' to='{ROOM}' type='set'>{query}</iq>")
    den.join(two, ROOM, "two")
    den.submit(two, ROOM)
    den.say(two, ROOM, "a new life")
    await den.settled()
    assert (await ask(den, two)).bodies == ["a new life"]
    assert (await ask(den, two, ids=ids[3])).error == "item-not-found"
    await write(den)
    life = archive_id.life(den.worker.rooms.get(ROOM).room.secret)
    left = await den.bus.last_many(subjects.CHAPTERS, subjects.chapters(ROOM))
    assert all(life in entry.subject for entry in left)


async def test_slow_and_too_many_questions_are_refused(den, monkeypatch) -> None:
    one, _, _ = await talk(den, 3)

    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(archive_module, "ANSWER_SECONDS_MAX", 0.01)
    monkeypatch.setattr(den.bus, "read", never)
    assert (await ask(den, one)).error == "resource-constraint"
    monkeypatch.undo()
    monkeypatch.setattr("natter.muc.questions.QUESTIONS_MAX", 0)
    assert (await ask(den, one)).error == "resource-constraint"
