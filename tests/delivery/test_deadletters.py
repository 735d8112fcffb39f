"""Dead letters: grouped by what the provider said, found by run, reason and user, and planned anew."""

import sqlalchemy as sa

from handlers.delivery.deadletters import dead_letters, replay
from tests.delivery.ledgers import RUN, STATES, emitted, execute, put, refused, row, states, take, wish


def failed(engine: sa.Engine, reason: str, *user_ids: str, run: str = RUN) -> None:
    put(engine, "failed", *user_ids, run=run)
    statement = "UPDATE cutover.send_ledger SET reason = :reason WHERE run = :run AND user_id = ANY(:users)"
    execute(engine, statement, reason=reason, run=run, users=list(user_ids))


def groups(engine: sa.Engine, **which: object) -> list[tuple[str, str, list[str]]]:
    with engine.connect() as connection:
        found = dead_letters(connection, **which)  # type: ignore[arg-type]  # the filters, by name
    assert all(each.first_at <= each.last_at for each in found)
    return [(each.run, each.reason, list(each.user_ids)) for each in found]


def test_they_are_grouped_by_run_and_reason_largest_first(database: sa.Engine) -> None:
    failed(database, "http_400 no valid address", "u3", "u2")
    failed(database, "http_413", "u1")
    failed(database, "http_413", "u2", run="2026-W48")
    put(database, "unconfirmed", "u9")
    assert groups(database) == [
        (RUN, "http_400 no valid address", ["u2", "u3"]),
        (RUN, "http_413", ["u1"]),
        ("2026-W48", "http_413", ["u2"]),
    ]


def test_they_are_found_by_run_by_part_of_the_reason_and_by_user(database: sa.Engine) -> None:
    failed(database, "http_400 no Valid_address", "u1", "u2")
    failed(database, "http_413 100%", "u3", run="2026-W48")
    assert groups(database, run="2026-W48") == [("2026-W48", "http_413 100%", ["u3"])]
    assert groups(database, reason="VALID_") == [(RUN, "http_400 no Valid_address", ["u1", "u2"])]
    assert groups(database, reason="no%address") == []
    assert groups(database, user_ids=["u2", "u3", "u4"], run=RUN) == [(RUN, "http_400 no Valid_address", ["u2"])]
    assert groups(database, run="2026-W49") == []


def test_only_what_is_still_failed_is_planned_anew_and_it_is_told_who_did_it(database: sa.Engine) -> None:
    failed(database, "http_400", "u1", "u2", *STATES)
    with database.connect() as connection:
        (letters,) = dead_letters(connection)
    with database.begin() as connection:
        assert replay(connection, letters, by="ann", why="mended") == 8
        assert replay(connection, letters, by="ann", why="mended") == 0
    assert set(states(database).values()) == {"planned"}
    assert {(kind, data["by"], data["reason"]) for kind, data in emitted(database)} == {
        ("EmailReleased", "ann", "mended")
    }
    assert refused(database) == []


def test_who_does_not_want_mail_any_more_gets_none_by_a_replay(database: sa.Engine) -> None:
    failed(database, "http_400", "u1", "u2")
    wish(database, "u1", mail=False)
    with database.begin() as connection:
        (letters,) = dead_letters(connection)
        replay(connection, letters, by="ann", why="mended")
    assert [(each.user_id, each.attempt) for each in take(database).claims] == [("u2", 2)]
    assert row(database, "u1")["reason"] == "unsubscribed"
