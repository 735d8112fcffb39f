"""The servers' processes: found by their program and their directory, ended by pid, never by name alone."""

import os
import platform
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from runtime.errors import AccountUnavailable

_POLL_SECONDS = 0.02


def find(program: str, directory: Path) -> list[int]:
    """The pids of the processes of this program that work in this directory, in no order."""
    return [pid for pid in _named(program) if works_in(pid, directory)]


def works_in(pid: int, directory: Path) -> bool:
    """Whether the process is alive and the directory is its working directory."""
    try:
        if platform.system() == "Linux":
            # Compares the directory itself: a process in a container may show the same path and mean another.
            return os.path.samefile(f"/proc/{pid}/cwd", directory)
        return Path(psutil.Process(pid).cwd()) == directory.resolve()
    except PermissionError:
        if os.geteuid() == 0:
            # Some containers keep this from root. Taken for "no", it would put two servers on one directory.
            raise AccountUnavailable(account="another user", reason="root may not look at processes here") from None
        return False
    except (OSError, psutil.Error):
        return False


def read_pid(path: Path) -> int | None:
    """The number in the first line of a pid file; None if there is none."""
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def end(program: str, directory: Path, *, by: tuple[signal.Signals, ...], patience: float) -> bool:
    """Send each signal in turn, ``patience`` seconds apart, until nothing of the program is left there."""
    for number in by:
        if not find(program, directory):
            return True
        for pid in find(program, directory):
            _signal(pid, number)
        if wait_until(lambda: not find(program, directory), patience):
            return True
    return not find(program, directory)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true in that time; it is asked at least once."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _named(program: str) -> Iterator[int]:
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == program:
            yield process.pid


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
