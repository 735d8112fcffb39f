"""`up` and `down`: one at a time, what dies is started again, nothing outlives it, and nothing is lost."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from console.failures import Exit
from runtime import database as databases
from runtime import servers
from tests.console.commands import COMMAND, cutover, environment
from tests.deadline import wait_until

SOME_SECONDS = 90.0


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """One state directory for all tests here: each begins with what the one before left, as on a person's machine."""
    parent = Path(tempfile.mkdtemp(prefix="cutover-up-"))
    parent.chmod(0o755)
    directory = parent / "state"
    yield directory
    for process in [*of(directory, "console.cli"), *of(directory, "celery")]:
        process.kill()
    servers.stop(directory)
    shutil.rmtree(parent)


@pytest.fixture(scope="module")
def env(state: Path) -> dict[str, str]:
    return {"CUTOVER_STATE_DIR": str(state), "CUTOVER_PARTITIONS": "4"}


def of(state: Path, word: str) -> list[psutil.Process]:
    """The processes of this state directory whose command line has that word, oldest first."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get("CUTOVER_STATE_DIR") == str(state)
            if ours and process.status() != psutil.STATUS_ZOMBIE and any(word in part for part in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return sorted(found, key=lambda process: (process.create_time(), process.pid))


def everything_of(state: Path) -> list[psutil.Process]:
    """Relay, workers and their children, and the servers."""
    running = servers.status(state)
    pids = [pid for pid in (running.postgres.pid, running.valkey.pid) if pid is not None]
    return [*of(state, "relay"), *of(state, "celery"), *map(psutil.Process, pids)]


def alive(process: psutil.Process) -> bool:
    """Whether it runs; one that ended and that nobody has asked about yet does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def up(state: Path, env: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """`up`, from when it has started its processes; killed at the end if it is still there."""
    output = state.with_name("up.txt")
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*COMMAND, "up", "--workers", "1", "--port", "0", "--mailbox-port", "0"],
            env=environment(env),
            stdout=file,
            stderr=file,
        )
    try:
        wait_until(lambda: "Up:" in output.read_text() or process.poll() is not None, seconds=SOME_SECONDS, what="up")
        assert process.poll() is None, output.read_text()
        yield process
    finally:
        process.kill()
        process.wait()


def subscribers(state: Path) -> list[str]:
    """Whom the handlers know."""
    engine = databases.create_engine(servers.start(state).database_url)
    try:
        with engine.connect() as connection:
            return list(connection.scalars(sa.text("SELECT user_id FROM cutover.subscribers")))
    finally:
        engine.dispose()


def replaced(state: Path, word: str, killed: psutil.Process) -> Callable[[], bool]:
    return lambda: any(process.pid != killed.pid for process in of(state, word)[:1])


def test_after_up_was_killed_its_processes_end_by_themselves_and_the_servers_go_on(
    state: Path, env: dict[str, str]
) -> None:
    with up(state, env) as killed:
        before = servers.status(state)
        killed.kill()
        killed.wait()
        wait_until(lambda: not of(state, "relay") and not of(state, "celery"), what="relay and worker ending")
        assert servers.status(state) == before
        assert before.postgres.answers


def test_a_second_up_is_refused_and_what_dies_under_the_first_is_started_again_until_it_is_stopped(
    state: Path, env: dict[str, str]
) -> None:
    with up(state, env) as first:
        refused(state, env, first.pid)
        assert first.poll() is None

        wait_until(lambda: len(of(state, "cutover-worker")) > 1, seconds=SOME_SECONDS, what="the worker's child")
        old = of(state, "cutover-worker")
        for word, killed in (("relay", of(state, "relay")[0]), ("cutover-worker", old[0])):
            killed.kill()
            wait_until(replaced(state, word, killed), seconds=SOME_SECONDS, what=f"another {word}")
        wait_until(lambda: not any(map(alive, old)), what="the end of the killed worker's child")

        data = json.dumps({"user_id": "u1", "occurred_at": "2026-11-20T10:00:00Z"})
        assert cutover("emit", "UserRegistered", "--data", data, env=env).code == Exit.GOOD
        wait_until(lambda: subscribers(state) == ["u1"], seconds=SOME_SECONDS, what="the event being folded")

        started = everything_of(state)
        assert len(started) > 4
        first.send_signal(signal.SIGTERM)
        assert first.wait(60) == 0
        assert [process for process in started if alive(process)] == []
    assert everything_of(state) == []
    after = cutover("status", "--json", env=env)
    assert (after.code, json.loads(after.stdout)["head"]) == (Exit.GOOD, 1), "the next command finds what was there"


def refused(state: Path, env: dict[str, str], pid: int) -> None:
    second = cutover("up", env=env)
    assert second.code == Exit.WRONG_USE, second
    assert f"up is already running for the state directory {state}, as process {pid}" in second.told
    running = servers.status(state)
    assert running.postgres.answers
    assert running.valkey.answers


def test_a_process_that_starts_after_its_supervisor_died_ends_at_once(state: Path, env: dict[str, str]) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    found = servers.start(state)
    known = {**env, "DATABASE_URL": found.database_url, "REDIS_URL": found.redis_url}
    relay = cutover("relay", env={**known, "CUTOVER_SUPERVISED": str(gone.pid)}, seconds=30)
    assert relay.code in (Exit.GOOD, -signal.SIGTERM), relay


def test_down_stops_both_servers_and_says_when_there_is_nothing_to_stop(state: Path, env: dict[str, str]) -> None:
    servers.start(state)
    stopped = cutover("down", env=env)
    assert (stopped.code, stopped.told) == (Exit.GOOD, "stopped: PostgreSQL, Valkey")
    again = cutover("down", env=env)
    assert (again.code, again.told) == (Exit.GOOD, "nothing was running")
    elsewhere = state.with_name("never-used")
    assert cutover("down", env={**env, "CUTOVER_STATE_DIR": str(elsewhere)}).told == "nothing was running"
    assert not os.path.lexists(elsewhere)
