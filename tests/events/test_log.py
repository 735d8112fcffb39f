"""The log: committed facts at gapless positions, each once, for ever."""

import threading
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from events import (
    EventError,
    PartitionsFixed,
    Subscription,
    Subscriptions,
    UserId,
    UserRegistered,
    advance_to_end,
    check_partitions,
    emit,
    emit_many,
    fix_partitions,
    head,
    open_checkpoints,
    read,
    sequence,
    sequence_all,
)
from events.subscription import Batch
from runtime.database import create_engine

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)


def registered(name: str) -> UserRegistered:
    return UserRegistered(user_id=UserId(name), occurred_at=AT)


def names(database: sa.Engine, after: int = 0) -> list[str]:
    with database.connect() as connection:
        found = read(
            connection, types=["UserRegistered"], partition=None, after=after, upto=head(connection), limit=100_000
        )
    return [each.event.key() or "" for each in found]


def test_a_fact_is_logged_if_and_only_if_its_transaction_commits(database: sa.Engine) -> None:
    with database.begin() as connection:
        emit(connection, registered("kept"))
    with database.connect() as connection:
        emit(connection, registered("rolled back"))
        connection.rollback()
    sequence_all(database, 16)
    assert names(database) == ["kept"]


def test_a_fact_told_twice_is_logged_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        emit(connection, registered("a"), registered("a"))
    first = sequence(database, 16)
    with database.begin() as connection:
        emit(connection, registered("a"), registered("b"))
    second = sequence(database, 16)
    assert (first.duplicates, second.duplicates) == (1, 1)
    assert names(database) == ["a", "b"]


def test_an_event_that_commits_late_is_not_missed_by_a_reader_that_has_gone_on(database: sa.Engine) -> None:
    """The first session writes first and commits last: a reader of a sequence would have passed it by."""
    with database.connect() as early, database.connect() as late:
        emit(early, registered("early, commits last"))
        emit(late, registered("late, commits first"))
        late.commit()
        sequence_all(database, 16)
        seen = names(database)
        early.commit()
    sequence_all(database, 16)
    assert seen == ["late, commits first"]
    assert names(database, after=len(seen)) == ["early, commits last"]


def test_an_event_of_a_transaction_that_began_early_and_wrote_late_is_not_missed(database: sa.Engine) -> None:
    """The transaction has its number before others commit, and writes its event after: readers by xmin lose it."""
    with database.connect() as old, database.connect() as quick:
        old.execute(sa.text("SELECT pg_current_xact_id()"))
        emit(quick, registered("quick"))
        quick.commit()
        sequence_all(database, 16)
        emit(old, registered("old"))
        old.commit()
    sequence_all(database, 16)
    assert names(database) == ["quick", "old"]


def test_sixteen_writers_lose_nothing_double_nothing_and_leave_no_gap(database: sa.Engine) -> None:
    writers, appends = 16, 1500
    done = threading.Event()

    def write(writer: int) -> None:
        # Engines of their own: one pool would let some writers begin only when others are done.
        with sa.create_engine(database.url, poolclass=sa.NullPool).connect() as connection:
            for number in range(appends):
                emit(connection, registered(f"{writer}-{number}"))
                connection.commit()

    def keep_sequencing() -> None:
        engine = sa.create_engine(database.url)
        while not done.is_set():
            sequence(engine, 16)
        engine.dispose()

    sequencers = [threading.Thread(target=keep_sequencing) for _ in range(2)]
    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in (*sequencers, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    for thread in sequencers:
        thread.join()
    sequence_all(database, 16)

    with database.connect() as connection:
        positions = list(connection.scalars(sa.text("SELECT position FROM cutover.events ORDER BY position")))
    assert positions == list(range(1, writers * appends + 1))
    logged = names(database)
    assert sorted(logged) == sorted(f"{writer}-{number}" for writer in range(writers) for number in range(appends))
    for writer in range(writers):
        of_writer = [name for name in logged if name.startswith(f"{writer}-")]
        assert of_writer == [f"{writer}-{number}" for number in range(appends)], "a writer's own order is kept"


@pytest.mark.parametrize(
    "statement",
    ["UPDATE cutover.events SET type = 'x'", "DELETE FROM cutover.events", "TRUNCATE cutover.events"],
)
def test_I1_the_log_refuses_to_be_changed(database: sa.Engine, statement: str) -> None:
    with database.begin() as connection:
        emit(connection, registered("a"))
    sequence_all(database, 16)
    with pytest.raises(sa.exc.IntegrityError, match="append-only"), database.begin() as connection:
        connection.execute(sa.text(statement))
    assert names(database) == ["a"]


def test_a_row_another_language_got_wrong_is_set_aside_with_the_reason_and_nothing_else_waits(
    database: sa.Engine,
) -> None:
    insert = sa.text("INSERT INTO cutover.outbox (event_id, type, version, data) VALUES (:id, :type, :version, :data)")
    good = '{"user_id": "7", "occurred_at": "2026-11-16T09:00:00Z"}'
    with database.begin() as connection:
        for id_, type_, version, data in [
            ("UserRegistered:7", "UserRegistered", 1, good),
            ("x", "UserRegistered", 1, good.replace("7", "8")),
            ("UserLeft:7", "UserLeft", 1, "{}"),
            ("UserRegistered:9", "UserRegistered", 9, good),
            ("UserRegistered:7", "UserRegistered", 1, good.replace("09:00", "10:00")),
        ]:
            connection.execute(insert, {"id": id_, "type": type_, "version": version, "data": data})
    done = sequence(database, 16)
    assert (done.taken, done.refused, names(database)) == (5, 4, ["7"])
    with database.connect() as connection:
        reasons = list(connection.scalars(sa.text("SELECT reason FROM cutover.refused_events ORDER BY id")))
    assert "event_id is 'x': expected 'UserRegistered:8'" in reasons[0]
    assert "unknown event type 'UserLeft'" in reasons[1]
    assert "newer than this code" in reasons[2]
    assert "saying something else" in reasons[3]


@pytest.mark.parametrize(
    ("type_", "version", "data"),
    [
        (
            "OrderPlaced",
            1,
            '{"user_id": "7", "order_id": "1", "occurred_at": "2026-11-16T09:00:00Z", "product_ids": 5}',
        ),
        (
            "OrderPlaced",
            1,
            '{"user_id": "7", "order_id": "1", "occurred_at": "2026-11-16T09:00:00Z", "product_ids": "p"}',
        ),
        ("UserRegistered", 1, '{"user_id": "7", "occurred_at": "0001-01-01T00:00:00+05:00"}'),
        ("UserRegistered", 1, '{"user_id": "7", "occurred_at": "9999-12-31T23:59:59-05:00"}'),
        ("UserRegistered", 1, '{"user_id": ' + "[" * 3000 + "]" * 3000 + "}"),
        ("UserRegistered", 1, '{"user_id": "7\\n", "occurred_at": "2026-11-16T09:00:00Z"}'),
        (
            "DayStarted",
            1,
            '{"run": "2026-W47", "scheduled_at": "2026-11-16T09:00:00Z", "occurred_at": "2026-11-16T09:00:00Z"}',
        ),
    ],
)
def test_no_row_however_odd_stops_the_log(database: sa.Engine, type_: str, version: int, data: str) -> None:
    insert = sa.text("INSERT INTO cutover.outbox (event_id, type, version, data) VALUES ('x', :type, :version, :data)")
    with database.begin() as connection:
        connection.execute(insert, {"type": type_, "version": version, "data": data})
        emit(connection, registered("next"))
    done = sequence(database, 16)
    assert (done.refused, names(database)) == (1, ["next"])


def test_many_events_by_copy_are_the_same_events(database: sa.Engine) -> None:
    with database.begin() as connection:
        assert emit_many(connection, (registered(f"{number}\t\\N\u2028'") for number in range(0))) == 0
        assert emit_many(connection, (registered(f'{number}"\\é') for number in range(3))) == 3
    sequence_all(database, 16)
    assert names(database) == ['0"\\é', '1"\\é', '2"\\é']


def test_the_number_of_partitions_cannot_change_under_a_log(database: sa.Engine) -> None:
    with database.begin() as connection:
        fix_partitions(connection, 16)
        with pytest.raises(PartitionsFixed, match="created with 16 partitions, the settings ask for 8"):
            fix_partitions(connection, 8)
        with pytest.raises(PartitionsFixed):
            check_partitions(connection, 8)
        check_partitions(connection, 16)


def test_where_there_is_no_log_any_number_of_partitions_will_do(fresh_database_url: str, database: sa.Engine) -> None:
    empty = create_engine(fresh_database_url)
    for engine in (empty, database):
        with engine.connect() as connection:
            check_partitions(connection, 8)
    empty.dispose()


def counting(calls: list[tuple[int, list[int]]], *, fail: bool = False) -> Subscription:
    def reaction(_: sa.Connection, batch: Batch) -> None:
        calls.append((batch.partition, [each.position for each in batch.events]))
        if fail:
            raise EventError("on purpose")

    return Subscription(name="counting", queue="ml", types=frozenset({"UserRegistered"}), reaction=reaction)


def test_a_partition_advances_over_its_own_events_once(database: sa.Engine) -> None:
    calls: list[tuple[int, list[int]]] = []
    subscriptions = Subscriptions([counting(calls)])
    with database.begin() as connection:
        open_checkpoints(connection, subscriptions, 4)
        emit(connection, *(registered(str(number)) for number in range(40)))
    sequence_all(database, 4)
    for partition in (0, 1, 2, 3, 3, 2, 1, 0):
        advance_to_end(database, subscriptions, "counting", partition)
    assert sorted(position for _, positions in calls for position in positions) == list(range(1, 41))
    assert {partition for partition, _ in calls} == {0, 1, 2, 3}


def test_a_reaction_that_fails_moves_no_checkpoint(database: sa.Engine) -> None:
    failed: list[tuple[int, list[int]]] = []
    subscriptions = Subscriptions([counting(failed, fail=True)])
    with database.begin() as connection:
        open_checkpoints(connection, subscriptions, 1)
        emit(connection, registered("a"))
    sequence_all(database, 1)
    with pytest.raises(EventError, match="on purpose"):
        advance_to_end(database, subscriptions, "counting", 0)
    calls: list[tuple[int, list[int]]] = []
    advance_to_end(database, Subscriptions([counting(calls)]), "counting", 0)
    assert calls == failed == [(0, [1])]


def test_a_partition_in_hand_is_left_alone(database: sa.Engine) -> None:
    calls: list[tuple[int, list[int]]] = []
    subscriptions = Subscriptions([counting(calls)])
    with database.begin() as connection:
        open_checkpoints(connection, subscriptions, 1)
        emit(connection, registered("a"))
    sequence_all(database, 1)
    with database.begin() as other:
        other.execute(sa.text("SELECT * FROM cutover.checkpoints FOR UPDATE"))
        assert advance_to_end(database, subscriptions, "counting", 0) == 0
    assert advance_to_end(database, subscriptions, "counting", 0) == 1
