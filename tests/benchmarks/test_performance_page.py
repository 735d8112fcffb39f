"""docs/performance.md is what its command makes of benchmarks/results.json."""

from pathlib import Path

import pytest

from benchmarks.axis import log_axis
from benchmarks.figures import BENCHMARKS, FIGURES, Figure, at_least, at_most
from benchmarks.growth import exponent
from benchmarks.growth import figures as growth_figures
from benchmarks.performance_page import BEGIN, DOCS, END, PAGE, made, number, write_page
from benchmarks.results import Results, held, read, write

MACHINE: dict[str, str | int] = {
    "processor": "Some Processor",
    "cores": 2,
    "memory_gb": 24,
    "system": "Linux 6",
    "python": "3.13",
    "postgresql": "18.4",
    "valkey": "9.1",
    "faiss": "1.15",
    "celery": "5.7",
}
PROSE = f"# Performance\n\nbefore\n\n{BEGIN}\nOUTWORN\n{END}\n\nafter\n"
MONDAY = {"textbook_ratio": 18.25, "legacy_ratio": 0.5, "largest_process_mb": 321.0}


def test_the_page_and_its_plots_are_what_the_command_makes_of_the_results() -> None:
    for name, content in made(read(), (DOCS / PAGE).read_text("utf-8")).items():
        assert (DOCS / name).read_text("utf-8") == content, f"docs/{name}: run `python -m benchmarks --page`"


def test_the_page_tells_figures_requirements_and_machine_and_leaves_the_prose(tmp_path: Path) -> None:
    (tmp_path / PAGE).write_text(PROSE)
    write_page(_results(), tmp_path)
    page = (tmp_path / PAGE).read_text()
    assert page.startswith("# Performance\n\nbefore\n")
    assert page.endswith("\n\nafter\n")
    assert "OUTWORN" not in page
    assert "2 cores of Some Processor" in page
    assert "| time of the textbook design, over ours | 18.2 × | ≥ 10 × | met |" in page
    assert "| time of the legacy batch, over ours | 0.50 × | ≥ 1 × | **missed** |" in page
    assert "| from the barrier to the last outcome | not measured |  |  |" in page
    assert "| fold | 1.0 s (2.0 s) | 9.5 s (19.0 s) | 0.98 | 120 MB | 0.08 |" in page
    for name in ("ratios", "growth"):
        assert f"plots/{name}.svg" in page
        assert (tmp_path / "plots" / f"{name}.svg").read_text().startswith("<svg ")
    assert "latency.svg" not in page


def test_results_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert read(path) == Results()
    write(_results(), path)
    assert read(path) == _results()


def test_figures_of_another_machine_are_left_out() -> None:
    assert _results().on({**MACHINE, "python": "3.14"}).benchmarks.keys() == {"monday", "growth"}
    assert not _results().on({**MACHINE, "cores": 8}).benchmarks


def test_what_was_not_printed_is_not_met() -> None:
    judged = {each.figure: (each.value, each.met) for each in held("monday", MONDAY)}
    assert judged["textbook_ratio"] == (18.25, True)
    assert judged["legacy_ratio"] == (0.5, False)
    assert {
        name: met for name, (_, met) in ((each.figure, (each.value, each.met)) for each in held("monday", {}))
    } == dict.fromkeys(judged, False)


def test_a_dot_in_a_key_goes_into_an_object() -> None:
    figure = Figure(benchmark="reconcile", key="recheck_share.10", what="", bound=at_most(0.1))
    assert figure.of({"recheck_share": {"10": 0.05}}) == 0.05
    assert figure.of({"recheck_share": {}}) is None
    assert figure.met({"recheck_share": {"10": 0.2}}) is False
    assert at_least(2).holds(2)


def test_every_figure_belongs_to_a_benchmark() -> None:
    assert {figure.benchmark for figure in FIGURES} <= {benchmark.name for benchmark in BENCHMARKS}


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [(18.25, "×", "18.2 ×"), (2000, "/s", "2,000/s"), (0.994, "", "0.99"), (0.0123, "×", "0.012 ×"), (0, "", "0")],
)
def test_numbers_are_written_for_a_reader(value: float, unit: str, said: str) -> None:
    assert number(value, unit) == said


def test_a_logarithmic_axis_reaches_from_one_power_of_ten_to_another() -> None:
    axis = log_axis([3.0, 250.0], 0.0, 300.0)
    assert (axis.least, axis.most, axis.marks()) == (1.0, 1000.0, [1.0, 10.0, 100.0, 1000.0])
    assert [round(axis.at(value)) for value in (1.0, 10.0, 1000.0, 5000.0)] == [0, 100, 300, 300]


def test_an_exponent_of_one_is_linear() -> None:
    assert exponent(10, 50.0, 5.0) == 1.0
    assert exponent(10, 500.0, 5.0) == 2.0
    assert exponent(10, 5.0, 5.0) == 0.0


def _results() -> Results:
    phases = {
        size: {
            "fold": {"seconds": seconds, "cpu_seconds": 2 * seconds, "largest_process_mb": mb},
            "load": {"seconds": seconds**2, "cpu_seconds": seconds**2, "largest_process_mb": mb},
        }
        for size, seconds, mb in ((10_000, 1.0, 100.0), (100_000, 9.5, 120.0))
    }
    results = Results(machine=MACHINE).with_figures("monday", MONDAY, code="0.1.0+abc", seconds=300)
    return results.with_figures("growth", growth_figures(phases), code="0.1.0+abc", seconds=200)
