"""Upkeep: leases run out, campaigns end, and partitions with something to send are found."""

import sqlalchemy as sa

from events import fix_partitions, partition_of
from handlers.delivery import campaign
from handlers.delivery.ledger import plan
from handlers.delivery.upkeep import due_partitions, end_campaigns, expire_leases
from tests.delivery.ledgers import RUN, emitted, execute, plan_users, put, row, states, take

EVERYBODY = [f"u{number}" for number in range(40)]


def test_a_lease_that_ran_out_leaves_its_row_unconfirmed_and_no_other(database: sa.Engine) -> None:
    plan_users(database, "u1", "u2")
    take(database, 1, lease=0.0)
    take(database, 1)
    with database.begin() as connection:
        assert expire_leases(connection) == 1
        assert expire_leases(connection) == 0
    assert states(database) == {"u1": "unconfirmed", "u2": "sending"}
    assert row(database, "u1")["reason"] == "lease_expired"


def test_a_row_that_somebody_is_settling_is_left_to_them(database: sa.Engine) -> None:
    plan_users(database, "u1")
    take(database, lease=0.0)
    with database.begin() as settling, database.begin() as upkeep:
        settling.execute(sa.text("SELECT FROM cutover.send_ledger FOR UPDATE"))
        upkeep.execute(sa.text("SET LOCAL lock_timeout = '1ms'"))
        assert expire_leases(upkeep) == 0


def test_I3_what_is_left_at_the_end_of_a_campaign_is_suppressed(database: sa.Engine) -> None:
    with database.begin() as connection:
        fix_partitions(connection, 1)
    plan_users(database, "u1", "u2", within=3600.0)
    put(database, "sending", "u3")
    put(database, "unconfirmed", "u4")
    plan_users(database, "u1", run="2026-W48")
    with database.begin() as connection:
        assert end_campaigns(connection) == 0
    execute(database, "UPDATE cutover.campaigns SET send_by = clock_timestamp() WHERE run = :run", run=RUN)
    with database.begin() as connection:
        assert end_campaigns(connection) == 2
        assert end_campaigns(connection) == 0
    assert states(database) == {"u1": "suppressed", "u2": "suppressed", "u3": "sending", "u4": "unconfirmed"}
    assert states(database, "2026-W48") == {"u1": "planned"}
    told = [(kind, data.get("reason")) for kind, data in emitted(database)]
    assert told[-2:] == [("EmailSuppressed", "send_by_passed")] * 2


def test_a_campaign_that_is_paused_does_not_run_out_and_gets_the_time_back(database: sa.Engine) -> None:
    with database.begin() as connection:
        fix_partitions(connection, 1)
    plan_users(database, "u1", within=3600.0)
    with database.begin() as connection:
        campaign.pause(connection, RUN, by="ann")
    earlier = "UPDATE cutover.campaigns SET {0} = {0} - interval '2 hours' WHERE run = :run"
    for moment in ("send_by", "paused_at"):
        execute(database, earlier.format(moment), run=RUN)
    with database.begin() as connection:
        assert end_campaigns(connection) == 0
        campaign.resume(connection, RUN)
        assert end_campaigns(connection) == 0
    assert states(database) == {"u1": "planned"}


def test_partitions_are_due_while_something_may_be_claimed_in_them(database: sa.Engine) -> None:
    with database.begin() as connection:
        fix_partitions(connection, 8)
        assert due_partitions(connection) == []
        planned = [(user_id, None) for user_id in EVERYBODY[:5]]
        plan(connection, RUN, "legacy", planned, partitions=8, send_within=3600.0)
        expected = sorted({partition_of(user_id, 8) for user_id in EVERYBODY[:5]})
        assert due_partitions(connection) == expected
        campaign.pause(connection, RUN, by="ann")
        assert due_partitions(connection) == []
        campaign.resume(connection, RUN)
        later = (
            "UPDATE cutover.send_ledger SET not_before = clock_timestamp() + interval '1 hour' WHERE partition = :one"
        )
        connection.execute(sa.text(later), {"one": expected[0]})
        assert due_partitions(connection) == expected[1:]
        connection.execute(sa.text("UPDATE cutover.campaigns SET send_by = clock_timestamp()"))
        assert due_partitions(connection) == []
