"""Records of the archive's log, ids, and carbons as frames."""

from __future__ import annotations

from typing import Any

import pytest
from natter.proto.v1.bus_pb2 import Frame
from natter.router import history
from natter.router.history import PARTS, Work
from natter.router.route.outcome import Copy, Keep
from natter.router.subjects import Subjects
from natter.xmpp.traits import Trait
from natter.xmpp.xeps import stanza_id

ALICE, BOB = "alice@example.com", "bob@example.com"
SUBJECTS = Subjects(8, 8, 1)


class Sent(list[tuple[str, Frame]]):
    """What was sent, decoded."""

    def raw(self, subject: str, frame: bytes) -> None:
        self.append((subject, Frame.FromString(frame)))

    def frame(self, subject: str, frame: Frame) -> None:
        copy = Frame()
        copy.CopyFrom(frame)
        self.append((subject, copy))


@pytest.fixture
def said(frames: Any) -> Frame:
    made: Frame = frames("message", f"{BOB}/x", "chat", inside="<body>hi</body>", sequence=7, index=32)
    return made


def test_ids_are_the_same_again_and_differ_for_others(said: Frame) -> None:
    first = history.id_of(said)
    assert first == history.id_of(said) and len(first) == 14 + 2 * history.ID_BYTES
    others = set()
    for field, value in (("sequence", 8), ("index", 48), ("session", "other"), ("accepted_us", 1)):
        other = Frame()
        other.CopyFrom(said)
        setattr(other, field, value)
        others.add(history.id_of(other))
    assert len(others) == 4 and first not in others


def test_a_record_has_the_message_as_it_was_sent(said: Frame) -> None:
    sent, before, raw = Sent(), said.stanza, said.SerializeToString()
    history.keep(Work(raw), said, Keep((ALICE, BOB)), SUBJECTS, sent.raw)
    ((subject, record),) = sent
    assert subject == "natter.archive.0"
    assert (list(record.owners), record.offline, record.stanza) == ([ALICE, BOB], "", before)
    assert (record.sequence, record.index, record.stanza_id) == (7, 32, said.stanza_id)
    # What is delivered has the id of the recipient's archive, and only that.
    assert stanza_id.find(said.stanza, BOB) == said.stanza_id and stanza_id.find(said.stanza, ALICE) is None


def test_each_shard_gets_its_owners(said: Frame) -> None:
    sent, subjects = Sent(), Subjects(8, 8, 64)
    history.keep(Work(said.SerializeToString()), said, Keep((ALICE, BOB), BOB), subjects, sent.raw)
    assert {(subject, *record.owners, record.offline) for subject, record in sent} == {
        (subjects.shard("archive", ALICE), ALICE, ""),
        (subjects.shard("archive", BOB), BOB, BOB),
    }


def test_what_only_waits_has_no_id(said: Frame) -> None:
    sent = Sent()
    history.keep(Work(said.SerializeToString()), said, Keep((), BOB), SUBJECTS, sent.raw)
    assert (sent[0][1].offline, said.stanza_id, b"stanza-id" in said.stanza) == (BOB, "", False)


def test_carbons_have_causes_of_their_own_and_no_session(said: Frame, people: Any) -> None:
    work, sent = Work(said.SerializeToString()), Sent()
    history.keep(work, said, Keep((ALICE, BOB)), SUBJECTS, Sent().raw)
    for number, (account, by) in enumerate(((BOB, False), (ALICE, True))):
        sessions = tuple(people.add(f"{account}/{n}", gateway="g1") for n in range(2))
        history.copy(work, said, Copy(account, sessions, by), SUBJECTS, sent.frame)
        for _, carbon in sent[number * 2 :]:
            # Its only id is that of the account's own archive.
            assert carbon.stanza_id == said.stanza_id and carbon.stanza.count(b"<stanza-id") == 1
            assert f"by='{account}' id='{said.stanza_id}'".encode() in carbon.stanza
    assert [frame.index for _, frame in sent] == [33, 34, 35, 36]
    assert {frame.session for _, frame in sent} == {""}
    assert [len(frame.sessions) for _, frame in sent] == [1, 1, 1, 1]


def test_more_copies_than_causes(said: Frame, people: Any) -> None:
    sent = Sent()
    sessions = tuple(people.add(f"{BOB}/{n}") for n in range(PARTS + 1))
    history.copy(Work(), said, Copy(BOB, sessions, sent=False), SUBJECTS, sent.frame)
    causes = [(frame.sequence, frame.index) for _, frame in sent]
    assert causes[: PARTS - 1] == [(7, 32 + part) for part in range(1, PARTS)]
    assert causes[PARTS - 1 :] == [(0, 0)] * 2


def test_forged_ids_go_before_it_is_kept(said: Frame) -> None:
    said.stanza = stanza_id.stamped(stanza_id.stamped(said.stanza, BOB, "forged"), "room@elsewhere", "real")
    said.traits |= Trait.STANZA_ID
    work = Work(said.SerializeToString())
    history.clean(work, said, "example.com")
    assert b"forged" not in said.stanza and b"real" in said.stanza
    assert Frame.FromString(work.raw).stanza == said.stanza


def test_what_comes_back_keeps_its_id(said: Frame) -> None:
    said.stanza = stanza_id.stamped(said.stanza, BOB, "ours")
    said.traits |= Trait.STANZA_ID
    said.returned = 1
    history.clean(Work(), said, "example.com")
    assert b"ours" in said.stanza


def test_work_begins_anew() -> None:
    work = Work(b"a", b"b", {"g": 1})
    assert work.begin(b"c") is work
    assert (work.raw, work.said, work.parts) == (b"c", b"", {})
