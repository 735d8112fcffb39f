"""A comparison policy: how two outcomes are compared, path by path, as data a reviewer can read."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Literal, TypeAlias

import msgspec

from reconcile.errors import GrantExpired, PolicyRefused
from reconcile.grants import AcceptedDifference, Grant, Tolerance
from reconcile.normalisation import Normalisation
from shadow.outcome import Fields, Json

Show: TypeAlias = Literal["text", "html", "list", "number"]

_encoder = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, kw_only=True)
class FieldRule:
    """How one path of an outcome is compared and shown.

    `field` is a field of the outcome (`items`), or a path inside one (`items[].score`, `items[].tags`): a rule of its
    own for what lies there. `identity` names the key by which the members of a list are told apart; without it a member
    is its own identity. `ordered=False` makes the order of a list no difference. `tolerance` holds for every number at
    this path and below it.
    """

    field: str
    show: Show = "text"
    identity: str | None = None
    ordered: bool = True
    tolerance: Tolerance | None = None

    def __post_init__(self) -> None:
        _refuse_impossible(self)

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """The path, step by step: `items[].score` is items, [], score."""
        return tuple(step for step in self.field.replace("[]", ".[]").split(".") if step)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Every field the outcomes of a job have, and how it is compared.

    A field of an outcome that no rule names is compared exactly: silence never hides a difference. `accepted` are
    mismatches somebody answers for.
    """

    name: str
    fields: tuple[FieldRule, ...]
    normalisations: tuple[Normalisation, ...] = ()
    accepted: tuple[AcceptedDifference, ...] = field(default=())

    def __post_init__(self) -> None:
        _refuse_repeated(f"policy {self.name!r} names field", [rule.field for rule in self.fields])
        _refuse_repeated(f"policy {self.name!r} names accepted difference", [each.name for each in self.accepted])
        known = {rule.field for rule in self.fields}
        for rule in self.fields:
            if rule.steps[0] not in known:
                raise PolicyRefused(
                    f"policy {self.name!r} has a rule for {rule.field!r} and none for {rule.steps[0]!r}: add one."
                )

    def digest(self) -> str:
        """32 hexadecimal characters of BLAKE2b over every word of the policy: any edit changes it."""
        return hashlib.blake2b(_encoder.encode(self), digest_size=16).hexdigest()

    def normalisation_digest(self) -> str:
        """16 hexadecimal characters of BLAKE2b over the normalisations alone."""
        return hashlib.blake2b(_encoder.encode(self.normalisations), digest_size=8).hexdigest()

    @property
    def top(self) -> tuple[FieldRule, ...]:
        """The rules of whole fields, in their order."""
        return tuple(rule for rule in self.fields if len(rule.steps) == 1)

    def rule(self, name: str) -> FieldRule | None:
        """The rule for the whole field, or None if the policy does not name it."""
        return next((rule for rule in self.fields if rule.field == name), None)

    def below(self, name: str) -> tuple[FieldRule, ...]:
        """The rules for paths inside a field."""
        return tuple(rule for rule in self.fields if rule.steps[0] == name and len(rule.steps) > 1)

    def normalise(self, fields: Fields) -> Fields:
        """The fields as they are compared."""
        return self._normalised(fields, but=())

    def normalise_both(self, legacy: Fields, event_driven: Fields) -> tuple[Fields, Fields]:
        """Both sides as they are compared with each other: what is equal as it is stays as it is."""
        equal = [each.field for each in self.normalisations if legacy.get(each.field) == event_driven.get(each.field)]
        return self._normalised(legacy, but=equal), self._normalised(event_driven, but=equal)

    def _normalised(self, fields: Fields, but: Sequence[str]) -> Fields:
        changed: dict[str, Json] = dict(fields)
        for each in self.normalisations:
            text = changed.get(each.field)
            if isinstance(text, str) and each.field not in but:
                changed[each.field] = each(text)
        return changed

    def refuse_expired(self, today: date) -> None:
        """Raise GrantExpired if something was let pass until a day before `today`."""
        for where, grant in self.grants():
            if grant.expired(today):
                raise GrantExpired(
                    f"policy {self.name!r}, {where}: expired on {grant.expires}. "
                    f"Ask {grant.owner} to remove it or to grant it anew (ticket {grant.ticket})."
                )

    def grants(self) -> Iterator[tuple[str, Grant]]:
        """Everything the policy lets pass, and where it says so."""
        for rule in self.fields:
            if rule.tolerance:
                yield f"field {rule.field!r}, the tolerance of {rule.tolerance.says()}", rule.tolerance
        for each in self.accepted:
            yield f"the accepted difference {each.name!r}", each


def _refuse_repeated(what: str, names: list[str]) -> None:
    for name, number in Counter(names).items():
        if number > 1:
            raise PolicyRefused(f"{what} {name!r} more than once: keep one.")


def _refuse_impossible(rule: FieldRule) -> None:
    where = f"field {rule.field!r}"
    if not rule.steps or rule.steps[0] == "[]":
        raise PolicyRefused(f"{where}: expected a field of the outcome, or a path in one such as 'items[].score'.")
    if rule.show != "list" and (rule.identity is not None or not rule.ordered):
        raise PolicyRefused(f"{where}: identity and order belong to lists, but it is shown as {rule.show!r}.")
    if rule.tolerance and rule.show not in ("list", "number"):
        raise PolicyRefused(f"{where}: a tolerance belongs to numbers or lists, not to {rule.show!r}.")
    if rule.tolerance and not rule.ordered and rule.identity is None:
        raise PolicyRefused(f"{where}: a tolerance on an unordered list needs an identity to pair its members by.")
