"""Which sign-offs count for a move on the evidence of one report, and why the others do not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from events import SignedOff
from reconcile.judgement import Judgement
from shadow.history import Migration
from shadow.moves import Place
from shadow.sign_off import Given, refusals


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """A sign-off, and why it does not count; empty if it does."""

    id: str
    person: str
    report: str
    given_at: datetime
    expires_at: datetime
    why: str
    reasons: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether the move may rest on it."""
        return not self.reasons


def weigh(
    migration: Migration,
    there: Place,
    judgement: Judgement | None,
    *,
    now: datetime,
    doubts: Sequence[str] = (),
) -> tuple[Weighed, ...]:
    """Every sign-off for this move that is not spent, and every other one given since the stage last changed.

    `doubts` say why the report's evidence is no longer true. Without a report none counts.
    """
    open_ones = [given for given in migration.sign_offs if given.position > migration.change.position]
    return tuple(_weighed(migration, given, there, judgement, now, doubts) for given in open_ones)


def counted(weighed: Sequence[Weighed]) -> dict[str, Weighed]:
    """Those that count, the last one of each person."""
    return {each.person: each for each in weighed if each.counts}


def _weighed(
    migration: Migration,
    given: Given,
    there: Place,
    judgement: Judgement | None,
    now: datetime,
    doubts: Sequence[str],
) -> Weighed:
    sign_off = given.sign_off
    reasons = [
        *refusals(given, migration.people, there, changed_at=migration.change.position, moment=now),
        *_of_report(sign_off, judgement),
        *(f"evidence no longer true: {doubt}" for doubt in doubts),
    ]
    return Weighed(
        id=sign_off.event_id,
        person=sign_off.person,
        report=sign_off.report,
        given_at=sign_off.occurred_at,
        expires_at=sign_off.expires_at,
        why=sign_off.why,
        reasons=tuple(reasons),
    )


def _of_report(sign_off: SignedOff, judgement: Judgement | None) -> Sequence[str]:
    if judgement is None:
        return ["its report is not stored"]
    if sign_off.report != judgement.report:
        return [f"other report: {sign_off.report[:12]}, not {judgement.report[:12]}"]
    claims = (
        ("code version", sign_off.code_version, judgement.code_version),
        ("policy", sign_off.policy, judgement.policy),
        ("configuration", sign_off.configuration, judgement.configuration),
    )
    return [f"other {name}: {said[:20]}, not {is_[:20]}" for name, said, is_ in claims if said != is_]
