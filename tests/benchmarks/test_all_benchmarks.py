"""What the command for all benchmarks keeps, and what it says of a benchmark that fails."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks.figures import BENCHMARKS, Benchmark
from benchmarks.results import read

MONDAY = next(benchmark for benchmark in BENCHMARKS if benchmark.name == "monday")
GOOD = {"textbook_ratio": 12.0, "legacy_ratio": 1.5, "largest_process_mb": 300.0}


@pytest.mark.parametrize(
    ("code", "printed", "good"),
    [(0, GOOD, True), (1, GOOD, False), (0, {**GOOD, "textbook_ratio": 9.0}, False), (0, {}, False)],
)
def test_a_benchmark_is_good_if_it_ends_well_and_meets_what_is_required(
    code: int, printed: dict[str, float], good: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _prints(monkeypatch, code, printed)
    assert command.measure(MONDAY, tmp_path / "results.json", small=False) is good
    assert read(tmp_path / "results.json").figures("monday") == printed


@pytest.mark.parametrize("code", [1, None])
def test_a_benchmark_that_prints_nothing_leaves_the_figures_it_had(
    code: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.json"
    _prints(monkeypatch, 0, GOOD)
    command.measure(MONDAY, path, small=False)
    _prints(monkeypatch, code, None)
    assert not command.measure(MONDAY, path, small=False)
    assert read(path).figures("monday") == GOOD


def test_at_small_sizes_nothing_is_required(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _prints(monkeypatch, 0, {"textbook_ratio": 0.1})
    assert command.measure(MONDAY, tmp_path / "results.json", small=True)


def test_a_benchmark_that_takes_too_long_is_ended() -> None:
    """Here with a limit of no time at all."""
    assert command.run(Benchmark(name="monday", title="", limit=0), small=False) == (None, None)


def _prints(monkeypatch: pytest.MonkeyPatch, code: int | None, printed: Mapping[str, Any] | None) -> None:
    def run(benchmark: Benchmark, *, small: bool) -> tuple[int | None, Mapping[str, Any] | None]:
        assert benchmark is MONDAY
        assert small in {True, False}
        return code, printed

    monkeypatch.setattr(command, "run", run)
