"""A move forward: what stands for it and against it, gathered once; nothing is decided or written here."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from reconcile.errors import UnknownReport
from reconcile.judgement import Judgement
from reconcile.requirements import Requirements, requirements
from reconcile.sign_off import Weighed, counted, weigh
from reconcile.stage_gate import Evidence, StageGate, red, stage_gates
from reconcile.stage_measures import Measures
from reconcile.stored_reports import Reports
from shadow.history import Migration
from shadow.moves import Place


@dataclass(frozen=True, kw_only=True)
class Move:
    """A move as it stands at one moment. `doubts` are about the report it would rest on."""

    here: Place
    there: Place
    asked: Requirements
    judgement: Judgement | None
    doubts: tuple[str, ...]
    sign_offs: tuple[Weighed, ...]
    gates: tuple[StageGate, ...]

    @property
    def red(self) -> tuple[StageGate, ...]:
        """The stage gates that hold it back; empty if it may be made."""
        return red(self.gates)

    @property
    def rests_on(self) -> tuple[str, ...]:
        """The ids of the sign-offs that count."""
        return tuple(sorted(each.id for each in counted(self.sign_offs).values()))


def look(
    connection: sa.Connection,
    reports: Reports,
    migration: Migration,
    there: Place,
    measures: Measures,
    *,
    code_version: str,
    policy: str,
    configuration: str,
    approvers: int,
    now: datetime,
) -> Move:
    """The move to `there` as it stands now."""
    asked = requirements(there.stage, approvers=approvers)
    judgement = _report_of(connection, reports, migration, there)
    doubts = reports.doubts(connection, judgement) if judgement else ()
    sign_offs = weigh(migration, there, judgement, now=now, doubts=doubts)
    evidence = Evidence(
        judgement=judgement,
        doubts=doubts,
        measures=measures,
        sign_offs=sign_offs,
        drill=migration.drill,
        code_version=code_version,
        policy=policy,
        configuration=configuration,
    )
    return Move(
        here=migration.here,
        there=there,
        asked=asked,
        judgement=judgement,
        doubts=doubts,
        sign_offs=sign_offs,
        gates=stage_gates(asked, evidence, now),
    )


def _report_of(connection: sa.Connection, reports: Reports, migration: Migration, there: Place) -> Judgement | None:
    """The report that the last sign-off for this move names; the newest one if there is none."""
    named = [
        given.sign_off.report
        for given in migration.sign_offs
        if given.position > migration.change.position and given.to == there
    ]
    for report in reversed(named):
        try:
            return reports.judgement(connection, report)
        except UnknownReport:
            continue  # it says so itself when it is weighed
    return reports.newest(connection)
