"""Sign-offs: what a person signs, and why what they signed does not count, as far as the log alone can tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from events import SignedOff
from events.event import instant
from shadow.moves import Place
from shadow.people import Member, People
from shadow.signing import sign, verifies

UNSIGNED = "0" * 128


@dataclass(frozen=True, kw_only=True)
class Given:
    """A sign-off in the log, and the role that its person had at that position; None if they had none."""

    sign_off: SignedOff
    position: int
    member: Member | None

    @property
    def to(self) -> Place:
        """The move it is for."""
        return Place(stage=self.sign_off.stage, percent=self.sign_off.percent)


def statement(sign_off: SignedOff) -> bytes:
    """The one byte string that is signed: every field but the signature, in this order, as JSON."""
    return msgspec.json.encode(
        [
            "cutover sign-off 1",
            sign_off.person,
            sign_off.report,
            sign_off.code_version,
            sign_off.policy,
            sign_off.configuration,
            sign_off.stage,
            float(sign_off.percent),
            instant(sign_off.expires_at),
            instant(sign_off.occurred_at),
            sign_off.why,
        ]
    )


def signed(sign_off: SignedOff, token: str) -> SignedOff:
    """The sign-off with the token's signature. Raises BadToken."""
    return msgspec.structs.replace(sign_off, signature=sign(token, statement(sign_off)))


def refusals(given: Given, people: People, there: Place, *, changed_at: int, moment: datetime) -> Sequence[str]:
    """Why the sign-off does not count for moving `there` at `moment`; empty if it does.

    `people` are those who have a role at that moment, `changed_at` is the position of the last change of the stage.
    """
    who, sign_off = given.member, given.sign_off
    if who is None:
        return [f"unknown person: {sign_off.person} had no role when it was given"]
    if not verifies(who.key, statement(sign_off), sign_off.signature):
        return [f"forged: {sign_off.person} has not signed this"]
    found = [*_of_role(who, people.get(sign_off.person))]
    if moment >= sign_off.expires_at:
        found.append(f"expired at {sign_off.expires_at:%Y-%m-%d %H:%M} UTC")
    if given.to != there:
        found.append(f"for another move: to {given.to}, not to {there}")
    if given.position <= changed_at:
        found.append("spent: given before the stage last changed")
    return found


def _of_role(then: Member, now: Member | None) -> Sequence[str]:
    if not then.may("approver"):
        return [f"role too low: {then.person} was {then.role} when it was given, expected approver"]
    if now is None or now.key != then.key:
        return [f"revoked: {then.person} has lost the role, or has another token since"]
    if not now.may("approver"):
        return [f"role too low: {now.person} is {now.role} now, expected approver"]
    return []
