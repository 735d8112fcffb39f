"""A database or a broker that cannot be reached: which, where, and how to go on; never for long, never the password."""

import json
import socket
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from console.failures import Exit
from tests import batch
from tests.console.commands import SECRET, Answer, all_of, cutover

COMMANDS = {
    "status": ["status"],
    "emit": ["emit", "UserRegistered", "--data", json.dumps({"user_id": "u1", "occurred_at": "2026-11-20T10:00:00Z"})],
    "backfill": ["backfill"],
    **({} if batch.RETIRED else {"legacy-run": ["legacy-run", "--week", "2026-W47"]}),
    "reconcile": ["reconcile", "2026-W47"],
    "relay": ["relay"],
    "worker": ["worker"],
    "migrate": ["migrate"],
}

WITH_BROKER = ("status", "worker")

WITHOUT_BROKER = {
    "migrate": ["migrate"],
    "emit": COMMANDS["emit"],
    "a run begins": ["start-run", "--day", "2026-11-20"],
    "the batch is recorded": ["start-run" if batch.RETIRED else "legacy-run", "--day", "2026-11-21"],
    "reconcile": ["reconcile", "2026-11-21"],
    "people": ["people", "add", "ada", "--role", "approver", "--why", "first", "--json"],
    "stage": ["stage", "--json"],
}
"""What is true, and what people decide, is in the database."""


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, and which nobody else gets meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture(scope="module")
def without_database(closed_port: int, nowhere: dict[str, str], redis_url: str) -> dict[str, Answer]:
    url = f"postgresql://shop:{SECRET}@127.0.0.1:{closed_port}/shop"
    return all_of(COMMANDS, {**nowhere, "DATABASE_URL": url, "REDIS_URL": redis_url})


@pytest.fixture(scope="module")
def without_broker(closed_port: int, nowhere: dict[str, str], template_url: str) -> dict[str, Answer]:
    url = f"redis://:{SECRET}@127.0.0.1:{closed_port}/0"
    commands = {name: COMMANDS[name] for name in WITH_BROKER}
    return all_of(commands, {**nowhere, "DATABASE_URL": template_url, "REDIS_URL": url})


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_that_is_away_is_named(without_database: dict[str, Answer], closed_port: int, command: str) -> None:
    answer = without_database[command]
    assert (answer.code, answer.stdout) == (Exit.UNREACHABLE, ""), answer
    assert f"PostgreSQL cannot be reached at postgresql+psycopg://shop:***@127.0.0.1:{closed_port}/shop" in answer.told
    assert answer.told.endswith("Connection refused. Start it, or correct DATABASE_URL."), answer.told


@pytest.mark.parametrize("command", WITH_BROKER)
def test_a_broker_that_is_away_is_named(without_broker: dict[str, Answer], closed_port: int, command: str) -> None:
    answer = without_broker[command]
    assert (answer.code, answer.stdout) == (Exit.UNREACHABLE, ""), answer
    assert f"Redis cannot be reached at redis://:***@127.0.0.1:{closed_port}/0" in answer.told
    assert answer.told.endswith("Connection refused. Start it, or correct REDIS_URL."), answer.told


def test_without_a_broker_runs_begin_and_people_decide(
    closed_port: int, home: dict[str, str], database: sa.Engine
) -> None:
    away = {**home, "REDIS_URL": f"redis://:{SECRET}@127.0.0.1:{closed_port}/0"}
    answers = all_of(WITHOUT_BROKER, away)
    nothing_to_compare = answers.pop("reconcile")
    assert nothing_to_compare.code == Exit.INCOMPLETE, nothing_to_compare
    assert {name: answer.code for name, answer in answers.items()} == dict.fromkeys(answers, Exit.GOOD), answers
    token = json.loads(answers["people"].stdout)["token"]
    back = cutover("rollback", "--to", "legacy", "--why", "x", env={**away, "CUTOVER_TOKEN": token})
    assert back.code == Exit.WRONG_USE
    assert "Redis" not in back.told
    with database.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM cutover.events WHERE type = 'DayStarted'")) == 2
