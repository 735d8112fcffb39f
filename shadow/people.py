"""People: who may look, operate and approve. Known by name, recognised by the public key of their token."""

from collections.abc import Mapping
from dataclasses import dataclass

from events.stage_events import Role
from shadow.errors import NotAllowed, UnknownToken
from shadow.signing import public_key

ROLES: tuple[Role, ...] = ("viewer", "operator", "approver")


@dataclass(frozen=True, kw_only=True)
class Member:
    """A person with a role, as granted at a position of the log."""

    person: str
    role: Role
    key: str
    position: int = 0

    def may(self, role: Role) -> bool:
        """Whether the person has this role or a higher one."""
        return ROLES.index(self.role) >= ROLES.index(role)


People = Mapping[str, Member]
"""Everybody who has a role, by name."""


def authenticated(people: People, token: str, role: Role) -> Member:
    """The person whose token this is, who must have this role. Raises BadToken, UnknownToken or NotAllowed."""
    key = public_key(token)
    member = next((each for each in people.values() if each.key == key), None)
    if member is None:
        raise UnknownToken
    if not member.may(role):
        raise NotAllowed(member.person, member.role, role)
    return member


def has_approver(people: People) -> bool:
    """Whether somebody can approve."""
    return any(member.may("approver") for member in people.values())
