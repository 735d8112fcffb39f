"""The plots of docs/performance.md: ratios to peers, latency by rate, growth with the number of users."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks import svg
from benchmarks.axis import LogAxis, log_axis, short
from benchmarks.figures import FIGURES, Figure
from benchmarks.results import Results

WIDTH = 760.0
_P50 = re.compile(r"p50_(\d+)_ms")
Line = tuple[str, Sequence[tuple[float, float]]]


def plots(results: Results) -> Mapping[str, str]:
    """Each plot's file name and content; those without any figures are left out."""
    makers: Mapping[str, Callable[[Results], str]] = {"ratios": _ratios, "latency": _latency, "growth": _growth}
    made = {name: make(results) for name, make in makers.items()}
    return {f"{name}.svg": content for name, content in made.items() if content}


def _ratios(results: Results) -> str:
    """A bar for each ratio to a peer, with a stroke at what is required."""
    found = [(figure, figure.of(results.figures(figure.benchmark))) for figure in FIGURES if figure.short]
    known = [(figure, value) for figure, value in found if value is not None and value > 0]
    if not known:
        return ""
    pitch, top, left = 30.0, 62.0, 232.0
    height = top + pitch * len(known) + 30
    ends = [value for _, value in known] + [figure.bound.number for figure, _ in known if figure.bound]
    axis = log_axis([1.0, *ends], left, WIDTH - 70)
    parts = [
        svg.text(4, 18, "Ratios to peers measured in the same run", "title"),
        svg.text(
            4,
            38,
            "Right of 1 is better than the peer; the stroke is what is required. The axis is logarithmic.",
            "faint",
        ),
    ]
    for value in axis.marks():
        x = axis.at(value)
        parts += [svg.line([(x, top - 6), (x, height - 26)], "axis" if value == 1 else "grid")]
        parts += [svg.text(x, height - 10, f"{short(value)} ×", "faint middle")]
    for place, (figure, value) in enumerate(known):
        parts += _bar(figure, value, axis, top + place * pitch)
    return svg.drawing(WIDTH, height, "Ratios to peers", parts)


def _bar(figure: Figure, value: float, axis: LogAxis, y: float) -> list[str]:
    one, end = axis.at(1.0), axis.at(value)
    missed = figure.bound is not None and not figure.bound.holds(value)
    parts = [
        svg.text(axis.begin - 12, y + 15, figure.short, "right"),
        svg.bar(min(one, end), y + 2, max(abs(end - one), 2), 18, "bad" if missed else "good"),
    ]
    clear = end
    if figure.bound is not None:
        x = axis.at(figure.bound.number)
        parts.append(svg.line([(x, y - 2), (x, y + 24)], "required"))
        clear = x if abs(x - end) < 60 and x > end else end
    parts.append(svg.text(max(clear, one) + 8, y + 16, f"{value:,.4g} ×"))
    return parts


def _latency(results: Results) -> str:
    """p50 and p99 of an order to its refreshed list, by orders a second, and of a bare round trip."""
    figures = results.figures("latency")
    rates = sorted(int(match[1]) for key in figures if (match := _P50.fullmatch(key)))
    lines: list[Line] = []
    for which in ("p99", "p50"):
        lines.append((f"list refreshed, {which}", [(rate, figures[f"{which}_{rate}_ms"]) for rate in rates]))
        bare = figures.get(f"round_trip_{which}_ms", 0.0)
        lines.append((f"bare round trip, {which}", [(rate, bare) for rate in rates]))
    title = "From an order to its refreshed list, beside a bare Celery round trip"
    return _curves(title, "milliseconds, by orders a second (the bare round trip at 100)", lines)


def _growth(results: Results) -> str:
    """Processor seconds of each phase by number of users, and what linear would look like."""
    phases: Mapping[str, Mapping[str, Any]] = results.figures("growth").get("phases", {})
    lines = [
        (phase.replace("_", "-"), [(float(size), float(row["cpu_seconds"])) for size, row in by_size.items()])
        for phase, by_size in phases.items()
        if phase != "load"
    ]
    return _curves("Growth with the number of users", "processor seconds, by users", lines, linear=True)


def _curves(title: str, what: str, lines: Sequence[Line], *, linear: bool = False) -> str:
    """Lines on two logarithmic axes, each named at its end; empty if there are no points above 0."""
    lines = [(name, [point for point in points if point[1] > 0]) for name, points in lines]
    lines = [(name, points) for name, points in lines if points]
    if not lines:
        return ""
    height, left, right, top, bottom = 420.0, 64.0, WIDTH - 190, 62.0, 376.0
    every = [point for _, points in lines for point in points]
    across = log_axis([x for x, _ in every], left, right)
    up = log_axis([y for _, y in every], bottom, top)
    parts = [svg.text(4, 18, title, "title"), svg.text(4, 38, f"{what}; both axes are logarithmic.", "faint")]
    for value in up.marks():
        y = up.at(value)
        parts += [svg.line([(left, y), (right, y)], "grid"), svg.text(left - 8, y + 4, short(value), "faint right")]
    for value in across.marks():
        x = across.at(value)
        parts += [svg.line([(x, top), (x, bottom)], "grid"), svg.text(x, bottom + 20, short(value), "faint middle")]
    if linear:
        parts += _linear(across, up)
    names = _apart([up.at(points[-1][1]) for _, points in lines], 17)
    for series, ((name, points), y) in enumerate(zip(lines, names, strict=True)):
        drawn = [(across.at(x), up.at(value)) for x, value in points]
        kind = f"s{series % svg.SERIES}"
        parts += [svg.line(drawn, f"line {kind}"), *(svg.mark(*point, series) for point in drawn)]
        parts += [svg.mark(right + 16, y, series), svg.text(right + 28, y + 4, name)]
    return svg.drawing(WIDTH, height, title, parts)


def _linear(across: LogAxis, up: LogAxis) -> list[str]:
    """A dashed line along which twice as many users take twice as long."""
    begin = up.least * 3
    factor = min(across.most / across.least, up.most / begin)
    points = [(across.at(across.least), up.at(begin)), (across.at(across.least * factor), up.at(begin * factor))]
    return [svg.line(points, "linear"), svg.text(points[1][0] - 10, points[1][1] + 24, "linear", "faint right")]


def _apart(heights: Sequence[float], least: float) -> list[float]:
    """The same heights in the same order, moved down where they are closer together than `least`."""
    placed = list(heights)
    last = float("-inf")
    for place in sorted(range(len(placed)), key=placed.__getitem__):
        placed[place] = last = max(placed[place], last + least)
    return placed
