"""Running the command line as a person does: in a process of its own, and what it said."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SECRET = "correct-horse"  # the password of every URL a test hands in; nobody may ever read it

COMMAND = (sys.executable, "-m", "console.cli")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command came to. `told` is its stderr with white space as single spaces."""

    code: int
    stdout: str
    stderr: str

    @property
    def told(self) -> str:
        return " ".join(self.stderr.split())


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without what would mean something to the command, and with `variables`."""
    foreign = ("DATABASE_URL", "REDIS_URL", "CUTOVER_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "_TYPER", "PYTHONDONT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, **variables}


def cutover(*arguments: str | bytes, env: Mapping[str, str], stdin: bytes = b"", seconds: float = 60.0) -> Answer:
    """Run one command to its end.

    Whatever it is: a traceback, a password or an escape sequence in what it says fails the test.
    """
    done = subprocess.run(
        [*COMMAND, *arguments], env=environment(env), input=stdin, capture_output=True, check=False, timeout=seconds
    )
    return checked(Answer(code=done.returncode, stdout=done.stdout.decode(), stderr=done.stderr.decode()))


def all_of(commands: Mapping[str, Sequence[str | bytes]], env: Mapping[str, str]) -> dict[str, Answer]:
    """Run several short commands, which share the time of the imports; the answers by the commands' names."""
    told = json.dumps([[os.fsdecode(word) for word in words] for words in commands.values()])
    done = subprocess.run(
        [sys.executable, "-m", "tests.console.forked"],
        env=environment(env),
        input=told.encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=60 + 5 * len(commands),
    )
    answers = [Answer(code=code, stdout=out, stderr=err) for code, out, err in json.loads(done.stdout)]
    return dict(zip(commands, map(checked, answers), strict=True))


def checked(answer: Answer) -> Answer:
    """The answer, unless it holds what no answer may hold."""
    everything = answer.stdout + answer.stderr
    assert "Traceback" not in everything, everything
    assert SECRET not in everything, everything
    assert "\x1b" not in everything, everything
    return answer
