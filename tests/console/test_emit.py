"""`emit`: what it refuses, with field, value and what was expected, and what becomes of what it takes."""

import json
from collections.abc import Mapping

import pytest
import sqlalchemy as sa

from console.failures import Exit
from events import sequence_all
from tests.console.commands import Answer, all_of, cutover

AT = "2026-11-20T10:00:00Z"
ORDER = {"order_id": "o1", "user_id": "u1", "occurred_at": AT, "lines": [{"product_id": "p1", "quantity": 2}]}

REFUSED: dict[str, tuple[list[str | bytes], list[str]]] = {
    "a type nobody knows": (["OrderPlaecd", "--data", "{}"], ["'OrderPlaecd'", "OrderPlaced, OrderCancelled"]),
    "a field of the wrong type": (
        ["OrderPlaced", "--data", json.dumps({**ORDER, "order_id": 17})],
        ["OrderPlaced: order_id is 17", "Expected `str`, got `int`"],
    ),
    "a value out of range": (
        ["OrderPlaced", "--data", json.dumps({**ORDER, "lines": [{"product_id": "p1", "quantity": 0}]})],
        ["OrderPlaced: lines[0].quantity is 0", "Expected `int` >= 1"],
    ),
    "a field nobody knows": (
        ["OrderPlaced", "--data", json.dumps({**ORDER, "email": "a@b.c"})],
        ["OrderPlaced", "unknown field `email`"],
    ),
    "a missing field": (
        ["UserUnsubscribed", "--data", json.dumps({"occurred_at": AT})],
        ["UserUnsubscribed", "missing required field `user_id`"],
    ),
    "a time without a zone": (
        ["UserRegistered", "--data", json.dumps({"user_id": "u1", "occurred_at": "2026-11-20T10:00:00"})],
        ["UserRegistered: occurred_at is '2026-11-20T10:00:00'", "Expected `datetime` with a timezone"],
    ),
    "a time to come": (
        ["UserRegistered", "--data", json.dumps({"user_id": "u1", "occurred_at": "2199-11-20T10:00:00Z"})],
        ["occurred_at is 2199-11-20 10:00 UTC, which is yet to come"],
    ),
    "no JSON": (["OrderPlaced", "--data", "{nope"], ["OrderPlaced", "{nope", "JSON is malformed"]),
    "no text": (
        ["OrderPlaced", "--data", b'{"order_id": "\xff"}'],
        ["byte 0xff at offset 14", "expected JSON in UTF-8"],
    ),
    "a newer version": (
        ["OrderPlaced", "--version", "9", "--data", json.dumps(ORDER)],
        ["OrderPlaced version 9 is newer than this code, which knows up to version 2", "deploy the newer code"],
    ),
    "no version at all": (["OrderPlaced", "--version", "0", "--data", "{}"], ["version is 0", "expected 1 or more"]),
    "no data": (["OrderPlaced"], ["Missing option '--data'"]),
}


def emit(home: dict[str, str], *options: str, event: Mapping[str, object] = ORDER, stdin: bytes = b"") -> Answer:
    data = ["--data", "-"] if stdin else ["--data", json.dumps(event)]
    return cutover("emit", "OrderPlaced", *data, *options, env=home, stdin=stdin)


def rows(database: sa.Engine, table: str) -> list[str]:
    with database.connect() as connection:
        return list(connection.scalars(sa.text(f"SELECT event_id FROM cutover.{table}")))


@pytest.fixture(scope="module")
def refusals(nowhere: dict[str, str]) -> dict[str, Answer]:
    return all_of({name: ["emit", *arguments] for name, (arguments, _) in REFUSED.items()}, nowhere)


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_event_is_refused_before_anything_is_written_or_started(refusals: dict[str, Answer], name: str) -> None:
    answer, said = refusals[name], REFUSED[name][1]
    assert answer.code == Exit.WRONG_USE, answer
    assert all(part in answer.told for part in said), answer.stderr
    assert answer.stdout == ""


def test_an_event_told_twice_is_logged_once_and_a_rehearsal_of_emit_writes_nothing(
    home: dict[str, str], database: sa.Engine
) -> None:
    checked = emit(home, "--dry-run", "--json")
    assert json.loads(checked.stdout) == {"event_id": "OrderPlaced:o1", "emitted": False}
    assert rows(database, "outbox") == []

    told = emit(home)
    assert (told.code, told.stdout) == (Exit.GOOD, "")
    assert "OrderPlaced:o1 is in the outbox" in told.told
    again = emit(home, "--json", stdin=json.dumps(ORDER).encode())
    assert (again.code, again.stderr) == (Exit.GOOD, "")
    assert json.loads(again.stdout) == {"event_id": "OrderPlaced:o1", "emitted": True}
    assert emit(home, event={**ORDER, "order_id": "o2", "lines": []}).code == Exit.WRONG_USE
    assert rows(database, "outbox") == ["OrderPlaced:o1"] * 2, "what was refused is not there"

    assert sequence_all(database, 16) == 2
    assert rows(database, "outbox") == []
    assert rows(database, "events") == ["OrderPlaced:o1"]
