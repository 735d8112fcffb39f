"""Stage gates: each one alone holds a move back; and which sign-offs count on the evidence of a report."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events import DrillRecorded, RoleGranted, SignedOff, StageChanged
from events.stage_events import Stage
from reconcile.judgement import Judgement
from reconcile.requirements import requirements
from reconcile.sign_off import counted, weigh
from reconcile.stage_gate import Evidence, StageGate, red, stage_gates
from reconcile.stage_measures import Measures
from reconcile.watch import LIMITS, breach
from shadow.history import Migration, Told, fold
from shadow.moves import Place
from shadow.sign_off import UNSIGNED, signed
from shadow.signing import new_token, public_key

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
JUDGEMENT = Judgement(
    report="a" * 64,
    runs=("2026-W47",),
    days=7,
    pairs=100_000,
    coverage=1.0,
    mismatches=0,
    unexplained=0,
    bound=0.00003,
    code_version="1.0",
    policy="p",
    configuration="c",
    last_run_at=NOW - timedelta(hours=6),
    made_at=NOW - timedelta(hours=5),
    outcomes={},
)
MEASURES = Measures(run="2026-W47", failures=3, sent=1000, deadline_met=True)
DRILL = DrillRecorded(run="2026-W47", passed=True, moved=40, by="watch", why="all is well", occurred_at=NOW)
TOKENS = {"ada": new_token(), "ben": new_token()}
RETIRED = Place(stage="retired")


def given(person: str = "ada", to: Place = RETIRED, **changes: Any) -> SignedOff:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "person": person,
        "report": JUDGEMENT.report,
        "code_version": "1.0",
        "policy": "p",
        "configuration": "c",
        "stage": to.stage,
        "percent": to.percent,
        "expires_at": NOW + timedelta(hours=72),
        "why": "clean",
        "signature": UNSIGNED,
        "occurred_at": NOW,
        **changes,
    }
    return signed(SignedOff(**fields), TOKENS[person])


def migrated(*sign_offs: SignedOff) -> Migration:
    people = [
        RoleGranted(person=name, role="approver", public_key=public_key(token), by="root", why="team", occurred_at=NOW)
        for name, token in TOKENS.items()
    ]
    told = [*people, *sign_offs]
    return fold([Told(position=number, recorded_at=NOW, event=event) for number, event in enumerate(told, 1)])


def good(stage: Stage = "retired") -> Evidence:
    there = Place(stage=stage, percent=5.0 if stage == "canary" else 0.0)
    both = migrated(given("ada", there), given("ben", there))
    return Evidence(
        judgement=JUDGEMENT,
        doubts=(),
        measures=MEASURES,
        sign_offs=weigh(both, there, JUDGEMENT, now=NOW),
        drill=DRILL,
        code_version="1.0",
        policy="p",
        configuration=JUDGEMENT.configuration,
    )


def judged(**changes: Any) -> Callable[[Evidence], Evidence]:  # noqa: ANN401 - any field
    return lambda evidence: replace(evidence, judgement=replace(JUDGEMENT, **changes))


def measured(**changes: Any) -> Callable[[Evidence], Evidence]:  # noqa: ANN401 - any field
    return lambda evidence: replace(evidence, measures=replace(MEASURES, **changes))


def one_sign_off(evidence: Evidence) -> Evidence:
    return replace(evidence, sign_offs=evidence.sign_offs[:1])


SPOILED: list[tuple[str, Callable[[Evidence], Evidence], str]] = [
    ("report", lambda evidence: replace(evidence, judgement=None), "none"),
    ("evidence still true", lambda evidence: replace(evidence, doubts=("An outcome was edited.",)), "1 doubts"),
    ("code version", lambda evidence: replace(evidence, code_version="1.1"), "1.0"),
    ("policy", lambda evidence: replace(evidence, policy="q"), "p"),
    ("configuration", lambda evidence: replace(evidence, configuration="other"), JUDGEMENT.configuration),
    ("age of the evidence", judged(last_run_at=NOW - timedelta(hours=73)), "73 h"),
    ("days compared", judged(days=6), "6"),
    ("coverage", judged(coverage=0.9989), "99.890%"),
    ("unexplained mismatches", judged(unexplained=1), "1"),
    ("mismatch bound", judged(bound=0.0011), "0.1100%"),
    ("delivery failures", measured(failures=5), "0.50%"),
    ("delivery failures", measured(sent=0, failures=0), "nothing sent yet"),
    ("deadline", measured(deadline_met=False), "missed"),
    ("deadline", measured(deadline_met=None), "no campaign is over"),
    ("lag", measured(lag_seconds=61.0), "61 s"),
    ("rollback drill", lambda evidence: replace(evidence, drill=None), "none"),
    ("rollback drill", lambda evidence: replace(evidence, drill=replace_drill()), "failed"),
    ("sign-offs", one_sign_off, "1"),
]


def replace_drill() -> DrillRecorded:
    return DrillRecorded(run="2026-W47", passed=False, moved=0, by="watch", why="nobody", occurred_at=NOW)


def gates_of(evidence: Evidence, stage: Stage = "retired") -> tuple[StageGate, ...]:
    return stage_gates(requirements(stage), evidence, NOW)


@pytest.mark.parametrize("stage", ["shadow", "canary", "event_driven", "retired"])
def test_with_good_evidence_every_stage_gate_is_green(stage: Stage) -> None:
    assert red(gates_of(good(stage), stage)) == ()


@pytest.mark.parametrize(("name", "spoil", "figure"), SPOILED)
def test_I8_each_stage_gate_alone_holds_the_move_back(
    name: str, spoil: Callable[[Evidence], Evidence], figure: str
) -> None:
    (gate,) = red(gates_of(spoil(good())))
    assert (gate.name, gate.figure) == (name, figure)
    assert gate.limit


@pytest.mark.parametrize(
    ("stage", "spoil"),
    [
        ("shadow", judged(days=1, bound=1.0)),
        ("shadow", measured(sent=0, failures=0, deadline_met=None)),
        ("canary", lambda evidence: replace(evidence, drill=None)),
        ("canary", one_sign_off),
        ("event_driven", lambda evidence: replace(evidence, drill=None)),
    ],
)
def test_a_stage_asks_for_no_more_than_it_needs(stage: Stage, spoil: Callable[[Evidence], Evidence]) -> None:
    assert red(gates_of(spoil(good(stage)), stage)) == ()


def test_how_many_approve_the_last_stages_is_a_setting() -> None:
    assert requirements("retired", approvers=1).approvers == 1
    assert requirements("event_driven", approvers=3).approvers == 3
    assert requirements("canary", approvers=3).approvers == 1


def test_one_person_who_signs_twice_is_one_approver() -> None:
    twice = migrated(given(), given(occurred_at=NOW + timedelta(minutes=1)))
    assert len(counted(weigh(twice, RETIRED, JUDGEMENT, now=NOW))) == 1


REFUSED: list[tuple[str, SignedOff]] = [
    ("other report", given(report="b" * 64)),
    ("other code version", given(code_version="0.9")),
    ("other policy", given(policy="q")),
    ("other configuration", given(configuration="d")),
    ("for another move", given(to=Place(stage="event_driven"))),
    ("expired", given(expires_at=NOW)),
]


@pytest.mark.parametrize(("why", "sign_off"), REFUSED)
def test_I8_a_sign_off_on_something_else_does_not_count(why: str, sign_off: SignedOff) -> None:
    (weighed,) = weigh(migrated(sign_off), RETIRED, JUDGEMENT, now=NOW)
    assert not weighed.counts
    assert weighed.reasons[0].startswith(why)


def test_I8_a_sign_off_counts_no_more_when_its_evidence_is_no_longer_true() -> None:
    (weighed,) = weigh(migrated(given()), RETIRED, JUDGEMENT, now=NOW, doubts=("A stored outcome was edited.",))
    assert weighed.reasons == ("evidence no longer true: A stored outcome was edited.",)


def test_a_sign_off_without_its_report_does_not_count() -> None:
    (weighed,) = weigh(migrated(given()), RETIRED, None, now=NOW)
    assert not weighed.counts


def test_sign_offs_given_before_the_stage_last_changed_are_not_looked_at_any_more() -> None:
    back = StageChanged(stage="legacy", percent=0, by="ada", why="back", occurred_at=NOW)
    before = migrated(given())
    after = fold(
        [
            *(Told(position=n, recorded_at=NOW, event=each) for n, each in enumerate((given(), back), 1)),
        ]
    )
    assert weigh(before, RETIRED, JUDGEMENT, now=NOW)
    assert weigh(after, RETIRED, JUDGEMENT, now=NOW) == ()


@pytest.mark.parametrize(
    ("measures", "said"),
    [
        (Measures(), None),
        (Measures(failures=5, sent=19), None),
        (Measures(failures=4, sent=20), None),
        (Measures(failures=5, sent=250), None),
        (Measures(failures=5, sent=20), "delivery failures: 5 of 20 (25.0%)"),
        (Measures(failures=6, sent=299), "the limit is 2.0%"),
        (Measures(unexplained=1, reconciled="2026-W47"), "unexplained mismatches: 1 in run 2026-W47"),
        (Measures(lag_seconds=300.0), None),
        (Measures(lag_seconds=301.0, lag_events=7), "lag: an event has waited for 301 s (7 behind)"),
        (Measures(seconds_late=-1.0), None),
        (Measures(run="2026-W47", seconds_late=60.0), "deadline: run 2026-W47 would end 60 s too late"),
    ],
)
def test_the_watch_sees_a_limit_crossed_and_not_one_bad_address(measures: Measures, said: str | None) -> None:
    found = breach(measures, LIMITS)
    assert found is None if said is None else said in (found or "")
