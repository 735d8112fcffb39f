"""Commands that cannot be carried out as they were given: one message that says why, exit code 2, nothing touched."""

import gzip
import os
import subprocess
import sys

import pytest
import sqlalchemy as sa

from console.failures import Exit
from events import fix_partitions
from migrations.head import HEAD
from migrations.migrate import downgrade
from runtime import database as databases
from tests import batch
from tests.console.commands import SECRET, Answer, all_of, cutover

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
ON_A_SUNDAY = "1,10001,RED MUG,1,2011-01-09 10:00:00,2.55,17850,France\n"

FILES = {
    "bad-number.csv": (HEADER + ON_A_SUNDAY + ON_A_SUNDAY.replace(",1,", ",one,")).encode(),
    "no-column.csv": (HEADER.replace("StockCode", "SKU") + ON_A_SUNDAY).encode(),
    "truncated.csv.gz": gzip.compress((HEADER + ON_A_SUNDAY * 100).encode())[:-20],
    "picture.csv": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "empty.csv": b"",
    "good.csv": (HEADER + ON_A_SUNDAY).encode(),
}

REPORT = "/dev/null/report"

GOOD = ["rehearse", "--orders", "good.csv"]

REFUSED = {
    "a bad number": (
        ["rehearse", "--orders", "bad-number.csv"],
        "bad-number.csv, line 3: Quantity is 'one'; expected a whole number",
    ),
    "a missing column": (["rehearse", "--orders", "no-column.csv"], "no-column.csv, line 1: column 'StockCode' is"),
    "a truncated file": (["rehearse", "--orders", "truncated.csv.gz"], "the file is broken from here on: Compressed"),
    "a file of something else": (["rehearse", "--orders", "picture.csv"], "picture.csv, line 1: byte 0x89 is not"),
    "an empty file": (["rehearse", "--orders", "empty.csv"], "empty.csv, line 1: column 'InvoiceNo' is missing"),
    "no file": (["rehearse", "--orders", "none.csv"], "none.csv: cannot be read: [Errno 2] No such file or directory"),
    "a directory": (["rehearse", "--orders", "."], ": cannot be read: [Errno 21] Is a directory"),
    "a bad mapping": ([*GOOD, "--mapping", "order=Order"], "mapping has 'order=Order'; expected `field=Column`"),
    "a mapping of nothing": (["rehearse", "--mapping", "order_id=Order"], "--mapping names the columns of a file"),
    "an end before the start": (
        [*GOOD, "--from", "2011-01-09", "--until", "2011-01-02"],
        "--from 2011-01-09 is not before --until 2011-01-02",
    ),
    "a start behind the orders": (
        [*GOOD, "--from", "2012-01-09", "--until", "2012-02-09"],
        "--from 2012-01-09 lies behind the last order of 2011-01-09",
    ),
    "a window without a Monday": (
        [*GOOD, "--from", "2011-01-04", "--until", "2011-01-06", "--nights", "0"],
        "no run is due from 2011-01-04 until 2011-01-06: choose a window with a Monday",
    ),
    "no date": (
        [*GOOD, "--from", "yesterday"],
        "Invalid value for '--from': Value error, 'yesterday' does not match the",
    ),
    "a defect nobody knows": (["rehearse", "--defect", "gremlins"], "unknown defect 'gremlins'; expected one of: tie_"),
    "a week nobody knows": (["start-run", "--week", "nonsense"], "run 'nonsense' is neither an ISO week such as"),
    "a week no year has": (["start-run", "--week", "2026-W99"], "run '2026-W99' is neither an ISO week such as"),
    "a week that has not come": (["start-run", "--week", "2199-W01"], "run 2199-W01 lies in the future"),
    "a day that has not come": (["start-run", "--day", "2199-01-01"], "run 2199-01-01 lies in the future"),
    "an empty day": (["start-run", "--day", ""], "run '' is neither an ISO week such as"),
    "a week and a day": (["start-run", "--week", "2026-W47", "--day", "2026-11-20"], "give --week or --day, not both"),
    "a command nobody knows": (["rehears"], "No such command 'rehears'"),
    "a state directory that can be none": (["status"], "The state directory /dev/null/state cannot be used"),
}


@pytest.fixture(scope="module")
def answers(nowhere: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    directory = tmp_path_factory.mktemp("orders")
    for name, content in FILES.items():
        (directory / name).write_bytes(content)
    files = {name: str(directory / name) for name in [*FILES, "none.csv", "."]}
    commands = {name: [files.get(word, word) for word in words] for name, (words, _) in REFUSED.items()}
    return all_of(commands, nowhere)


@pytest.mark.parametrize("name", REFUSED)
def test_a_command_is_refused_with_the_reason(answers: dict[str, Answer], name: str) -> None:
    answer = answers[name]
    expected = Exit.UNREACHABLE if "state directory" in name else Exit.WRONG_USE
    assert answer.code == expected, answer
    shown = answer.told.replace("│ ", "")
    assert REFUSED[name][1] in shown, answer.stderr
    assert answer.stdout == ""


def test_an_unusable_setting_is_named_with_what_it_must_be(nowhere: dict[str, str]) -> None:
    for name, value, expected in (
        ("DATABASE_URL", f"mysql://shop:{SECRET}@127.0.0.1/shop", "postgresql://user:"),
        ("REDIS_URL", f"amqp://shop:{SECRET}@127.0.0.1", "redis://host:port/0"),
        ("CUTOVER_PARTITIONS", "many", "a whole number from 1 to 1024"),
    ):
        answer = cutover("status", env={**nowhere, name: value})
        assert answer.code == Exit.WRONG_USE, answer
        assert f"{name} is '{value.replace(SECRET, '***')}' but must be {expected}" in answer.told


@batch.only_before
def test_reconciling_names_the_runs_there_are_and_a_report_it_cannot_write(home: dict[str, str]) -> None:
    recorded = cutover("legacy-run", "--day", "2026-11-20", env=home)
    assert recorded.code == Exit.GOOD, recorded
    commands = {run: ["reconcile", run] for run in ("2026-W99", "../../etc")}
    commands |= {"explain": ["explain", "2026-11-20", "u1"], REPORT: ["reconcile", "2026-11-20", "--html", REPORT]}
    answers = all_of(commands, home)
    unreconciled = answers.pop("explain")
    assert unreconciled.code == Exit.WRONG_USE, unreconciled
    assert "'2026-11-20' has not been reconciled yet" in unreconciled.told
    assert "what the demo left with --database cutover_demo" in unreconciled.told
    for run, answer in answers.items():
        assert answer.code == Exit.WRONG_USE, answer
        reason = (
            f"{run} cannot be used: Not a directory"
            if run == REPORT
            else f"run '{run}' is unknown. Known runs: 2026-11-20."
        )
        assert reason in answer.told


def test_a_database_without_our_tables_is_left_as_it_is(home: dict[str, str], fresh_database_url: str) -> None:
    answer = cutover("reconcile", "2026-W47", env={**home, "DATABASE_URL": fresh_database_url})
    assert answer.code == Exit.WRONG_USE, answer
    assert "Run `cutover migrate` once" in answer.told
    engine = databases.create_engine(fresh_database_url)
    assert "cutover" not in sa.inspect(engine).get_schema_names()
    engine.dispose()


def test_a_database_that_is_not_there_is_named_with_those_that_may_be(home: dict[str, str]) -> None:
    answer = cutover("explain", "2026-W47", "u1", "--database", "nowhere", env=home)
    assert answer.code == Exit.WRONG_USE, answer
    assert 'database "nowhere" does not exist: `make demo` leaves cutover_demo behind' in answer.told


def test_another_number_of_partitions_than_the_logs_is_refused(home: dict[str, str], database: sa.Engine) -> None:
    with database.begin() as connection:
        fix_partitions(connection, 16)
    eight = {**home, "CUTOVER_PARTITIONS": "8"}
    refused = "this log was created with 16 partitions, the settings ask for 8"
    for command in ("status", "worker"):
        answer = cutover(command, env=eight)
        assert answer.code == Exit.WRONG_USE, answer
        assert refused in answer.told
    child = [sys.executable, "-c", "from console.worker import system; system()"]
    done = subprocess.run(child, env={**os.environ, **eight}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert refused in done.stderr
    with database.connect() as connection:
        assert connection.scalar(sa.text("SELECT partitions FROM cutover.log_settings")) == 16


def test_a_worker_of_other_code_than_the_databases_is_refused(home: dict[str, str], database: sa.Engine) -> None:
    downgrade(database, "0008")
    answer = cutover("worker", env=home)
    assert answer.code == Exit.WRONG_USE, answer
    assert f"is at revision 0008, and this code is written for {HEAD}. Run `cutover migrate`" in answer.told
