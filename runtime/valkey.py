"""The embedded Valkey: one server with an append-only file, reached by a unix socket only."""

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import redis

from runtime import broker, processes, serverlog, state
from runtime.binaries import valkey_binary
from runtime.errors import ServerDidNotStop

PROGRAM = "valkey-server"


@dataclass(frozen=True, kw_only=True)
class Valkey:
    """One server: where it keeps what, and how it is started, found and stopped.

    ``start`` and ``stop`` are to be called by one process at a time.
    """

    state_dir: Path
    sockets: Path

    name = "Valkey"

    @property
    def data(self) -> Path:
        return self.state_dir / "valkey"

    @property
    def log(self) -> Path:
        return self.state_dir / "valkey.log"

    @property
    def socket(self) -> Path:
        return self.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        """How redis-py reaches the server."""
        return f"unix://{self.socket}?db=0"

    def pid(self) -> int | None:
        """The server's process, if it runs: the one its pid file names, if that still works in its directory."""
        pid = processes.read_pid(self.data / "valkey.pid")
        return pid if pid in self._processes() else None

    def answers(self) -> bool:
        """Whether it takes commands, or says that its disk is full; not while it is still loading its file."""
        if not self.socket.exists():
            return False
        try:
            with broker.connect(self.url, socket_timeout=2, retries=0) as client:
                return bool(client.ping())
        except redis.RedisError as error:
            return broker.cannot_write(error)

    def start(self, *, deadline: float) -> int:
        """Bring the server up unless it is; returns its pid. Raises a RuntimeFailure that says why it is not."""
        if self.pid() is not None and not self.socket.exists():
            # Whoever cleans the temporary directory took the socket away; only a restart makes a new one.
            self.stop(deadline=deadline)
        since = 0
        if self.pid() is None:
            since = self._start_anew(deadline)
        processes.wait_until(lambda: self.answers() or not self._processes(), deadline)
        pid = self.pid()
        if pid is None or not self.answers():
            raise serverlog.start_failure(self.name, self.log, since, "", deadline)
        return pid

    def stop(self, *, deadline: float) -> bool:
        """Shut down with everything written; False if there was nothing to stop. Raises ServerDidNotStop."""
        pid = self.pid()
        if pid is not None:
            asked = self._ask_to_shut_down()
            processes.wait_until(lambda: not self._processes(), deadline / 2 if asked else 0)
        if not self._end_remaining(deadline / 4):
            raise ServerDidNotStop(server=self.name, pid=pid, seconds=deadline, log=self.log)
        return pid is not None

    def _start_anew(self, deadline: float) -> int:
        with state.explained(self.state_dir):
            self.data.mkdir(mode=0o700, exist_ok=True)
            self._end_remaining(deadline / 4)
            (self.data / "valkey.pid").unlink(missing_ok=True)
            since = serverlog.prepare(self.log, None)
        done = subprocess.run(
            self._command(),
            cwd=self.data,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            umask=0o077,
            start_new_session=True,
            timeout=deadline,
            check=False,
        )
        if done.returncode != 0:
            raise serverlog.start_failure(self.name, self.log, since, done.stdout, deadline)
        return since

    def _command(self) -> list[str]:
        settings = {
            "daemonize": "yes",
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "pidfile": str(self.data / "valkey.pid"),
            "logfile": str(self.log),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        return [os.fspath(valkey_binary()), *(part for key in settings for part in (f"--{key}", settings[key]))]

    def _processes(self) -> list[int]:
        return processes.find(PROGRAM, self.data)

    def _end_remaining(self, patience: float) -> bool:
        """End what a killed server left behind, such as a rewrite of its file; True when nothing is left."""
        return processes.end(PROGRAM, self.data, by=(signal.SIGTERM, signal.SIGKILL), patience=patience)

    def _ask_to_shut_down(self) -> bool:
        """Whether it has been told; the signal that follows otherwise means the same to it."""
        try:
            with broker.connect(self.url, socket_timeout=5, retries=0) as client:
                # Shutting down counts a broken connection as success, so find out beforehand whether there is one.
                client.ping()
                client.shutdown()
        except redis.RedisError:
            return False
        return True
