"""The migration as the console sees it: the reports its moves rest on, and a move as it stands now."""

from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from console.failures import WrongUse
from console.measuring import measured
from console.weekly_job import POLICY
from reconcile.judgement import Judgement
from reconcile.move import Move, look
from reconcile.requirements import StageSettings
from reconcile.stored_reports import Reports
from runtime.version import code_version
from shadow.history import Migration
from shadow.moves import Place

if TYPE_CHECKING:
    from console.wiring import System


def stored_reports() -> Reports:
    """The reports that were stored by `cutover reconcile`; as long as none can be, asking for one is wrong use."""
    return Reports(judgement=_none_stored, newest=lambda _: None, doubts=lambda _, __: ())


def _none_stored(_: sa.Connection, digest: str) -> Judgement:
    raise WrongUse(f"no report stored, thus none with digest {digest!r}: reconcile a run first")


def move_now(system: "System", connection: sa.Connection, migration: Migration, there: Place, *, now: datetime) -> Move:
    """The move to `there` with every stage gate as it is now."""
    return look(
        connection,
        stored_reports(),
        migration,
        there,
        measured(connection, system.subscriptions),
        code_version=code_version(),
        policy=POLICY.digest(),
        approvers=StageSettings().approvers,
        now=now,
    )
