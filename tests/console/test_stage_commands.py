"""`stage`, `sign-off`, `rollback`, `people` and `retire`: the way forward and back, as people go it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from console import migration as console_migration
from console.cli import command_line
from console.commands import people as people_command
from console.commands import sign_off as sign_off_command
from console.commands import stage as stage_command
from console.configuration import configured
from console.failures import Exit, explain
from console.retirement import calls_in, crontab_text, importers
from console.stage_view import pause_at
from console.weekly_job import JOB
from console.weekly_job import weekly_gate as gate
from console.weekly_policy import POLICY
from events import WeekStarted
from handlers.delivery.settings import DeliverySettings
from reconcile.errors import UnknownReport
from reconcile.judgement import Judgement
from reconcile.statement import digest_of_configuration
from reconcile.stored_reports import Reports
from runtime.version import code_version
from sandbox.approver import move
from shadow.barrier import raise_barrier
from shadow.history import Migration, Pause
from shadow.outcome import Outcome
from shadow.recorder import open_path, open_run
from shadow.schedule import run_event, week_of
from tests import batch
from tests.console.commands import Answer

NOW = datetime.now(UTC)
REPORT = Judgement(
    report="abcdef0123456789" * 4,
    runs=("2026-W47",),
    days=7,
    pairs=100_000,
    coverage=1.0,
    mismatches=0,
    unexplained=0,
    bound=0.00003,
    code_version=code_version(),
    policy=POLICY.digest(),
    configuration=digest_of_configuration(configured(JOB, 16, DeliverySettings())),
    last_run_at=NOW - timedelta(hours=6),
    made_at=NOW,
    outcomes={},
)


class Shelf:
    """Reports on a shelf: a small real port."""

    def __init__(self, *judgements: Judgement) -> None:
        self.judgements = list(judgements)
        self.doubts: tuple[str, ...] = ()

    def find(self, _: sa.Connection, digest: str) -> Judgement:
        found = [each for each in self.judgements if each.report.startswith(digest)]
        if len(found) != 1:
            raise UnknownReport(digest)
        return found[0]

    def reports(self) -> Reports:
        return Reports(
            judgement=self.find,
            newest=lambda _: self.judgements[-1] if self.judgements else None,
            doubts=lambda *_: self.doubts,
        )


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    found = Shelf(REPORT)
    for module in (console_migration, sign_off_command):
        monkeypatch.setattr(module, "stored_reports", found.reports)
    return found


Run = Callable[..., Answer]


@pytest.fixture
def cutover(home: dict[str, str], shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in this process on a system of the test's own; `token` goes into the environment."""
    assert shelf.judgements
    for name, value in home.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, token: str = "", code: int = 0) -> Answer:
        result = CliRunner().invoke(command_line(arguments), arguments, env={"CUTOVER_TOKEN": token})
        message, ended = (result.exception and explain(result.exception)) or ("", result.exit_code)
        answer = Answer(code=int(ended), stdout=result.stdout, stderr=result.stderr + message)
        assert answer.code == code, (answer, result.exception)
        assert not token or token not in answer.stdout + answer.stderr
        return answer

    return run


@pytest.fixture
def tokens(cutover: Run) -> dict[str, str]:
    """Two approvers and an operator."""
    ada = cutover("people", "add", "ada", "--role", "approver", "--why", "first").stdout.strip()
    others = {
        name: cutover("people", "add", name, "--role", role, "--why", "team", token=ada).stdout.strip()
        for name, role in (("ben", "approver"), ("oli", "operator"))
    }
    return {"ada": ada, **others}


def sign(cutover: Run, token: str, to: str = "shadow", *more: str, code: int = 0) -> Answer:
    return cutover(
        "sign-off", REPORT.report[:12], "--for", to, *more, "--why", "clean", "--yes", token=token, code=code
    )


def to_shadow(cutover: Run, tokens: dict[str, str]) -> None:
    sign(cutover, tokens["ada"])
    cutover("stage", "shadow", "--why", "signed", "--yes", token=tokens["oli"])


def written(database: sa.Engine, kind: str) -> int:
    with database.connect() as connection:
        statement = sa.text("SELECT count(*) FROM cutover.events WHERE type = :kind")
        return connection.scalar(statement, {"kind": kind}) or 0


def test_a_token_is_shown_once_and_only_its_public_key_is_kept(cutover: Run, database: sa.Engine) -> None:
    token = cutover("people", "add", "ada", "--role", "approver", "--why", "first").stdout.strip()
    assert token.startswith("cutover_")
    listed = json.loads(cutover("people", "list", "--json").stdout)
    assert [(each["person"], each["role"]) for each in listed] == [("ada", "approver")]
    with database.connect() as connection:
        everything = connection.scalar(sa.text("SELECT string_agg(data::text, '') FROM cutover.events"))
    assert token.removeprefix("cutover_") not in str(everything)


def test_from_the_first_approver_on_adding_and_removing_takes_one(cutover: Run, tokens: dict[str, str]) -> None:
    add = ("people", "add", "eve", "--role", "viewer", "--why", "x")
    cutover(*add, code=Exit.WRONG_USE)
    refused = cutover(*add, token=tokens["oli"], code=Exit.WRONG_USE)
    assert "oli is operator, and this takes an approver" in refused.stderr
    cutover(*add, token=tokens["ada"])
    cutover("people", "remove", "eve", "--why", "left", "--yes", token=tokens["ada"])
    assert "eve" not in cutover("people", "list", "--json").stdout
    recovered = json.loads(cutover(*add[:4], "approver", "--why", "lost all", "--recover", "--json").stdout)
    assert recovered["role"] == "approver"


@pytest.mark.parametrize(
    ("token", "said"),
    [("", "CUTOVER_TOKEN is not set"), ("hunter2", "is no token"), ("cutover_" + "B" * 43, "is nobody's")],
)
def test_without_a_token_of_somebody_nothing_is_decided(cutover: Run, token: str, said: str) -> None:
    refused = cutover("rollback", "--to", "legacy", "--why", "x", token=token, code=Exit.WRONG_USE)
    assert said in refused.stderr


def test_I8_from_legacy_to_shadow_and_no_further_without_what_a_canary_asks_for(
    cutover: Run, tokens: dict[str, str], database: sa.Engine
) -> None:
    refused = cutover("stage", "shadow", "--why", "now", "--yes", "--json", token=tokens["oli"], code=Exit.NO)
    assert [gate["name"] for gate in json.loads(refused.stdout)["red"]] == ["sign-offs"]
    assert written(database, "StageChanged") == 0
    assert "takes an approver" in sign(cutover, tokens["oli"], code=Exit.WRONG_USE).stderr
    to_shadow(cutover, tokens)
    shown = json.loads(cutover("stage", "--json").stdout)
    assert (shown["stage"], shown["by"], shown["next"]) == ("shadow", "oli", "canary at 5 %")
    canary = ("stage", "canary", "--percent", "5", "--why", "now", "--yes", "--json")
    sign(cutover, tokens["ben"], "canary", "--percent", "5")
    refused = cutover(*canary, token=tokens["oli"], code=Exit.NO)
    red = {gate["name"] for gate in json.loads(refused.stdout)["red"]}
    assert red == {"delivery failures", "deadline"}
    assert written(database, "StageChanged") == 1


def test_I8_a_deploy_or_a_doubt_voids_a_sign_off(cutover: Run, tokens: dict[str, str], shelf: Shelf) -> None:
    sign(cutover, tokens["ada"])
    move = ("stage", "shadow", "--why", "now", "--yes", "--json")
    shelf.judgements = [replace(REPORT, code_version="0.0.9")]
    refused = json.loads(cutover(*move, token=tokens["oli"], code=Exit.NO).stdout)
    assert {gate["name"] for gate in refused["red"]} == {"code version", "sign-offs"}
    shelf.judgements, shelf.doubts = [REPORT], ("Run 2026-W48 has a mismatch.",)
    refused = json.loads(cutover(*move, token=tokens["oli"], code=Exit.NO).stdout)
    assert {gate["name"] for gate in refused["red"]} == {"evidence still true", "sign-offs"}
    assert "no longer true" in sign(cutover, tokens["ben"], code=Exit.NO).stderr
    shelf.doubts = ()
    cutover(*move, token=tokens["oli"])


def test_I8_what_goes_wrong_while_the_command_waits_for_an_answer_counts(
    cutover: Run, tokens: dict[str, str], shelf: Shelf, database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(cutover, tokens["ada"])

    def answer(*_: object, yes: bool) -> None:
        """Yes, an hour later; meanwhile others may decide, and a run is reconciled."""
        assert yes
        with database.connect() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")) == 0
        shelf.doubts = ("Run 2026-W48 has a mismatch.",)

    for command in (stage_command, sign_off_command, people_command):
        monkeypatch.setattr(command, "confirm", answer)
    refused = cutover("stage", "shadow", "--why", "now", "--yes", "--json", token=tokens["oli"], code=Exit.NO)
    assert {gate["name"] for gate in json.loads(refused.stdout)["red"]} == {"evidence still true", "sign-offs"}
    assert written(database, "StageChanged") == 0
    shelf.doubts = ()
    assert "no longer true" in sign(cutover, tokens["ben"], code=Exit.NO).stderr
    assert written(database, "SignedOff") == 1
    cutover("people", "remove", "ben", "--why", "left", "--yes", token=tokens["ada"])


def test_who_signs_is_told_what_is_red_on_the_very_report_they_sign(
    cutover: Run, tokens: dict[str, str], shelf: Shelf
) -> None:
    short = replace(REPORT, report="f" * 64, days=0)
    shelf.judgements = [REPORT, short]
    assert "consecutive days" not in sign(cutover, tokens["ada"]).stderr
    shelf.judgements = [short, REPORT]
    signed = cutover("sign-off", "f" * 12, "--for", "shadow", "--why", "x", "--yes", token=tokens["ben"])
    assert "Red at this moment, signed or not: days compared" in signed.stderr


def test_a_pause_that_was_meant_for_earlier_runs_is_not_shown() -> None:
    postponed = Migration(pause=Pause(at=NOW, by="oli", why="freeze", until_run="2026-W50"))
    assert pause_at(postponed, datetime(2026, 12, 6, 23, 59, tzinfo=UTC)) == postponed.pause
    assert pause_at(postponed, datetime(2026, 12, 7, 0, 0, tzinfo=UTC)) is None
    held = Migration(pause=Pause(at=NOW, by="oli", why="freeze"))
    assert pause_at(held, datetime(2036, 12, 7, tzinfo=UTC)) == held.pause


def test_the_screen_says_which_sign_offs_count_and_why_others_do_not(cutover: Run, tokens: dict[str, str]) -> None:
    sign(cutover, tokens["ada"])
    sign(cutover, tokens["ben"])
    cutover("people", "remove", "ben", "--why", "left", "--yes", token=tokens["ada"])
    shown = cutover("stage").stdout
    assert "legacy, from the start" in shown
    assert "revoked: ben has lost the role" in shown
    assert "may move" in shown


def test_a_dry_run_and_a_wrong_use_write_nothing(cutover: Run, tokens: dict[str, str], database: sa.Engine) -> None:
    sign(cutover, tokens["ada"], "shadow", "--dry-run")
    assert written(database, "SignedOff") == 0
    sign(cutover, tokens["ada"])
    cutover("stage", "shadow", "--why", "x", "--dry-run", token=tokens["oli"])
    for wrong in (
        ("stage", "canary", "--percent", "5", "--why", "x"),
        ("stage", "shadow"),
        ("stage", "shade", "--why", "x"),
        ("stage", "--pause", "--resume", "--why", "x"),
        ("stage", "--pause", "--why", "x"),
        ("stage", "--postpone-until", "2020-W01", "--why", "x"),
        ("sign-off", "abcdef", "--for", "shadow", "--why", "x"),
        ("sign-off", "f" * 12, "--for", "shadow", "--why", "x"),
        ("rollback", "--drill", "2026-W47", "--why", "x"),
        ("rollback", "--why", "x"),
    ):
        cutover(*wrong, token=tokens["ada"], code=Exit.WRONG_USE)
    assert written(database, "StageChanged") == 0


def test_back_leads_one_command_which_takes_running_canaries_along(
    cutover: Run, tokens: dict[str, str], database: sa.Engine
) -> None:
    to_shadow(cutover, tokens)
    run = week_of(NOW)
    with database.begin() as connection:
        open_run(connection, run_event(run, sends=True, percent=100.0, salt="x"), 3)
        for path in ("legacy", "event_driven"):
            open_path(connection, run, path, "test")
        gate(16)(connection, run, "event_driven", [Outcome(unit=f"u{n}", decision="send") for n in range(9)])
    dry = json.loads(cutover("rollback", "--why", "x", "--dry-run", "--json", token=tokens["oli"]).stdout)
    assert (dry["runs"], dry["rolled_back"], dry["stage"]) == ([run], [], None)
    drilled = cutover("rollback", "--drill", run, "--why", "practice", token=tokens["oli"])
    assert "9 e-mails wait for the legacy path, which has not recorded this run yet. If cron does not run it:" in (
        drilled.told
    )
    assert "rolled back as a drill" in cutover("status", code=Exit.GOOD).stdout
    went = json.loads(cutover("rollback", "--to", "legacy", "--why", "x", "--json", token=tokens["oli"]).stdout)
    assert (went["stage"], went["rolled_back"]) == ("legacy", [])
    assert json.loads(cutover("stage", "--json").stdout)["stage"] == "legacy"


def test_a_paused_canary_gives_the_runs_that_begin_to_the_legacy_path(
    cutover: Run, tokens: dict[str, str], database: sa.Engine
) -> None:
    with database.begin() as connection:
        move(connection, "canary", 25, at=NOW)
    ahead = week_of(NOW + timedelta(weeks=2))
    cutover("stage", "--postpone-until", ahead, "--why", "freeze", token=tokens["oli"])
    shown = json.loads(cutover("stage", "--json").stdout)
    assert (shown["stage"], shown["percent"], shown["paused"]["until_run"]) == ("canary", 25.0, ahead)
    assert f"PAUSED: runs that begin now go to the legacy path until run {ahead}, by oli" in cutover("status").stdout
    _, begun = raise_barrier(database, week_of(NOW), 16, salt="x")
    assert isinstance(begun, WeekStarted)
    assert (begun.sends, begun.event_driven_percent) == (True, 0.0)
    cutover("stage", "--resume", "--why", "over", token=tokens["oli"])
    _, next_one = raise_barrier(database, week_of(NOW + timedelta(weeks=1)), 16, salt="x")
    assert isinstance(next_one, WeekStarted)
    assert next_one.event_driven_percent == 25.0
    cutover("stage", "--resume", "--why", "again", token=tokens["oli"], code=Exit.WRONG_USE)


def test_events_of_the_migration_are_not_for_the_app_to_tell(cutover: Run) -> None:
    for kind, command in (
        ("StageChanged", "cutover stage"),
        ("SignedOff", "cutover sign-off"),
        ("RoleGranted", "cutover people add"),
        ("WeekStarted", "start-run"),
        ("EmailAccepted", "send ledger"),
    ):
        refused = cutover("emit", kind, "--data", "{}", code=Exit.WRONG_USE)
        assert f"{kind} is not for the main app to tell" in refused.stderr
        assert command in refused.stderr


@batch.only_before
def test_retiring_names_what_still_calls_the_script(cutover: Run, tmp_path: Path) -> None:
    crontab = tmp_path / "crontab"
    crontab.write_text("# cutover legacy-run\n0 9 * * 1 cutover legacy-run\n0 9 * * 1 cutover start-run\n")
    checked = json.loads(cutover("retire", "--crontab", str(crontab), "--json", code=Exit.NO).stdout)
    calls = {check["name"]: check["calls"] for check in checked["checks"]}
    assert calls["no crontab line calls the script or its tap"] == ["0 9 * * 1 cutover legacy-run"]
    assert calls["nothing else imports the script"] == []
    assert calls["the stage is retired"] == ["it is legacy"]
    assert "legacy_cron" in checked["delete"]
    cutover("retire", "--crontab", str(tmp_path / "none"), code=Exit.WRONG_USE)


def test_a_crontab_that_nobody_can_read_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert crontab_text(None) is None
    program = tmp_path / "crontab"
    for script, expected in (
        ("echo '0 9 * * 1 backup'", "0 9 * * 1 backup\n"),
        ("echo 'no crontab for ann' >&2; exit 1", ""),
        ("echo 'you are not allowed to use this program' >&2; exit 1", None),
    ):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        assert crontab_text(None) == expected


def test_an_import_of_the_script_is_found_wherever_it_is(tmp_path: Path) -> None:
    for package in ("shop", "legacy_cron"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / "uses.py").write_text("if True:\n    from legacy_cron import weekly\n")
    assert list(importers(tmp_path)) == ["shop/uses.py"]
    assert calls_in("python -m legacy_cron.weekly_recommendations\n#x legacy-run") == [
        "python -m legacy_cron.weekly_recommendations"
    ]
