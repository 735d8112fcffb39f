"""What the help says, and what a command's output looks like where nobody sees colours."""

import pytest

from console.cli import COMMANDS
from console.failures import _KINDS, Exit, explain
from tests.console.commands import Answer, all_at_once, cutover

PURPOSES = {
    "demo": "See it work",
    "rehearse": "Both paths over past orders",
    "legacy-run": "What crontab calls while both paths run",
    "reconcile": "Compare what both paths recorded for a run",
    "emit": "Write one event to the outbox",
    "backfill": "Turn what the shop's tables hold into events",
    "up": "The whole system on this machine",
    "down": "Stop the embedded servers",
    "status": "One screen",
    "relay": "Sequence the outbox and nudge the workers",
    "worker": "A Celery worker on these queues",
    "migrate": "Bring the schema cutover up to date",
}


@pytest.fixture(scope="module")
def helps(nowhere: dict[str, str]) -> dict[str, Answer]:
    every = {name: [name, "--help"] for names in COMMANDS.values() for name in names}
    return all_at_once({**every, "": ["--help"]}, nowhere)


def test_the_help_lists_every_command_with_its_purpose_and_the_exit_codes(helps: dict[str, Answer]) -> None:
    answer = helps[""]
    assert (answer.code, answer.stderr) == (Exit.GOOD, "")
    shown = " ".join(answer.stdout.replace("│", " ").split())
    assert "Replace a cron batch with event-driven handlers" in shown
    assert "0 good · 1 the answer is no" in shown
    for name, purpose in PURPOSES.items():
        assert f"{name} {purpose}" in shown.replace("`", "")


@pytest.mark.parametrize("name", PURPOSES)
def test_every_command_says_what_it_is_for(helps: dict[str, Answer], name: str) -> None:
    answer = helps[name]
    assert (answer.code, answer.stderr) == (Exit.GOOD, "")
    assert PURPOSES[name] in " ".join(answer.stdout.replace("`", "").split())


def test_no_command_is_left_out_here(helps: dict[str, Answer]) -> None:
    assert set(PURPOSES) == set(helps) - {""}


def test_colours_that_were_asked_for_are_not_shown_under_no_color(home: dict[str, str]) -> None:
    answer = cutover("status", env={**home, "FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "dumb"})
    assert answer.code == Exit.GOOD
    assert "healthy" in answer.stdout


def test_every_failure_that_has_a_message_exists() -> None:
    for name in _KINDS:
        module, _, kind = name.rpartition(".")
        assert issubclass(getattr(__import__(module, fromlist=[kind]), kind), Exception), name


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    assert explain(ValueError("a defect")) is None
