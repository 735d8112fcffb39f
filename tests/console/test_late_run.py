"""A week that is over sends nothing by mistake."""

from datetime import UTC, datetime

import sqlalchemy as sa

from console.failures import Exit
from events import sequence_all
from sandbox.approver import move
from tests import batch
from tests.console.commands import cutover

PARTITIONS = 16


@batch.only_before
def test_a_week_that_is_over_is_not_begun_where_it_would_send(home: dict[str, str], database: sa.Engine) -> None:
    assert cutover("migrate", env=home).code == Exit.GOOD
    with database.begin() as connection:
        move(connection, "shadow", at=datetime.now(UTC))
    sequence_all(database, PARTITIONS)
    for command in ("legacy-run", "start-run"):
        refused = cutover(command, "--week", "2026-W01", env=home)
        assert (refused.code, "Give --late" in refused.told) == (Exit.WRONG_USE, True), refused
    with database.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM cutover.runs")) == 0
    assert "shadow" in cutover("status", env=home).stdout
