"""Identity: what tells the members of a list apart, and how a repeated one is named."""

from typing import TypeAlias

from reconcile.canonical import canonical
from shadow.outcome import Json

Key: TypeAlias = tuple[str, int]
"""An identity, and the how-manieth member of that identity this is, from 1."""


def identify(member: Json, identity: str | None) -> str:
    """What tells `member` apart from others in its list."""
    known = member.get(identity, member) if isinstance(member, dict) and identity is not None else member
    return known if isinstance(known, str) else canonical(known).decode()


def label(key: Key) -> str:
    """A member's identity as shown; a second one of the same identity is `identity (2)`."""
    identity, nth = key
    return identity if nth == 1 else f"{identity} ({nth})"
