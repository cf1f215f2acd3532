"""Who may do what: the privilege tables of XEP-0045 §5, and what a change of affiliation does to a role."""

from __future__ import annotations

from typing import Final

from natter.xmpp.xeps.muc import Affiliation, Role

from .state import Config

_RANK: Final = {
    Affiliation.OUTCAST: 0,
    Affiliation.NONE: 1,
    Affiliation.MEMBER: 2,
    Affiliation.ADMIN: 3,
    Affiliation.OWNER: 4,
}
_ROLE_RANK: Final = {Role.NONE: 0, Role.VISITOR: 1, Role.PARTICIPANT: 2, Role.MODERATOR: 3}
_LEADS: Final = (Affiliation.ADMIN, Affiliation.OWNER)

ALLOWED: Final = ""
FORBIDDEN: Final = "forbidden"
NOT_ALLOWED: Final = "not-allowed"
CONFLICT: Final = "conflict"


def leads(affiliation: Affiliation) -> bool:
    """Admin or owner."""
    return affiliation in _LEADS


def at_least(affiliation: Affiliation, least: Affiliation) -> bool:
    """Whether `affiliation` includes the privileges of `least`."""
    return _RANK[affiliation] >= _RANK[least]


def role_at_least(role: Role, least: Role) -> bool:
    """Whether `role` includes the privileges of `least`."""
    return _ROLE_RANK[role] >= _ROLE_RANK[least]


def initial_role(config: Config, affiliation: Affiliation) -> Role:
    """The role on entering. XEP-0045 §5.1.2."""
    if leads(affiliation):
        return Role.MODERATOR
    if affiliation is Affiliation.OUTCAST:
        return Role.NONE
    muted = config.moderated and not config.voiced_by_default
    return Role.VISITOR if muted and affiliation is Affiliation.NONE else Role.PARTICIPANT


def role_after(config: Config, role: Role, before: Affiliation, after: Affiliation) -> Role:
    """The role of an occupant whose affiliation changes and who stays. XEP-0045 §5.1.3, the note below the chart."""
    if leads(after):
        return Role.MODERATOR
    if leads(before):
        return initial_role(config, after)
    if after is Affiliation.MEMBER and role is Role.VISITOR:
        return Role.PARTICIPANT
    return role


def change_role(actor: tuple[Role, Affiliation], target: tuple[Role, Affiliation], new: Role) -> str:
    """Why `actor` may not give `target` the role `new`: an error condition, or ALLOWED."""
    (actor_role, actor_rank), (role, rank) = actor, target
    # XEP-0045 §8: everybody but moderators (and, §9, admins) is told `forbidden`.
    if actor_role is not Role.MODERATOR and not leads(actor_rank):
        return FORBIDDEN
    if new is Role.NONE:
        return _kick(actor_rank, role, rank)
    # XEP-0045 §5.2.1: assigning and removing the moderator role is for admins and owners.
    if new is Role.MODERATOR:
        return ALLOWED if leads(actor_rank) else FORBIDDEN
    if role is Role.MODERATOR:
        # XEP-0045 §9.7: nobody takes it from an admin or owner.
        if leads(rank):
            return NOT_ALLOWED
        return ALLOWED if leads(actor_rank) else FORBIDDEN
    # XEP-0045 §8.4: voice is not taken from an admin or owner, nor from an affiliation at or above the moderator's.
    # DEVIATION(XEP-0045 §8.4): of no affiliation, as a moderator without one could silence nobody else.
    if new is Role.VISITOR and (leads(rank) or (rank is not Affiliation.NONE and _RANK[rank] >= _RANK[actor_rank])):
        return NOT_ALLOWED
    return ALLOWED


def _kick(actor_rank: Affiliation, role: Role, rank: Affiliation) -> str:
    # XEP-0045 §8.2: nobody kicks a higher affiliation.
    if _RANK[rank] > _RANK[actor_rank]:
        return NOT_ALLOWED
    # XEP-0045 §5.1.3: moderators are kicked by admins and owners.
    return NOT_ALLOWED if role is Role.MODERATOR and not leads(actor_rank) else ALLOWED


def change_affiliation(
    actor: Affiliation, target: Affiliation, new: Affiliation, *, oneself: bool, last_owner: bool
) -> str:
    """Why `actor` may not make `target` into `new`: an error condition, or ALLOWED.

    `oneself`: actor and target are one user; `last_owner`: the target is the only owner.
    """
    if not leads(actor):
        return FORBIDDEN
    # XEP-0045 §9.1: admins and owners do not ban themselves.
    if oneself and new is Affiliation.OUTCAST:
        return CONFLICT
    if actor is Affiliation.OWNER:
        # XEP-0045 §10.4: a room keeps an owner.
        return CONFLICT if last_owner and new is not Affiliation.OWNER else ALLOWED
    # XEP-0045 §9.1: an admin does not ban an owner or another admin.
    if new is Affiliation.OUTCAST and leads(target):
        return NOT_ALLOWED
    # XEP-0045 §10.5 and §10.8: only owners modify the owner list and the admin list.
    return FORBIDDEN if leads(target) or leads(new) else ALLOWED


def list_affiliation(asker: Affiliation, wanted: Affiliation, config: Config, role: Role = Role.NONE) -> str:
    """Why `asker` may not read the list of `wanted`: an error condition, or ALLOWED."""
    if wanted in (Affiliation.OWNER, Affiliation.ADMIN):
        # XEP-0045 §10.5 and §10.8: owners; in non-anonymous rooms whoever may read the member list, for who encrypts to
        # all must know all.
        allowed = asker is Affiliation.OWNER or (config.jids_public and at_least(asker, Affiliation.MEMBER))
    elif wanted is Affiliation.MEMBER:
        # XEP-0045 §5.2.1: members too, unless the room hides JIDs; and whom the owner has named (getmemberlist).
        allowed = (
            leads(asker)
            or (config.jids_public and at_least(asker, Affiliation.MEMBER))
            or role in config.member_list_roles
        )
    else:
        allowed = leads(asker)
    return ALLOWED if allowed else FORBIDDEN


def sees_jids(config: Config, role: Role) -> bool:
    """Whether an occupant of that role learns real JIDs. XEP-0045 §7.2.4."""
    return config.jids_public or role is Role.MODERATOR
