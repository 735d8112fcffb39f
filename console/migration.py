"""The migration as the console sees it: the reports its moves rest on, and a move as it stands now."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from console.configuration import configuration
from console.measuring import measured
from console.weekly_policy import POLICY
from reconcile.judgement import Judgement, doubts, judgement, newest_judgement
from reconcile.move import Move, look
from reconcile.requirements import StageSettings
from reconcile.stage_gate import SIGN_OFFS, Ahead
from reconcile.statement import digest_of_configuration
from reconcile.stored_reports import Reports
from runtime.version import code_version
from shadow.history import Migration, migration
from shadow.moves import Place, proposed

if TYPE_CHECKING:
    from console.wiring import System


def stored_reports() -> Reports:
    """The reports that `cutover reconcile` and `cutover report` made."""
    return Reports(judgement=judgement, newest=newest_judgement, doubts=doubts)


def only(judged: Judgement, doubts: Sequence[str] = ()) -> Reports:
    """As if there were no report but this one, whatever a sign-off names; of it there are these doubts."""
    return Reports(judgement=lambda _, __: judged, newest=lambda _: judged, doubts=lambda _, __: tuple(doubts))


def move_now(
    system: "System",
    connection: sa.Connection,
    migration: Migration,
    there: Place,
    *,
    now: datetime,
    reports: Reports | None = None,
) -> Move:
    """The move to `there` with every stage gate as it is now."""
    return look(
        connection,
        reports or stored_reports(),
        migration,
        there,
        measured(connection, system.subscriptions),
        code_version=code_version(),
        policy=POLICY.digest(),
        configuration=digest_of_configuration(configuration(system)),
        approvers=StageSettings().approvers,
        now=now,
    )


def ahead(
    system: "System", connection: sa.Connection, judged: Judgement, found: Sequence[str], now: datetime
) -> Ahead | None:
    """The next move, if it rested on this judgement, of which these doubts were found; None at the end.

    Sign-offs are left out: whoever looks at these is about to give one.
    """
    standing = migration(connection)
    there = proposed(standing.here)
    if there is None:
        return None
    move = move_now(system, connection, standing, there, now=now, reports=only(judged, found))
    return Ahead(to=str(there), gates=tuple(gate for gate in move.gates if gate.name != SIGN_OFFS))
