"""The supervisor: relay and workers as child processes, watched, restarted, and stopped together."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from handlers.celery_app import QUEUES
from runtime.servers import Servers

STOP_DEADLINE = 15.0
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Many processes with one thread each beat few with many, and a fork under OpenMP threads hangs."""


class ProcessDied(Exception):
    """A process of ours ended by itself."""

    def __init__(self, name: str, code: int, log: Path) -> None:
        lines = log.read_text(errors="replace").splitlines()[-8:] if log.exists() else []
        tail = "\n  ".join(lines) or "(empty)"
        super().__init__(f"the {name} ended by itself with exit code {code}; the end of its log {log}:\n  {tail}")


@dataclass(kw_only=True)
class Child:
    """One process we started."""

    name: str
    command: Sequence[str]
    log: Path
    process: "subprocess.Popen[bytes]"
    outlives: bool = False


def environment(servers: Servers, state_dir: Path, partitions: int, defect: str | None = None) -> dict[str, str]:
    """What relay and workers need to know, as environment variables."""
    known = {
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "CUTOVER_STATE_DIR": str(state_dir),
        "CUTOVER_PARTITIONS": str(partitions),
        "CUTOVER_SUPERVISED": str(os.getpid()),
        **ONE_THREAD,
        # A terminated worker puts unfinished nudges back at once.
        "REMAP_SIGTERM": "SIGQUIT",
    }
    if defect:
        known["CUTOVER_DEFECT"] = defect
    return {**os.environ, **known}


class Processes:
    """Relay and workers on these servers. As a context manager it stops them at the end."""

    def __init__(self, env: Mapping[str, str], logs: Path) -> None:
        self._environment = dict(env)
        self._logs = logs
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def children(self) -> Sequence[Child]:
        """What was started, in that order."""
        return self._children

    def start_all(self, concurrency: int) -> None:
        """One relay, and one worker for all queues with `concurrency` children."""
        self.start("relay", [sys.executable, "-m", "console.cli", "relay"])
        self.start("worker", worker_command("worker", concurrency=concurrency))

    def start_by_class(self, concurrency: int, senders: int | None = None) -> None:
        """One relay, and a worker for each class of latency: what a campaign does delays neither of the others.

        Each has `concurrency` children, but `senders`, if given, work on e-mails (0: nobody does), and one child on
        tracking.
        """
        self.start("relay", [sys.executable, "-m", "console.cli", "relay"])
        self.start("worker", worker_command("worker", concurrency=concurrency, queues=("orchestrator", "ml")))
        children = concurrency if senders is None else senders
        if children:
            self.start("emails", worker_command("emails", concurrency=children, queues=("emails",)))
        self.start("tracking", worker_command("tracking", concurrency=1, queues=("tracking",)))

    def start(self, name: str, command: Sequence[str], *, outlives: bool = False) -> None:
        """Start one more process; its output goes to a log file of its name. If it `outlives` us, we never stop it."""
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        child = Child(
            name=name, command=command, log=log, process=self._spawn(command, log, outlives), outlives=outlives
        )
        self._children.append(child)

    def check(self) -> None:
        """Raise ProcessDied if one of them has ended."""
        for child in self._children:
            code = child.process.poll()
            if code is not None:
                raise ProcessDied(child.name, code, child.log)

    def revive(self) -> list[str]:
        """Start those again that have ended; their names."""
        dead = [child for child in self._children if child.process.poll() is not None]
        for child in dead:
            child.process = self._spawn(child.command, child.log, child.outlives)
        return [child.name for child in dead]

    def stop(self) -> None:
        """End all of them but those that outlive us: asked first, forced after 15 seconds."""
        _end([child for child in self._children if not child.outlives])
        self._children = []

    def stop_one(self, name: str) -> None:
        """End the one of this name, in the same way."""
        _end([child for child in self._children if child.name == name])
        self._children = [child for child in self._children if child.name != name]

    def _spawn(self, command: Sequence[str], log: Path, outlives: bool) -> "subprocess.Popen[bytes]":
        known = dict(self._environment)
        if outlives:
            known.pop("CUTOVER_SUPERVISED", None)
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                env=known,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


def _end(ending: Sequence[Child]) -> None:
    for child in ending:
        if child.process.poll() is None:
            child.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_DEADLINE
    for child in ending:
        try:
            child.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()


def web_command(port: int) -> list[str]:
    """The command line of the web application."""
    return [sys.executable, "-m", "console.cli", "serve", "--port", str(port)]


def worker_command(name: str, *, concurrency: int, queues: Sequence[str] = QUEUES) -> list[str]:
    """The command line of a Celery worker on these queues."""
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "warning"]
    return [
        sys.executable,
        "-m",
        "celery",
        "--app",
        "console.worker",
        "worker",
        "--queues",
        ",".join(queues),
        "--concurrency",
        str(concurrency),
        "--hostname",
        f"cutover-{name}-{os.getpid()}@%h",
        *quiet,
    ]
