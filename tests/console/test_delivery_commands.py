"""`campaign`, `unconfirmed` and `deadletters`: what they show, what they change, and how they end."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from console.failures import Exit
from console.screen import print_table, say
from handlers.delivery.books import NEWS, STATES
from handlers.delivery.ledger import plan
from tests.console.commands import Answer, all_of, cutover
from tests.delivery.ledgers import emitted, execute, own_database, plan_users, put, refused, row, states

SURE = ["--why", "not in the records", "--by", "ann", "--yes"]

CODES: Mapping[str, tuple[dict[str, int], Exit]] = {
    "well": ({"accepted": 199, "failed": 1, "suppressed": 5}, Exit.GOOD),
    "failing": ({"accepted": 198, "failed": 2}, Exit.NO),
    "planned": ({"accepted": 199, "planned": 1}, Exit.INCOMPLETE),
    "sending": ({"accepted": 199, "sending": 1}, Exit.INCOMPLETE),
    "unconfirmed": ({"accepted": 199, "unconfirmed": 1}, Exit.INCOMPLETE),
    "open and failing": ({"failed": 2, "planned": 1}, Exit.NO),
}

REFUSED: Mapping[str, list[str]] = {
    "give --pause or --resume, not both": ["campaign", "all", "--pause", "--resume"],
    "run '2026-W99' sends nothing": ["campaign", "2026-W99", "--pause"],
    "give --mark-sent or --release, not both": ["unconfirmed", "all", "--mark-sent", "--release"],
    "name the run whose e-mails you decide on": ["unconfirmed", "--mark-sent"],
    "name the run whose e-mails are to be sent again": ["deadletters", "--replay", "--yes"],
    "say with --why what makes you sure": ["unconfirmed", "all", "--release"],
    "what makes you sure": ["unconfirmed", "all", "--mark-sent", "--why", " "],
    "--why has 301 characters; expected at most 300": ["unconfirmed", "all", "--mark-sent", "--why", "x" * 301],
    "--by is 'ann\\nbob'": ["unconfirmed", "all", "--release", "--why", "sure", "--by", "ann\nbob"],
    "none of these users is unconfirmed in run all: u9": ["unconfirmed", "all", "--user", "u9", "--release", *SURE],
}

SPOKEN: Mapping[str, list[str | bytes]] = {
    "long": ["--why", "x" * 301],
    "empty": ["--why", ""],
    "long name": ["--by", "x" * 201],
    "two lines": ["--by", "ann\nbob"],
    "no text": ["--why", b"sure \xff"],
}

COMMANDS: Mapping[str, Sequence[str | bytes]] = {
    "books": ["campaign", "all"],
    "books as data": ["campaign", "all", "--json"],
    **{f"code of {run}": ["campaign", run, "--json"] for run in CODES},
    **REFUSED,
    "pause": ["campaign", "paused", "--pause", "--by", "ann", "--json"],
    "look at the pause": ["campaign", "paused"],
    "resume": ["campaign", "paused", "--resume", "--json"],
    "extend": ["campaign", "paused", "--extend", "90", "--json"],
    "pause before the first e-mail": ["campaign", "opened", "--pause", "--by", "ann", "--json"],
    "nothing unconfirmed": ["unconfirmed", "well"],
    "nothing unconfirmed as data": ["unconfirmed", "well", "--json"],
    "no dead letters": ["deadletters", "planned"],
    "unconfirmed": ["unconfirmed", "asked"],
    "release without effect": ["unconfirmed", "asked", "--release", *SURE, "--dry-run"],
    "release without an answer": ["unconfirmed", "asked", "--release", *SURE[:-1]],
    "still unconfirmed": ["unconfirmed", "asked", "--json"],
    "mark sent": ["unconfirmed", "asked", "--user", "u1", "--mark-sent", *SURE],
    "release": ["unconfirmed", "asked", "--user", "u2", "--release", *SURE, "--json"],
    "dead letters": ["deadletters", "dead"],
    "replay without effect": ["deadletters", "dead", "--reason", "413", "--replay", "--dry-run", "--yes"],
    "replay of nothing": ["deadletters", "dead", "--reason", "teapot", "--replay", "--yes"],
    "still dead": ["deadletters", "dead", "--json"],
    "replay": ["deadletters", "dead", "--reason", "TOO large", "--replay", "--why", "smaller", "--yes"],
    **{f"spoken {name}": ["deadletters", name, "--replay", "--yes", *words] for name, words in SPOKEN.items()},
}


@pytest.fixture(scope="module")
def ledger(postgres_url: str, template_url: str) -> Iterator[sa.Engine]:
    """Runs for every command, each with rows of its own."""
    with own_database(postgres_url, template_url) as engine:
        for state in STATES:
            put(engine, state, f"{state}-1", f"{state}-2", run="all")
        execute(engine, "UPDATE cutover.send_ledger SET delivered_at = now() WHERE user_id = 'accepted-1'")
        for run, (rows, _) in CODES.items():
            for state, count in rows.items():
                put(engine, state, *(f"{state}-{number}" for number in range(count)), run=run)
        plan_users(engine, "u1", run="paused", within=60.0)
        with engine.begin() as connection:
            plan(connection, "opened", "legacy", [], partitions=1, send_within=60.0)
        put(engine, "unconfirmed", "u1", "u2", "u3", run="asked")
        put(engine, "failed", "u1", "u2", "u3", run="dead")
        execute(engine, "UPDATE cutover.send_ledger SET reason = '413 too large' WHERE run = 'dead' AND user_id = 'u3'")
        execute(
            engine, "UPDATE cutover.campaigns SET send_by = now() - interval '1 day' WHERE run IN ('asked', 'dead')"
        )
        for run in SPOKEN:
            put(engine, "failed", "u1", run=run)
        yield engine


@pytest.fixture(scope="module")
def home(ledger: sa.Engine, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {
        "DATABASE_URL": ledger.url.render_as_string(hide_password=False),
        "REDIS_URL": redis_url,
        "CUTOVER_STATE_DIR": str(tmp_path_factory.mktemp("state")),
        "CUTOVER_PARTITIONS": "1",
    }


@pytest.fixture(scope="module")
def said(home: dict[str, str]) -> dict[str, Answer]:
    """What came of all commands, one after another."""
    return all_of(COMMANDS, home)


def data(answer: Answer) -> Any:  # noqa: ANN401 - JSON
    return json.loads(answer.stdout)


def test_a_campaign_shows_its_books_to_people_and_programs(said: dict[str, Answer]) -> None:
    shown = " ".join(said["books"].stdout.split())
    assert said["books"].code == said["books as data"].code == Exit.NO
    assert "8 of 12 settled" in shown
    for words in ("accepted by the provider 2", "failed for good 2 http_400 2", "together 12", "delivered 1"):
        assert words in shown
    found = data(said["books as data"])
    assert found["states"] == dict.fromkeys(STATES, 2)
    assert (found["run"], found["total"], found["open"]) == ("all", 12, 4)
    assert found["reasons"]["unconfirmed"] == {"read_timeout": 2}
    assert set(found["news"]) == set(NEWS)
    assert {"pace", "send_by", "paused_at", "paused_by", "finish"} < set(found)


@pytest.mark.parametrize("run", CODES)
def test_the_exit_code_says_whether_all_is_well(said: dict[str, Answer], run: str) -> None:
    assert said[f"code of {run}"].code == CODES[run][1]


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_carried_out_is_refused_with_the_reason(said: dict[str, Answer], reason: str) -> None:
    assert (said[reason].code, said[reason].stdout) == (Exit.WRONG_USE, "")
    assert reason in said[reason].told


def test_a_campaign_is_paused_resumed_and_given_time(said: dict[str, Answer]) -> None:
    assert {said[name].code for name in ("pause", "look at the pause", "resume", "extend")} == {Exit.INCOMPLETE}
    assert data(said["pause"])["paused_by"] == "ann"
    assert "PAUSED by ann" in said["look at the pause"].stdout
    assert data(said["resume"])["paused_at"] is None
    assert data(said["extend"])["send_by"] > data(said["resume"])["send_by"]


def test_a_campaign_whose_e_mails_are_not_handed_in_yet_is_paused(said: dict[str, Answer], ledger: sa.Engine) -> None:
    assert said["pause before the first e-mail"].code == Exit.INCOMPLETE
    assert data(said["pause before the first e-mail"])["paused_by"] == "ann"
    with ledger.connect() as connection:
        assert connection.scalar(sa.text("SELECT paused_by FROM cutover.campaigns WHERE run = 'opened'")) == "ann"


def test_where_nothing_needs_a_person_it_is_said(said: dict[str, Answer]) -> None:
    assert "nothing is unconfirmed" in said["nothing unconfirmed"].told
    assert data(said["nothing unconfirmed as data"]) == []
    assert "no dead letters" in said["no dead letters"].told
    assert {said[name].code for name in ("nothing unconfirmed", "no dead letters")} == {Exit.GOOD}


def test_unconfirmed_e_mails_are_listed_and_nothing_changes_by_looking(said: dict[str, Answer]) -> None:
    assert "3 unconfirmed" in said["unconfirmed"].stdout
    assert "--mark-sent | --release" in said["unconfirmed"].told
    assert {said[name].code for name in ("unconfirmed", "release without effect", "still unconfirmed")} == {
        Exit.INCOMPLETE
    }
    assert said["release without an answer"].code == Exit.NO
    found = data(said["still unconfirmed"])
    assert [(each["run"], each["user_id"], each["asked_at"]) for each in found] == [
        ("asked", user_id, None) for user_id in ("u1", "u2", "u3")
    ]
    assert {"send_id", "path", "attempt", "reason", "since"} < set(found[0])


def test_a_person_decides_on_those_they_name(said: dict[str, Answer], ledger: sa.Engine) -> None:
    assert (said["mark sent"].code, data(said["release"])) == (Exit.GOOD, {"changed": 1})
    assert "1 e-mails: accepted" in said["mark sent"].told
    assert states(ledger, "asked") == {"u1": "accepted", "u2": "planned", "u3": "unconfirmed"}
    held = row(ledger, "u1", "asked")
    assert (held["evidence"], held["decided_by"]) == ("person", "ann")
    assert [(kind, told.get("by"), told.get("reason")) for kind, told in emitted(ledger, run="asked")] == [
        ("EmailAccepted", "ann", "not in the records"),
        ("EmailReleased", "ann", "not in the records"),
    ]
    assert ends_later(ledger, "asked")


def test_dead_letters_are_shown_filtered_and_sent_again(said: dict[str, Answer], ledger: sa.Engine) -> None:
    assert "http_400" in said["dead letters"].stdout
    assert "http_400" not in said["replay without effect"].stdout
    assert "no dead letters" in said["replay of nothing"].told
    first, second = data(said["still dead"])
    assert (first["reason"], first["user_ids"], second["user_ids"]) == ("http_400", ["u1", "u2"], ["u3"])
    assert {"run", "first_at", "last_at"} < set(first)
    assert (said["replay"].code, said["replay"].told) == (Exit.GOOD, "1 e-mails are planned again")
    assert states(ledger, "dead") == {"u1": "failed", "u2": "failed", "u3": "planned"}
    assert [(kind, told["reason"]) for kind, told in emitted(ledger, run="dead")] == [("EmailReleased", "smaller")]
    assert ends_later(ledger, "dead")


def test_a_person_is_asked_before_anything_is_sent_again(ledger: sa.Engine, home: dict[str, str]) -> None:
    put(ledger, "unconfirmed", "u1", run="prompt")
    answer = cutover("unconfirmed", "prompt", "--release", "--why", "sure", env=home, stdin=b"y\n")
    assert answer.code == Exit.GOOD, answer
    assert "send again 1 e-mails of run prompt?" in answer.stdout + answer.stderr
    assert states(ledger, "prompt") == {"u1": "planned"}


@pytest.mark.parametrize("name", SPOKEN)
def test_what_the_log_cannot_hold_is_refused_before_anything_changes(
    said: dict[str, Answer], ledger: sa.Engine, name: str
) -> None:
    assert said[f"spoken {name}"].code == Exit.WRONG_USE
    assert name != "no text" or "byte 0xff at offset 5; expected text in UTF-8" in said["spoken no text"].told
    assert states(ledger, name) == {"u1": "failed"}


def test_what_comes_from_outside_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("", ["reason"], [["400 [/x] [bold] :bear:"]])
    say("400 [/x] [bold] :bear:")
    shown = capsys.readouterr()
    assert "400 [/x] [bold] :bear:" in shown.out
    assert "400 [/x] [bold] :bear:" in shown.err


def test_the_log_refuses_nothing_of_what_was_decided(said: dict[str, Answer], ledger: sa.Engine) -> None:
    assert said["replay"].code == Exit.GOOD
    refused(ledger)
    with ledger.connect() as connection:
        runs = set(connection.scalars(sa.text("SELECT data ->> 'run' FROM cutover.refused_events")))
    assert not runs & {"dead", "asked"}


def ends_later(engine: sa.Engine, run: str) -> bool:
    """Whether there is at least an hour left."""
    return (
        execute(engine, "SELECT FROM cutover.campaigns WHERE send_by > now() + '1 hour' AND run = :run", run=run) == 1
    )
