"""What the help says, and what a command's output looks like where nobody sees colours."""

import re

import pytest

from console.cli import COMMANDS, GROUPS, command_line
from console.failures import _KINDS, Exit, explain
from runtime.version import code_version
from tests.console.commands import Answer, all_of, cutover

NAMES = [name for names in COMMANDS.values() for name in names]


def purposes() -> dict[str, str]:
    """The first words of what each command says of itself."""
    found = {}
    for command in command_line().registered_commands:
        assert command.callback is not None
        said = (command.callback.__doc__ or "").replace("`", "").split()
        found[command.name or command.callback.__name__] = " ".join(said[:6])
    for group in command_line().registered_groups:
        assert group.typer_instance is not None
        found[str(group.name)] = " ".join(str(group.typer_instance.info.help).split()[:6])
    return found


@pytest.fixture(scope="module")
def helps(nowhere: dict[str, str]) -> dict[str, Answer]:
    return all_of({"": ["--help"], **{name: [name, "--help"] for name in NAMES}}, nowhere)


def test_the_help_lists_every_command_with_its_purpose_and_the_exit_codes(helps: dict[str, Answer]) -> None:
    answer = helps[""]
    assert (answer.code, answer.stderr) == (Exit.GOOD, "")
    shown = " ".join(answer.stdout.replace("│", " ").split())
    assert "Replace a cron batch with event-driven handlers" in shown
    assert "0 good · 1 the answer is no" in shown
    assert set(purposes()) == set(NAMES)
    for name, purpose in purposes().items():
        assert len(purpose) > 10
        assert f"{name} {purpose}" in shown.replace("`", "")


def test_commands_are_listed_under_what_one_wants_to_do(helps: dict[str, Answer]) -> None:
    """Each once, under its own heading and no other."""
    sections = re.split(r"╭─ ([A-Z][^─]*) ─+╮", helps[""].stdout)
    listed = {
        heading: re.findall(r"^│ ([a-z-]+) ", text, flags=re.MULTILINE)
        for heading, text in zip(sections[1::2], sections[2::2], strict=True)
    }
    del listed["Options"]
    assert {heading: sorted(names) for heading, names in listed.items()} == {
        heading: sorted(name for names in modules.values() for name in names) for heading, modules in GROUPS.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_command_says_what_it_is_for(helps: dict[str, Answer], name: str) -> None:
    answer = helps[name]
    assert (answer.code, answer.stderr) == (Exit.GOOD, "")
    assert purposes()[name] in " ".join(answer.stdout.replace("`", "").split())


def test_the_version_is_the_one_that_sign_offs_rest_on(nowhere: dict[str, str]) -> None:
    answer = cutover("--version", env=nowhere)
    assert (answer.code, answer.stdout.strip(), answer.stderr) == (Exit.GOOD, code_version(), "")


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
