"""The privilege tables of XEP-0045 §5 as matrices."""

from __future__ import annotations

import pytest
from natter.muc.room import rights
from natter.muc.room.state import Config
from natter.xmpp.xeps.muc import Affiliation, Role

OWNER, ADMIN, MEMBER, NONE, OUTCAST = (
    Affiliation.OWNER,
    Affiliation.ADMIN,
    Affiliation.MEMBER,
    Affiliation.NONE,
    Affiliation.OUTCAST,
)
MODERATOR, PARTICIPANT, VISITOR, NO_ROLE = Role.MODERATOR, Role.PARTICIPANT, Role.VISITOR, Role.NONE
OK, FORBIDDEN, NOT_ALLOWED, CONFLICT = "", "forbidden", "not-allowed", "conflict"


@pytest.mark.parametrize(
    ("config", "row"),
    [
        # XEP-0045 §5.1.2: none, member, admin, owner.
        (Config(moderated=True), (VISITOR, PARTICIPANT, MODERATOR, MODERATOR)),
        (Config(), (PARTICIPANT, PARTICIPANT, MODERATOR, MODERATOR)),
        (Config(members_only=True), (PARTICIPANT, PARTICIPANT, MODERATOR, MODERATOR)),
    ],
)
def test_initial_roles(config: Config, row: tuple[Role, ...]) -> None:
    assert tuple(rights.initial_role(config, a) for a in (NONE, MEMBER, ADMIN, OWNER)) == row
    assert rights.initial_role(config, OUTCAST) is NO_ROLE


KICKS = {
    # actor: target none-participant, member-participant, none-moderator, admin, owner
    (PARTICIPANT, NONE): (FORBIDDEN,) * 5,
    (VISITOR, MEMBER): (FORBIDDEN,) * 5,
    (MODERATOR, NONE): (OK, NOT_ALLOWED, NOT_ALLOWED, NOT_ALLOWED, NOT_ALLOWED),
    (MODERATOR, MEMBER): (OK, OK, NOT_ALLOWED, NOT_ALLOWED, NOT_ALLOWED),
    (MODERATOR, ADMIN): (OK, OK, OK, OK, NOT_ALLOWED),
    (MODERATOR, OWNER): (OK, OK, OK, OK, OK),
    # Not in the room.
    (NO_ROLE, OWNER): (OK, OK, OK, OK, OK),
    (NO_ROLE, NONE): (FORBIDDEN,) * 5,
}
TARGETS = ((PARTICIPANT, NONE), (PARTICIPANT, MEMBER), (MODERATOR, NONE), (MODERATOR, ADMIN), (MODERATOR, OWNER))


@pytest.mark.parametrize("actor", KICKS)
def test_who_kicks_whom(actor: tuple[Role, Affiliation]) -> None:
    assert tuple(rights.change_role(actor, target, NO_ROLE) for target in TARGETS) == KICKS[actor]


REVOKES = {
    (PARTICIPANT, NONE): (FORBIDDEN,) * 4,
    (MODERATOR, NONE): (OK, NOT_ALLOWED, FORBIDDEN, NOT_ALLOWED),
    (MODERATOR, MEMBER): (OK, NOT_ALLOWED, FORBIDDEN, NOT_ALLOWED),
    (MODERATOR, ADMIN): (OK, OK, OK, NOT_ALLOWED),
    (MODERATOR, OWNER): (OK, OK, OK, NOT_ALLOWED),
}


@pytest.mark.parametrize("actor", REVOKES)
def test_who_takes_voice_from_whom(actor: tuple[Role, Affiliation]) -> None:
    assert tuple(rights.change_role(actor, t, VISITOR) for t in TARGETS[:4]) == REVOKES[actor]


@pytest.mark.parametrize("affiliation", [NONE, MEMBER, ADMIN, OWNER])
def test_moderators_are_made_and_unmade_by_admins(affiliation: Affiliation) -> None:
    expected = OK if affiliation in (ADMIN, OWNER) else FORBIDDEN
    assert rights.change_role((MODERATOR, affiliation), (PARTICIPANT, NONE), MODERATOR) == expected
    assert rights.change_role((MODERATOR, affiliation), (MODERATOR, MEMBER), PARTICIPANT) == expected
    # XEP-0045 §9.7: never from an admin or owner.
    assert rights.change_role((MODERATOR, affiliation), (MODERATOR, ADMIN), PARTICIPANT) == NOT_ALLOWED
    assert rights.change_role((MODERATOR, affiliation), (VISITOR, NONE), PARTICIPANT) == OK


AFFILIATIONS = {
    # (actor, target): outcast, none, member, admin, owner
    (NONE, NONE): (FORBIDDEN,) * 5,
    (MEMBER, NONE): (FORBIDDEN,) * 5,
    (ADMIN, NONE): (OK, OK, OK, FORBIDDEN, FORBIDDEN),
    (ADMIN, MEMBER): (OK, OK, OK, FORBIDDEN, FORBIDDEN),
    (ADMIN, OUTCAST): (OK, OK, OK, FORBIDDEN, FORBIDDEN),
    (ADMIN, ADMIN): (NOT_ALLOWED, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN),
    (ADMIN, OWNER): (NOT_ALLOWED, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN),
    (OWNER, NONE): (OK,) * 5,
    (OWNER, ADMIN): (OK,) * 5,
    (OWNER, OWNER): (OK,) * 5,
}


@pytest.mark.parametrize("pair", AFFILIATIONS)
def test_who_changes_whose_affiliation(pair: tuple[Affiliation, Affiliation]) -> None:
    actor, target = pair
    row = tuple(
        rights.change_affiliation(actor, target, new, oneself=False, last_owner=False)
        for new in (OUTCAST, NONE, MEMBER, ADMIN, OWNER)
    )
    assert row == AFFILIATIONS[pair]


def test_nobody_bans_himself_and_a_room_keeps_an_owner() -> None:
    def change(actor: Affiliation, new: Affiliation, *, last: bool) -> str:
        return rights.change_affiliation(actor, actor, new, oneself=True, last_owner=last)

    assert change(ADMIN, OUTCAST, last=False) == CONFLICT
    assert change(OWNER, OUTCAST, last=False) == CONFLICT
    assert change(OWNER, ADMIN, last=True) == CONFLICT
    assert change(OWNER, OWNER, last=True) == OK
    assert change(OWNER, NONE, last=False) == OK


LISTS = {
    # asker: owner list, admin list, member list, ban list; semi-anonymous, then non-anonymous
    NONE: ((FORBIDDEN,) * 4, (FORBIDDEN,) * 4),
    OUTCAST: ((FORBIDDEN,) * 4, (FORBIDDEN,) * 4),
    MEMBER: ((FORBIDDEN,) * 4, (OK, OK, OK, FORBIDDEN)),
    ADMIN: ((FORBIDDEN, FORBIDDEN, OK, OK), (OK, OK, OK, OK)),
    OWNER: ((OK,) * 4, (OK,) * 4),
}


@pytest.mark.parametrize("asker", LISTS)
def test_who_reads_which_list(asker: Affiliation) -> None:
    wanted = (OWNER, ADMIN, MEMBER, OUTCAST)
    for public, row in zip((False, True), LISTS[asker], strict=True):
        assert tuple(rights.list_affiliation(asker, w, Config(jids_public=public)) for w in wanted) == row


@pytest.mark.parametrize(
    ("config", "role", "before", "after", "expected"),
    [
        (Config(), PARTICIPANT, NONE, ADMIN, MODERATOR),
        (Config(), MODERATOR, ADMIN, MEMBER, PARTICIPANT),
        (Config(moderated=True), MODERATOR, OWNER, NONE, VISITOR),
        (Config(moderated=True), VISITOR, NONE, MEMBER, PARTICIPANT),
        (Config(moderated=True), PARTICIPANT, MEMBER, NONE, PARTICIPANT),
        (Config(), MODERATOR, NONE, MEMBER, MODERATOR),
    ],
)
def test_roles_after_a_change_of_affiliation(config, role, before, after, expected) -> None:
    assert rights.role_after(config, role, before, after) is expected


def test_who_sees_real_jids() -> None:
    assert [rights.sees_jids(Config(), r) for r in (MODERATOR, PARTICIPANT, VISITOR)] == [True, False, False]
    assert rights.sees_jids(Config(jids_public=True), VISITOR)
    assert rights.at_least(MEMBER, NONE)
    assert not rights.at_least(OUTCAST, NONE)
    assert rights.role_at_least(MODERATOR, PARTICIPANT)
    assert not rights.role_at_least(VISITOR, PARTICIPANT)
