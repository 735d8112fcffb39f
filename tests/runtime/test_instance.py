"""One process of a kind for each state directory."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime import instance
from runtime.errors import AlreadyRunning, StateDirectoryUnusable

CLAIM_AND_WAIT = """
import sys
from pathlib import Path
from runtime.instance import claim
with claim(Path(sys.argv[1]), "console"):
    print("claimed", flush=True)
    sys.stdin.read()
"""

CLAIM_FORK_AND_WAIT = """
import os, sys
from pathlib import Path
from runtime.instance import claim
with claim(Path(sys.argv[1]), "console"):
    if os.fork() == 0:  # the child tells that it runs: until then it cannot have let go of anything
        print(os.getpid(), flush=True)
    sys.stdin.read()
"""


def holder(state_dir: Path, program: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, str(state_dir)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def claimed_by(state_dir: Path) -> int:
    return int((state_dir / "console.lock").read_text())


def test_a_second_claim_is_refused_and_told_who_holds_the_first(tmp_path: Path) -> None:
    with holder(tmp_path, CLAIM_AND_WAIT) as process:
        assert first_line(process) == "claimed"
        with pytest.raises(AlreadyRunning) as caught, instance.claim(tmp_path, "console"):
            pass
        assert f"process {process.pid}" in str(caught.value)
        assert str(tmp_path) in str(caught.value)


def test_a_second_claim_in_the_same_process_is_refused(tmp_path: Path) -> None:
    with instance.claim(tmp_path, "console"):
        with pytest.raises(AlreadyRunning, match=str(os.getpid())), instance.claim(tmp_path, "console"):
            pass
        with pytest.raises(AlreadyRunning), instance.claim(tmp_path, "console"):
            pass


def test_a_claim_is_free_again_after_the_block(tmp_path: Path) -> None:
    with instance.claim(tmp_path, "console"):
        assert claimed_by(tmp_path) == os.getpid()
    with instance.claim(tmp_path, "console"):
        pass


def test_claims_of_other_names_and_directories_do_not_meet(tmp_path: Path) -> None:
    with (
        instance.claim(tmp_path, "console"),
        instance.claim(tmp_path, "worker"),
        instance.claim(tmp_path / "other", "console"),
    ):
        locks = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.lock"))
        assert locks == ["console.lock", "other/console.lock", "worker.lock"]


def test_the_claim_of_a_killed_process_is_free(tmp_path: Path) -> None:
    with holder(tmp_path, CLAIM_AND_WAIT) as process:
        first_line(process)
        process.kill()
        process.wait(timeout=10)
        with instance.claim(tmp_path, "console"):
            assert claimed_by(tmp_path) == os.getpid()


def test_a_fork_does_not_keep_the_claim_of_its_killed_parent(tmp_path: Path) -> None:
    with holder(tmp_path, CLAIM_FORK_AND_WAIT) as process:
        child = int(first_line(process))
        process.kill()
        process.wait(timeout=10)
        try:
            os.kill(child, 0)
            with instance.claim(tmp_path, "console"):
                assert claimed_by(tmp_path) == os.getpid() != child
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_state_directory_that_is_a_file_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(StateDirectoryUnusable, match=str(file)), instance.claim(file, "console"):
        pass
