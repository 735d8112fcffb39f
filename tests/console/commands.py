"""Running the command line as a person does: a process of its own, and what it said."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
    foreign = ("DATABASE_URL", "REDIS_URL", "CUTOVER_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "_TYPER")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, **variables}


def cutover(*arguments: str | bytes, env: Mapping[str, str], stdin: bytes = b"", seconds: float = 60.0) -> Answer:
    """Run one command to its end.

    Whatever it is: a traceback, a password or an escape sequence in what it says fails the test.
    """
    done = subprocess.run(
        [*COMMAND, *arguments], env=environment(env), input=stdin, capture_output=True, check=False, timeout=seconds
    )
    answer = Answer(code=done.returncode, stdout=done.stdout.decode(), stderr=done.stderr.decode())
    everything = answer.stdout + answer.stderr
    assert "Traceback" not in everything, everything
    assert SECRET not in everything, everything
    assert "\x1b" not in everything, everything
    return answer


def all_at_once(commands: Mapping[str, Sequence[str | bytes]], env: Mapping[str, str]) -> dict[str, Answer]:
    """Run several commands side by side, as each spends its time on starting; the answers by the commands' names."""
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda arguments: cutover(*arguments, env=env), commands.values())
        return dict(zip(commands, answers, strict=True))
