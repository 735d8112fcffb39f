"""The stand-in as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from sandbox.sendgrid.journal import read
from tests.deadline import wait_until
from tests.sendgrid.client import mail

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENDGRID_API_KEY", "K")


def command(announce: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "sandbox.sendgrid", "--announce", str(announce), *more]


@contextmanager
def started(announce: Path, *more: str) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    process = subprocess.Popen(command(announce, *more), cwd=ROOT)
    try:
        wait_until(announce.exists, what="the announcement")
        yield process, json.loads(announce.read_text())
    finally:
        process.kill()
        process.wait()


def test_it_announces_itself_serves_and_ends_when_told(tmp_path: Path) -> None:
    with started(tmp_path / "sendgrid.json") as (process, said):
        assert said["pid"] == process.pid
        for host in (said["host"], said["control"]):
            with urllib.request.urlopen(host + "/counts", timeout=10) as answer:
                assert json.load(answer)["accepted"] == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["sendgrid.json"]


def test_a_port_that_is_taken_is_no_good(tmp_path: Path) -> None:
    with started(tmp_path / "first.json") as (_, said):
        port = said["host"].rpartition(":")[2]
        second = subprocess.run(
            command(tmp_path / "second.json", "--port", port), cwd=ROOT, capture_output=True, timeout=30, check=False
        )
    assert second.returncode == 4
    assert b"cannot serve" in second.stderr
    assert not (tmp_path / "second.json").exists()


def test_a_wrong_option_is_named(tmp_path: Path) -> None:
    wrong = subprocess.run(
        command(tmp_path / "x.json", "--speed", "0"), cwd=ROOT, capture_output=True, timeout=30, check=False
    )
    assert (wrong.returncode, b"speed is 0" in wrong.stderr) == (2, True)


def test_it_needs_a_key_and_takes_it_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SENDGRID_API_KEY")
    found = subprocess.run(command(tmp_path / "x.json"), cwd=ROOT, capture_output=True, timeout=30, check=False)
    assert (found.returncode, b"SENDGRID_API_KEY is empty" in found.stderr) == (2, True)


def test_what_was_accepted_stays_in_the_journal_of_one_that_is_killed(tmp_path: Path) -> None:
    journal = tmp_path / "accepted.jsonl"
    assert list(read(journal)) == []
    for number in range(2):
        with started(tmp_path / f"{number}.json", "--journal", str(journal)) as (process, said):
            send(said["host"], f"s{number}")
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=30)
    kept = [(entry.send_id, entry.address, entry.categories) for entry in read(journal)]
    assert kept == [(f"s{number}", "ada@example.com", ("2026-W47",)) for number in range(2)]


def send(host: str, send_id: str) -> None:
    request = urllib.request.Request(
        f"{host}/v3/mail/send",
        data=msgspec.json.encode(mail(send_id=send_id)),
        headers={"Authorization": "Bearer K", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 202


def test_it_ends_with_its_supervisor_even_if_that_was_killed(tmp_path: Path) -> None:
    announce = tmp_path / "sendgrid.json"
    supervise = (
        "import os, subprocess, sys, time\n"
        "os.environ['CUTOVER_SUPERVISED'] = str(os.getpid())\n"
        "subprocess.Popen(sys.argv[1:])\n"
        "time.sleep(300)\n"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", supervise, *command(announce)], cwd=ROOT, env=dict(os.environ))
    try:
        wait_until(announce.exists, what="the announcement")
        pid = int(json.loads(announce.read_text())["pid"])
        assert psutil.pid_exists(pid)
    finally:
        supervisor.kill()
        supervisor.wait()
    wait_until(lambda: not _alive(pid), what="the end of the process")


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
