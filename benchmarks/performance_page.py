"""docs/performance.md: what lies between its markers, and the plots, are made of the results; the prose stays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import BENCHMARKS, Benchmark, Figure, figures_of
from benchmarks.plots import plots
from benchmarks.results import Results

DOCS = Path(__file__).parents[1] / "docs"
PAGE = "performance.md"
BEGIN = "<!-- made by `python -m benchmarks --page` of benchmarks/results.json: begin -->"
END = "<!-- end -->"

_UNITS = {"×": " ×", "s": " s", "ms": " ms", "MB": " MB", "/s": "/s"}
_SIGNS = {"at least": "≥", "at most": "≤", "below": "<"}
_CAPTIONS = {
    "ratios.svg": "Ratios to peers",
    "latency.svg": "Latency by orders a second",
    "growth.svg": "Growth with the number of users",
}


def write_page(results: Results, docs: Path = DOCS) -> None:
    """Make the page and its plots anew."""
    for name, content in made(results, (docs / PAGE).read_text("utf-8")).items():
        path = docs / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, "utf-8")


def made(results: Results, page: str) -> dict[str, str]:
    """What every file under docs/ that is made of the results must hold; `page` is the page with its prose."""
    drawn = {f"plots/{name}": content for name, content in plots(results).items()}
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return {PAGE: f"{before}{BEGIN}\n\n{measured(results)}\n{END}{after}", **drawn}


def measured(results: Results) -> str:
    """The machine, the table of figures, the plots, and the table of growth."""
    shown = [f"![{_CAPTIONS[name]}](plots/{name})\n" for name in _CAPTIONS if name in plots(results)]
    parts = [machine_line(results), figures_table(results), *shown, growth_table(results)]
    return "\n".join(part for part in parts if part)


def machine_line(results: Results) -> str:
    """Where and when, in a paragraph."""
    if not results.benchmarks:
        return "Nothing has been measured.\n"
    machine = results.machine
    days = sorted({each.at for each in results.benchmarks.values()})
    codes = sorted({each.code for each in results.benchmarks.values()})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return (
        f"Measured {when} on {machine['cores']} cores of {machine['processor']} with {machine['memory_gb']} GB, "
        f"everything on this one machine: {machine['system']}, Python {machine['python']}, "
        f"PostgreSQL {machine['postgresql']}, Valkey {machine['valkey']}, faiss {machine['faiss']}, "
        f"Celery {machine['celery']}. Code version {', '.join(f'`{code}`' for code in codes)}.\n"
    )


def figures_table(results: Results) -> str:
    """All figures with what is required of them; empty without any."""
    if not results.benchmarks:
        return ""
    rows = [row for benchmark in BENCHMARKS for row in _rows(benchmark, results.figures(benchmark.name))]
    return _table(["", "figure", "measured", "required", ""], ["", "", ":", ":", ""], rows)


def _rows(benchmark: Benchmark, figures: Mapping[str, Any]) -> list[list[str]]:
    rows = [_row(figure, figures) for figure in figures_of(benchmark.name)]
    titles = [f"**{benchmark.title}**", *[""] * len(rows)]
    return [[title, *row] for title, row in zip(titles, rows, strict=False)]


def _row(figure: Figure, figures: Mapping[str, Any]) -> list[str]:
    value, met = figure.of(figures), figure.met(figures)
    required = f"{_SIGNS[figure.bound.kind]} {number(figure.bound.number, figure.unit)}" if figure.bound else ""
    said = "not measured" if value is None else number(value, figure.unit)
    return [figure.what, said, required, {True: "met", False: "**missed**", None: ""}[met]]


def number(value: float, unit: str) -> str:
    """A value as a reader wants it: few figures, and its unit."""
    size = abs(value)
    digits = 0 if size >= 100 or value == int(value) else 1 if size >= 10 else 2
    said = f"{value:,.{digits}f}" if size >= 0.1 or not size else f"{value:.2g}"
    return f"{said}{_UNITS.get(unit, '')}"


def growth_table(results: Results) -> str:
    """Seconds and processor seconds of each phase by number of users, with their exponents; empty if not measured."""
    growth = results.figures("growth")
    if not growth:
        return ""
    sizes = [str(size) for size in growth["sizes"]]
    columns = ["phase", *(f"{int(size):,} users" for size in sizes), "exponent", "memory", "exponent"]
    rows = []
    for phase, by_size in growth["phases"].items():
        if phase == "load":
            continue
        exponents = growth["exponents"][phase]
        times = [f"{by_size[size]['seconds']:,.1f} s ({by_size[size]['cpu_seconds']:,.1f} s)" for size in sizes]
        memory = f"{by_size[sizes[-1]]['largest_process_mb']:,.0f} MB"
        rows.append(
            [
                phase.replace("_", "-"),
                *times,
                f"{exponents['cpu_seconds']:.2f}",
                memory,
                f"{exponents['largest_process_mb']:.2f}",
            ]
        )
    return _table(columns, ["", *":" * (len(columns) - 1)], rows)


def _table(columns: Sequence[str], right: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown; `right` has a colon for each column that is set to the right."""
    rule = [f"---{colon}" for colon in right]
    return "\n".join([f"| {' | '.join(row)} |" for row in [columns, rule, *rows]]) + "\n"
