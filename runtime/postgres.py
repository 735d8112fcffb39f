"""The embedded PostgreSQL: one cluster under a state directory, reached by a unix socket only."""

import os
import shlex
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from urllib.parse import quote

import psycopg

from runtime import account, processes, serverlog, state
from runtime.account import Account
from runtime.binaries import postgres_binaries
from runtime.database import DRIVER
from runtime.errors import ServerDidNotStop

PROGRAM = "postgres"
_PORT = "5432"

_SETTINGS = {
    "listen_addresses": "",
    "port": _PORT,
    "unix_socket_permissions": "0700",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "random_page_cost": "1.1",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "max_connections": "400",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """One server: where it keeps what, and how it is started, found and stopped.

    ``start`` and ``stop`` are to be called by one process at a time.
    """

    state_dir: Path
    sockets: Path

    name = "PostgreSQL"

    @property
    def data(self) -> Path:
        return self.state_dir / "postgres"

    @property
    def log(self) -> Path:
        return self.state_dir / "postgres.log"

    @property
    def socket(self) -> Path:
        return self.sockets / PROGRAM / f".s.PGSQL.{_PORT}"

    def url(self, database: str) -> str:
        """How SQLAlchemy reaches a database of this server."""
        return f"{DRIVER}://postgres@/{quote(database)}?host={self.socket.parent}&port={_PORT}"

    def pid(self) -> int | None:
        """The server's process, if it runs: the one its pid file names, if that still works in its directory."""
        pid = processes.read_pid(self.data / "postmaster.pid")
        return pid if pid in processes.find(PROGRAM, self.data) else None

    def answers(self) -> bool:
        """Whether a session can be opened."""
        try:
            psycopg.connect(
                host=str(self.socket.parent), port=_PORT, user="postgres", dbname="postgres", connect_timeout=5
            ).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self, *, deadline: float) -> int:
        """Bring the server up unless it is; returns its pid. Raises a RuntimeFailure that says why it is not."""
        pid = self.pid()
        if pid is not None and not self.socket.exists() and self._says_ready():
            # Whoever cleans the temporary directory took the socket away; only a restart makes a new one.
            self.stop(deadline=deadline)
            pid = None
        if pid is None:
            self._start_anew(deadline)
        return self._await(deadline)

    def stop(self, *, deadline: float) -> bool:
        """Shut down cleanly; False if there was nothing to stop. Raises ServerDidNotStop."""
        pid = self.pid()
        if pid is None:
            self._end_orphans()
            return False
        self._control("stop", "-m", "fast", "-w", "-t", _seconds(deadline), deadline=deadline)
        if processes.find(PROGRAM, self.data) and not self._end_orphans():
            raise ServerDidNotStop(server=self.name, pid=pid, seconds=deadline, log=self.log)
        return True

    def _start_anew(self, deadline: float) -> None:
        with state.explained(self.state_dir):
            if not self.data.exists():
                self._initialise(deadline)
            self._end_orphans()
            self._remove_stale_locks()
            server = account.server_account(self.data)
            self.socket.parent.mkdir(mode=0o700, exist_ok=True)
            account.own(self.socket.parent, server)
            since = serverlog.prepare(self.log, server)
        settings = _SETTINGS | {"unix_socket_directories": str(self.socket.parent)}
        options = shlex.join(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
        # Relative, because pg_ctl hands the name to a shell without protecting what a shell reads into it.
        log = os.path.relpath(self.log, self.data)
        done = self._control("start", "-w", "-t", _seconds(deadline), "-l", log, "-o", options, deadline=deadline)
        if done.returncode != 0:
            raise serverlog.start_failure(self.name, self.log, since, done.stdout, deadline)

    def _await(self, deadline: float) -> int:
        processes.wait_until(lambda: self.answers() or self.pid() is None, deadline)
        pid = self.pid()
        if pid is None or not self.answers():
            raise serverlog.start_failure(self.name, self.log, 0, "", deadline)
        return pid

    def _initialise(self, deadline: float) -> None:
        """Make the cluster aside and move it into place when it is whole: a crash leaves nothing half-made."""
        unfinished = self.state_dir / "postgres.unfinished"
        for program in ("initdb", PROGRAM):
            # They go on when the command that started them is killed.
            processes.end(program, unfinished, by=(signal.SIGKILL,), patience=5)
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        server = account.server_account(unfinished)
        account.own(unfinished, server)
        command = [postgres_binaries()["initdb"], "--username=postgres", "--encoding=UTF8", "--locale=C"]
        command += ["--auth=trust", "--data-checksums", "--no-instructions"]
        done = self._run(command, unfinished, server, deadline)
        if done.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise serverlog.start_failure(self.name, self.log, self._log_size(), done.stdout, deadline)
        unfinished.rename(self.data)

    def _control(self, *arguments: str, deadline: float) -> CompletedProcess[str]:
        command = [postgres_binaries()["pg_ctl"], *arguments]
        return self._run(command, self.data, account.server_account(self.data), deadline)

    def _run(self, command: list[str], data: Path, server: Account | None, deadline: float) -> CompletedProcess[str]:
        reach = [*postgres_binaries().needed, data, *filter(Path.exists, [self.socket.parent])]
        try:
            return account.run(
                command,
                account=server,
                reach=reach,
                cwd=data,
                environment=_environment(data),
                timeout=deadline + 10,
            )
        except TimeoutExpired as error:
            return CompletedProcess(command, returncode=1, stdout=str(error))

    def _end_orphans(self) -> bool:
        """A server that was killed leaves children behind, which still may write; True when none are left."""
        if processes.wait_until(lambda: not processes.find(PROGRAM, self.data), 2):
            return True
        return processes.end(PROGRAM, self.data, by=(signal.SIGQUIT, signal.SIGKILL), patience=5)

    def _remove_stale_locks(self) -> None:
        """PostgreSQL trusts a pid file as long as any process has that pid; by now we know that none is ours."""
        for lock in (self.data / "postmaster.pid", self.socket.with_name(f"{self.socket.name}.lock")):
            lock.unlink(missing_ok=True)
        self.socket.unlink(missing_ok=True)

    def _says_ready(self) -> bool:
        try:
            return (self.data / "postmaster.pid").read_text().rstrip().endswith("ready")
        except OSError:
            return False

    def _log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0


def _environment(data: Path) -> dict[str, str]:
    """Ours, without what would tell PostgreSQL something else than we do."""
    foreign = ("PG", "LC_", "LANG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {"LC_ALL": "C", "PGDATA": str(data)}


def _seconds(deadline: float) -> str:
    """As pg_ctl takes it: whole, and at least one."""
    return str(max(1, round(deadline)))
