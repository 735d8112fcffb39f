"""The migration as the log tells it: which changes of the stage count, whatever somebody writes into the outbox."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import sqlalchemy as sa

from events import CanaryPaused, CanaryResumed, Event, RoleGranted, RoleRevoked, SignedOff, StageChanged, decode, encode
from events.stage_events import Role, Stage
from shadow.history import Migration, Told, fold
from shadow.moves import Place
from shadow.sign_off import UNSIGNED, refusals, signed
from shadow.signing import new_token, public_key
from shadow.stage import standing_of

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
ADA, BEN = new_token(), new_token()
CANARY = Place(stage="canary", percent=5.0)


def granted(person: str = "ada", token: str = ADA, role: Role = "approver", minute: int = 0) -> RoleGranted:
    at = AT + timedelta(minutes=minute)
    return RoleGranted(
        person=person, role=role, public_key=public_key(token), by="root", why="the team", occurred_at=at
    )


def revoked(person: str = "ada") -> RoleRevoked:
    return RoleRevoked(person=person, by="root", why="left", occurred_at=AT)


def sign_off(
    stage: Stage = "canary", percent: float = 5.0, *, token: str = ADA, person: str = "ada", hours: float = 72.0
) -> SignedOff:
    unsigned = SignedOff(
        person=person,
        report="a" * 64,
        code_version="1.0",
        policy="p",
        configuration="c",
        stage=stage,
        percent=percent,
        expires_at=AT + timedelta(hours=hours),
        why="clean for two weeks",
        signature=UNSIGNED,
        occurred_at=AT,
    )
    return signed(unsigned, token)


def changed(
    stage: Stage, percent: float = 0.0, *on: SignedOff, report: str = "a" * 64, minute: int = 5
) -> StageChanged:
    return StageChanged(
        stage=stage,
        percent=percent,
        report=report if on else "",
        sign_offs=tuple(each.event_id for each in on),
        by="ada",
        why="ready",
        occurred_at=AT + timedelta(minutes=minute),
    )


def after(*events: Event, recorded_at: datetime = AT) -> Migration:
    return fold([Told(position=number, recorded_at=recorded_at, event=event) for number, event in enumerate(events, 1)])


GOOD = sign_off()

UNFOUNDED: dict[str, tuple[Sequence[Event], str]] = {
    "no sign-off": ([granted(), changed("canary", 5.0)], "rests on no sign-off"),
    "a sign-off that is not there": ([granted(), changed("canary", 5.0, GOOD)], "rests on no sign-off"),
    "forged": (
        [granted(), forged := msgspec.structs.replace(GOOD, signature="1" * 128), changed("canary", 5.0, forged)],
        "forged",
    ),
    "another's signature": (
        [granted(), granted("ben", BEN), other := sign_off(token=BEN), changed("canary", 5.0, other)],
        "forged",
    ),
    "altered after it was signed": (
        [granted(), longer := msgspec.structs.replace(GOOD, why="because"), changed("canary", 5.0, longer)],
        "forged",
    ),
    "nobody": ([GOOD, changed("canary", 5.0, GOOD)], "unknown person"),
    "granted only afterwards": ([GOOD, granted(), changed("canary", 5.0, GOOD)], "unknown person"),
    "an operator": ([granted(role="operator"), GOOD, changed("canary", 5.0, GOOD)], "role too low"),
    "an operator then, an approver since": (
        [granted(role="operator"), GOOD, granted(minute=1), changed("canary", 5.0, GOOD)],
        "role too low",
    ),
    "an approver no more": (
        [granted(), GOOD, granted(role="viewer", minute=1), changed("canary", 5.0, GOOD)],
        "role too low",
    ),
    "revoked": ([granted(), GOOD, revoked(), changed("canary", 5.0, GOOD)], "revoked"),
    "another token since": ([granted(), GOOD, granted(token=BEN, minute=1), changed("canary", 5.0, GOOD)], "revoked"),
    "expired": ([granted(), old := sign_off(hours=-0.5), changed("canary", 5.0, old)], "expired"),
    "more percent": ([granted(), GOOD, changed("canary", 25.0, GOOD)], "for another move: to canary at 5 %"),
    "another stage": ([granted(), GOOD, changed("event_driven", 0.0, GOOD)], "for another move"),
    "another report": ([granted(), GOOD, changed("canary", 5.0, GOOD, report="b" * 64)], "for another report"),
    "used twice": (
        [granted(), GOOD, changed("canary", 5.0, GOOD), changed("shadow", minute=6), changed("canary", 5.0, GOOD)],
        "spent",
    ),
}


@pytest.mark.parametrize("name", UNFOUNDED)
def test_I8_a_move_forward_counts_only_on_a_sign_off_that_does(name: str) -> None:
    events, why = UNFOUNDED[name]
    found = after(*events)
    assert found.here in (Place(stage="legacy"), Place(stage="shadow"))
    assert why in found.ignored[-1]


def test_I8_a_move_forward_on_a_good_sign_off_counts() -> None:
    found = after(granted(), GOOD, changed("canary", 5.0, GOOD))
    assert (found.here, found.ignored, found.change.by) == (CANARY, (), "ada")


def test_of_several_sign_offs_one_that_counts_is_enough_for_the_log() -> None:
    bad = sign_off(person="ben", token=BEN)
    assert after(granted(), GOOD, bad, changed("canary", 5.0, bad, GOOD)).here == CANARY


@pytest.mark.parametrize("back", ["shadow", "legacy"])
def test_back_leads_a_change_without_anything(back: Stage) -> None:
    assert after(granted(), GOOD, changed("canary", 5.0, GOOD), changed(back, minute=6)).here == Place(stage=back)


def test_a_change_of_version_1_rests_on_nothing() -> None:
    old = '{"stage": "canary", "percent": 5.0, "by": "ann", "why": "x", "occurred_at": "2026-11-16T09:00:00Z"}'
    event = decode("StageChanged", 1, old)
    assert isinstance(event, StageChanged)
    assert (event.report, event.sign_offs) == ("", ())
    assert after(granted(), event).here == Place(stage="legacy")


def test_when_a_sign_off_was_logged_counts_and_not_when_it_says_it_was_given() -> None:
    late = after(granted(), GOOD, changed("canary", 5.0, GOOD), recorded_at=AT + timedelta(hours=73))
    assert late.here == Place(stage="legacy")


def test_a_signature_holds_however_the_log_writes_numbers_and_times() -> None:
    whole = sign_off(percent=5)
    assert after(granted(), decode("SignedOff", 1, encode(whole)), changed("canary", 5.0, whole)).here == CANARY


def test_a_good_sign_off_has_no_reason_against_it() -> None:
    found = after(granted(), GOOD)
    assert not refusals(found.sign_offs[0], found.people, CANARY, changed_at=0, moment=AT)


def paused(until_run: str = "") -> CanaryPaused:
    return CanaryPaused(by="ada", why="freeze", until_run=until_run, occurred_at=AT)


RESUMED = CanaryResumed(by="ada", why="on", occurred_at=AT)
IN_CANARY = (granted(), GOOD, changed("canary", 5.0, GOOD))


@pytest.mark.parametrize(
    ("then", "run", "percent"),
    [
        ((), "2026-W49", 5.0),
        ((paused(),), "2026-W49", 0.0),
        ((paused(), RESUMED), "2026-W49", 5.0),
        ((paused("2026-W50"),), "2026-W49", 0.0),
        ((paused("2026-W50"),), "2026-W50", 5.0),
        ((paused("2026-W50"),), "2027-W01", 5.0),
    ],
)
def test_a_pause_gives_runs_that_begin_in_it_to_the_legacy_path(
    then: tuple[Event, ...], run: str, percent: float
) -> None:
    standing = standing_of(after(*IN_CANARY, *then))
    assert (standing.stage, standing.sends) == ("canary", True)
    assert standing.percent_for(run) == percent


def test_a_change_of_the_stage_ends_a_pause() -> None:
    assert after(*IN_CANARY, paused(), changed("shadow", minute=6)).pause is None


def test_an_app_that_may_only_write_to_the_outbox_cannot_tell_of_the_migration(database: sa.Engine) -> None:
    insert = sa.text("INSERT INTO cutover.outbox (event_id, type, version, data) VALUES ('x', :type, 1, '{}')")
    with database.begin() as connection:
        connection.execute(sa.text("CREATE ROLE stages_app"))
        try:
            connection.execute(sa.text("GRANT USAGE ON SCHEMA cutover TO stages_app"))
            connection.execute(sa.text("GRANT INSERT ON cutover.outbox TO stages_app"))
            connection.execute(sa.text("SET LOCAL ROLE stages_app"))
            connection.execute(insert, {"type": "OrderPlaced"})
            for kind in ("RoleGranted", "SignedOff", "StageChanged", "RunRolledBack", "DrillRecorded"):
                told = pytest.raises(sa.exc.ProgrammingError, match=f"{kind} is told by cutover itself")
                with told, connection.begin_nested():
                    connection.execute(insert, {"type": kind})
        finally:
            connection.rollback()
