"""The frozen batch can be deleted: `legacy_cron/` and the one file that taps it, and nothing else breaks."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("console", "reconcile", "shadow", "handlers", "events", "runtime", "sandbox", "migrations")

IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
sys.path = [sys.argv[1]] + [path for path in sys.path if path not in ("", sys.argv[2])]
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
names = []
for package in sys.argv[3:]:
    for module in pkgutil.walk_packages([f"{sys.argv[1]}/{package}"], f"{package}."):
        if module.name not in ("console.worker", "migrations.env") and ".versions" not in module.name:
            assert importlib.import_module(module.name).__file__.startswith(sys.argv[1])
            names.append(module.name)
assert importlib.util.find_spec("legacy_cron") is None
print(len(names))
"""


@pytest.fixture
def without_legacy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "shadow" / "legacy_tap.py").unlink()
    return tmp_path


def python(*arguments: str, state_dir: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "CUTOVER_STATE_DIR": str(state_dir)},
        cwd=state_dir,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_I9_deleting_the_batch_and_its_tap_breaks_no_import(without_legacy: Path) -> None:
    done = python("-c", IMPORT_EVERYTHING, str(without_legacy), str(ROOT), *PACKAGES, state_dir=without_legacy)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 80


def test_I9_afterwards_legacy_run_says_that_there_is_nothing_left_to_run(without_legacy: Path) -> None:
    script = f"""
import sys
sys.path = [{str(without_legacy)!r}] + [path for path in sys.path if path not in ("", {str(ROOT)!r})]
sys.argv = ["cutover", "legacy-run"]
from console.cli import main
main()
"""
    done = python("-c", script, state_dir=without_legacy)
    assert done.returncode == 2
    assert "the legacy batch is retired" in done.stderr
    assert "Traceback" not in done.stderr


def test_I9_the_batch_imports_nothing_of_ours() -> None:
    source = (ROOT / "legacy_cron" / "weekly_recommendations.py").read_text("utf-8")
    imported = {line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imported
    assert not imported & {*PACKAGES, "tests", "benchmarks"}


@pytest.fixture
def tree_without_legacy(tmp_path: Path) -> Path:
    """Everything that is developed here, without what the migration makes superfluous."""
    for package in (*PACKAGES, "tests", "benchmarks"):
        # With what is compiled already: it is told apart by the time and size of its source, which are copied, too.
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "shadow" / "legacy_tap.py").unlink()
    shutil.rmtree(tmp_path / "tests" / "legacy")
    return tmp_path


def pytest_in(tree: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run tests of another tree, with our libraries and without ourselves."""
    paths = (tree, sysconfig.get_paths()["purelib"])
    return subprocess.run(
        # -S: an editable install of ours would bring the script back
        [sys.executable, "-S", "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "CUTOVER_STATE_DIR": str(tree / "state")},
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


def test_I9_every_other_test_can_still_be_collected_and_those_of_runs_and_jobs_pass(tree_without_legacy: Path) -> None:
    """All are collected; of them those in tests/second_job, tests/shadow and test_barrier.py are run."""
    done = pytest_in(tree_without_legacy, "-k", "second_job or shadow or test_barrier")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "the legacy batch is retired" in done.stdout, "what holds something against the batch is skipped, not lost"
    assert counted("passed", done.stdout) > 100
    assert counted("deselected", done.stdout) > 1000


def counted(what: str, output: str) -> int:
    """How many tests pytest says were that."""
    return sum(map(int, re.findall(rf"(\d+) {what}", output)))
