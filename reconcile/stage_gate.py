"""Stage gates: everything that must be green before the migration moves forward, each with its figure and its limit.

A plain "gate" is the one every e-mail passes; these are looked at by people. Evaluating them is a pure function.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from events import DrillRecorded
from reconcile.judgement import Judgement
from reconcile.requirements import Requirements
from reconcile.sign_off import Weighed, counted
from reconcile.stage_measures import Measures
from runtime.quantity import how_many


@dataclass(frozen=True, kw_only=True)
class StageGate:
    """One condition: whether it holds, what was found, what is asked for, and what there is to say beside it."""

    name: str
    green: bool
    figure: str
    limit: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """The next move `to` a place, and its stage gates."""

    to: str
    gates: tuple[StageGate, ...]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that stage gates look at. `doubts` say why the report's evidence is no longer true.

    `code_version`, `policy` and `configuration` are those of the system that runs now.
    """

    judgement: Judgement | None
    doubts: Sequence[str]
    measures: Measures
    sign_offs: Sequence[Weighed]
    drill: DrillRecorded | None
    code_version: str
    policy: str
    configuration: str


SIGN_OFFS = "sign-offs"
"""The name of the stage gate that people open."""


def stage_gates(asked: Requirements, evidence: Evidence, now: datetime) -> tuple[StageGate, ...]:
    """Every stage gate of a move which asks for this, in the order in which people look at them."""
    return (
        *_of_report(asked, evidence, now),
        *_of_delivery(asked, evidence.measures),
        *_of_drill(asked, evidence.drill),
        _of_sign_offs(asked, evidence.sign_offs),
    )


def red(gates: Sequence[StageGate]) -> tuple[StageGate, ...]:
    """Those that hold the move back."""
    return tuple(gate for gate in gates if not gate.green)


def _of_report(asked: Requirements, evidence: Evidence, now: datetime) -> Iterator[StageGate]:
    judgement = evidence.judgement
    if judgement is None:
        yield StageGate(name="report", green=False, figure="none", limit="one", detail="no report is stored")
        return
    yield StageGate(
        name="evidence still true",
        green=not evidence.doubts,
        figure=f"{len(evidence.doubts)} doubts",
        limit="0",
        detail=" ".join(evidence.doubts),
    )
    yield _same("code version", judgement.code_version, evidence.code_version, "deployed since: reconcile again")
    yield _same("policy", judgement.policy, evidence.policy, "changed since: reconcile again")
    yield _same("configuration", judgement.configuration, evidence.configuration, "changed since: report again")
    age = (now - judgement.last_run_at).total_seconds()
    yield StageGate(
        name="age of the evidence",
        green=age <= asked.age,
        figure=f"{age / 3600:.0f} h",
        limit=f"at most {asked.age / 3600:.0f} h",
    )
    yield _at_least("days compared", judgement.days, asked.days)
    yield StageGate(
        name="coverage",
        green=judgement.coverage >= asked.coverage,
        figure=f"{judgement.coverage:.3%}",
        limit=f"at least {asked.coverage:.1%}",
        detail=how_many(judgement.pairs, "pair"),
    )
    yield StageGate(
        name="unexplained mismatches",
        green=judgement.unexplained <= asked.unexplained,
        figure=f"{judgement.unexplained:,}",
        limit=f"{asked.unexplained}",
    )
    if asked.bound is not None:
        yield StageGate(
            name="mismatch bound",
            green=judgement.bound <= asked.bound,
            figure=f"{judgement.bound:.4%}",
            limit=f"at most {asked.bound:.1%}",
            detail="with 95 % confidence",
        )


def _of_delivery(asked: Requirements, measures: Measures) -> Iterator[StageGate]:
    if asked.failure_rate is not None:
        rate = measures.failure_rate
        yield StageGate(
            name="delivery failures",
            green=rate is not None and rate < asked.failure_rate,
            figure="nothing sent yet" if rate is None else f"{rate:.2%}",
            limit=f"under {asked.failure_rate:.1%}",
            detail=f"{measures.failures:,} of {measures.sent:,} in run {measures.run}" if measures.run else "",
        )
    if asked.deadline:
        met = {True: "met", False: "missed", None: "no campaign is over"}[measures.deadline_met]
        yield StageGate(
            name="deadline",
            green=measures.deadline_met is True,
            figure=met,
            limit="met",
            detail=f"run {measures.run}" if measures.run else "",
        )
    yield StageGate(
        name="lag",
        green=measures.lag_seconds <= asked.lag,
        figure=f"{measures.lag_seconds:.0f} s",
        limit=f"at most {asked.lag:.0f} s",
        detail=f"{measures.lag_events:,} events behind",
    )


def _of_drill(asked: Requirements, drill: DrillRecorded | None) -> Iterator[StageGate]:
    if asked.drill:
        yield StageGate(
            name="rollback drill",
            green=drill is not None and drill.passed,
            figure="none" if drill is None else "passed" if drill.passed else "failed",
            limit="passed",
            detail="" if drill is None else f"run {drill.run}: {drill.why}",
        )


def _of_sign_offs(asked: Requirements, sign_offs: Sequence[Weighed]) -> StageGate:
    people = sorted(counted(sign_offs))
    gate = _at_least(SIGN_OFFS, len(people), asked.approvers)
    return StageGate(name=gate.name, green=gate.green, figure=gate.figure, limit=gate.limit, detail=", ".join(people))


def _at_least(name: str, figure: int, limit: int) -> StageGate:
    return StageGate(name=name, green=figure >= limit, figure=f"{figure}", limit=f"at least {limit}")


def _same(name: str, judged: str, runs: str, otherwise: str) -> StageGate:
    green = judged == runs
    return StageGate(name=name, green=green, figure=judged[:24], limit=runs[:24], detail="" if green else otherwise)
