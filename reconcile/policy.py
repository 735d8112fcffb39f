"""A comparison policy: how two outcomes are compared, field by field, as data a reviewer can read."""

import hashlib
import math
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

import msgspec

from reconcile.errors import PolicyRefused, ToleranceExpired

Show: TypeAlias = Literal["text", "html", "list", "number"]

_encoder = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, kw_only=True)
class FieldRule:
    """How one field is compared and shown.

    `identity` names the key by which the members of a list are told apart; without it a member is its own
    identity. `ordered=False` makes the order of a list no difference. `tolerance` is absolute, inclusive, and
    holds for every number in the field; above zero it needs an `owner`, a `reason` and a day on which it
    `expires` (that day included).
    """

    field: str
    show: Show = "text"
    identity: str | None = None
    ordered: bool = True
    tolerance: float = 0.0
    owner: str = ""
    reason: str = ""
    expires: date | None = None

    def __post_init__(self) -> None:
        _refuse_impossible(self)
        if self.tolerance > 0:
            _refuse_unowned(self)

    def expired(self, today: date) -> bool:
        """Whether the rule's tolerance may no longer be used."""
        return self.tolerance > 0 and self.expires is not None and self.expires < today


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Every field the outcomes of a job have, and how it is compared.

    A field of an outcome that no rule names is compared exactly: silence never hides a difference.
    """

    name: str
    fields: tuple[FieldRule, ...]

    def __post_init__(self) -> None:
        names = [rule.field for rule in self.fields]
        for name in names:
            if names.count(name) > 1:
                raise PolicyRefused(f"policy {self.name!r} names field {name!r} more than once: keep one rule.")

    def digest(self) -> str:
        """32 hexadecimal characters of BLAKE2b over every word of the policy: any edit changes it."""
        return hashlib.blake2b(_encoder.encode(self), digest_size=16).hexdigest()

    def rule(self, field: str) -> FieldRule | None:
        """The rule for `field`, or None if the policy does not name it."""
        return next((rule for rule in self.fields if rule.field == field), None)

    def refuse_expired(self, today: date) -> None:
        """Raise ToleranceExpired if a tolerance ended before `today`."""
        for rule in self.fields:
            if rule.expired(today):
                raise ToleranceExpired(
                    f"policy {self.name!r}, field {rule.field!r}: the tolerance of {rule.tolerance} expired "
                    f"on {rule.expires}. Ask {rule.owner} to remove it or to grant it anew."
                )


def _refuse_impossible(rule: FieldRule) -> None:
    where = f"field {rule.field!r}"
    if not (math.isfinite(rule.tolerance) and rule.tolerance >= 0):
        raise PolicyRefused(f"{where}: tolerance is {rule.tolerance}, expected a finite number of at least 0.")
    if rule.show != "list" and (rule.identity is not None or not rule.ordered):
        raise PolicyRefused(f"{where}: identity and order belong to lists, but it is shown as {rule.show!r}.")
    if rule.tolerance > 0 and rule.show not in ("list", "number"):
        raise PolicyRefused(f"{where}: a tolerance belongs to numbers or lists, not to {rule.show!r}.")
    if rule.tolerance > 0 and not rule.ordered and rule.identity is None:
        raise PolicyRefused(f"{where}: a tolerance on an unordered list needs an identity to pair its members by.")


def _refuse_unowned(rule: FieldRule) -> None:
    given = {"owner": rule.owner.strip(), "reason": rule.reason.strip(), "expires": rule.expires}
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise PolicyRefused(
            f"field {rule.field!r}: a tolerance of {rule.tolerance} needs an owner, a reason and an expiry; "
            f"missing: {', '.join(missing)}."
        )
