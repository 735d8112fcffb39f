"""The database itself refuses what may not become of a row, whoever asks for it and by which statement."""

import itertools
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa

from handlers.delivery.books import NEWS
from tests.delivery.ledgers import STATES, become, execute, own_database, put, row, unwatched

LEGAL = {
    "planned": {"sending", "suppressed", "accepted"},
    "sending": {"accepted", "failed", "unconfirmed", "planned", "suppressed"},
    "unconfirmed": {"accepted", "planned", "failed"},
    "failed": {"planned", "accepted"},
    "suppressed": {"accepted"},
    "accepted": set[str](),
}

_users = (f"u{number}" for number in itertools.count(1))


@pytest.fixture(scope="module")
def ledger(postgres_url: str, template_url: str) -> Iterator[sa.Engine]:
    with own_database(postgres_url, template_url) as engine:
        yield engine


def refusal(engine: sa.Engine, statement: str, **parameters: object) -> str:
    """What the database says against this statement, which must violate a check."""
    with pytest.raises(sa.exc.IntegrityError) as refused:
        execute(engine, statement, **parameters)
    assert isinstance(refused.value.orig, psycopg.errors.CheckViolation), refused.value
    return str(refused.value.orig)


def user_in(engine: sa.Engine, state: str) -> str:
    user_id = next(_users)
    put(engine, state, user_id)
    return user_id


def change(engine: sa.Engine, user_id: str, state: str, grows: int) -> None:
    with engine.begin() as connection:
        become(connection, state, user_id, grows=grows)


@pytest.mark.parametrize("to", STATES)
@pytest.mark.parametrize("of", STATES)
def test_a_row_changes_to_the_states_of_the_table_and_to_no_other(ledger: sa.Engine, of: str, to: str) -> None:
    user_id = user_in(ledger, of)
    before = row(ledger, user_id)
    grows = int((of, to) == ("planned", "sending"))
    if of == to or to in LEGAL[of]:
        change(ledger, user_id, to, grows)
        after = row(ledger, user_id)
        assert after["state"] == to
        assert (after["changed_at"] > before["changed_at"]) == (of != to)
    else:
        with pytest.raises(sa.exc.IntegrityError, match=f"{user_id} cannot go from {of} to {to}"):
            change(ledger, user_id, to, grows)
        assert row(ledger, user_id) == before


@pytest.mark.parametrize("grows", [-1, 0, 1, 2])
@pytest.mark.parametrize(("of", "to"), [(of, to) for of in STATES for to in [of, *sorted(LEGAL[of])]])
def test_the_attempt_grows_by_one_with_a_claim_and_never_else(ledger: sa.Engine, of: str, to: str, grows: int) -> None:
    user_id = user_in(ledger, of)
    if grows == int((of, to) == ("planned", "sending")):
        change(ledger, user_id, to, grows)
        assert row(ledger, user_id)["attempt"] == 1 + grows
    else:
        with pytest.raises(sa.exc.IntegrityError, match="grows by one with each claim"):
            change(ledger, user_id, to, grows)


@pytest.mark.parametrize("state", STATES)
def test_whose_row_it_is_never_changes(ledger: sa.Engine, state: str) -> None:
    user_id = user_in(ledger, state)
    for other in ("run = '2026-W48'", "user_id = 'x' || user_id", "send_id = 'x'", "partition = 1"):
        said = refusal(ledger, f"UPDATE cutover.send_ledger SET {other} WHERE user_id = :user_id", user_id=user_id)
        assert "run, user, partition and send_id of 2026-W47/" in said


@pytest.mark.parametrize("state", STATES)
def test_a_row_changes_hands_only_while_it_is_planned(ledger: sa.Engine, state: str) -> None:
    user_id = user_in(ledger, state)
    statement = "UPDATE cutover.send_ledger SET path = 'legacy' WHERE user_id = :user_id"
    if state == "planned":
        assert execute(ledger, statement, user_id=user_id) == 1
    else:
        assert "keeps its path" in refusal(ledger, statement, user_id=user_id)


def test_rows_are_never_removed(ledger: sa.Engine) -> None:
    user_id = user_in(ledger, "planned")
    for statement in ("DELETE FROM cutover.send_ledger", "TRUNCATE cutover.send_ledger"):
        assert "rows are never removed" in refusal(ledger, statement)
    assert row(ledger, user_id)


@pytest.mark.parametrize("name", NEWS)
def test_news_is_only_added_or_becomes_older(ledger: sa.Engine, name: str) -> None:
    user_id = user_in(ledger, "accepted")
    statement = f"UPDATE cutover.send_ledger SET {name}_at = CAST(:at AS timestamptz) WHERE user_id = :user_id"
    for at in ("2026-11-16T10:00Z", "2026-11-16T10:00Z", "2026-11-16T09:00Z"):
        assert execute(ledger, statement, user_id=user_id, at=at) == 1
    for worse in ("2026-11-16T09:00:01Z", None):
        assert "can only be added, or be older" in refusal(ledger, statement, user_id=user_id, at=worse)
    assert row(ledger, user_id)[f"{name}_at"].hour == 9


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"state": "lost"}, "send_ledger_state"),
        ({"path": "both"}, "send_ledger_path"),
        ({"state": "sending"}, "send_ledger_lease"),
        ({"lease_until": "2026-11-16T09:00Z"}, "send_ledger_lease"),
        ({"state": "accepted"}, "send_ledger_evidence"),
        ({"evidence": "answer"}, "send_ledger_evidence"),
        ({"state": "failed"}, "send_ledger_reason"),
        ({"state": "suppressed"}, "send_ledger_reason"),
        ({"state": "unconfirmed"}, "send_ledger_reason"),
    ],
)
def test_no_row_is_half_of_something(ledger: sa.Engine, columns: dict[str, str], constraint: str) -> None:
    born = {"run": "2026-W47", "user_id": next(_users), "path": "legacy", "state": "planned", **columns}
    values = ", ".join(f"'{value}'" for value in born.values())
    statement = f"INSERT INTO cutover.send_ledger (partition, {', '.join(born)}) VALUES (0, {values})"
    with pytest.raises(sa.exc.IntegrityError, match=f'"{constraint}"'), unwatched(ledger) as connection:
        connection.execute(sa.text(statement))


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "accepted", "evidence": "answer"},
        {"state": "failed", "reason": "http_400"},
        {"state": "unconfirmed", "reason": "read_timeout"},
        {"state": "sending", "lease_until": "2026-11-16T09:00Z"},
        {"attempt": "3"},
        {"attempt": "-1"},
        {"state": "suppressed", "reason": "bounced", "attempt": "1"},
    ],
)
def test_every_row_begins_as_planned_or_suppressed(ledger: sa.Engine, columns: dict[str, str]) -> None:
    born = {"run": "2026-W47", "user_id": next(_users), "path": "legacy", "state": "planned", **columns}
    values = ", ".join(f"'{value}'" for value in born.values())
    said = refusal(ledger, f"INSERT INTO cutover.send_ledger (partition, {', '.join(born)}) VALUES (0, {values})")
    assert f"{born['user_id']} begins as planned or suppressed, with no attempt" in said


def test_a_user_has_one_row_a_run_and_a_send_id_one_row_at_all(ledger: sa.Engine) -> None:
    user_id, statement = (
        user_in(ledger, "planned"),
        (
            "INSERT INTO cutover.send_ledger (run, user_id, partition, path, state, send_id) "
            "SELECT :run, :user_id, 0, 'legacy', 'planned', :send_id"
        ),
    )
    send_id = row(ledger, user_id)["send_id"]
    for run, user, sent in (("2026-W47", user_id, "new"), ("2026-W48", user_id, send_id)):
        with pytest.raises(sa.exc.IntegrityError) as refused:
            execute(ledger, statement, run=run, user_id=user, send_id=sent)
        assert isinstance(refused.value.orig, psycopg.errors.UniqueViolation)
