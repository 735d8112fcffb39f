"""The page: a report as one self-contained HTML file, readable without scripts and without a network."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from reconcile.kinds import meaning, rank
from reconcile.report import Report
from reconcile.showing import shown_fields, shown_inputs
from reconcile.totals import Totals

MOST_NAMED = 3_000
"""Units named at most of one group; the report's JSON names all."""

RULINGS: Mapping[str, str] = {
    "match": "match",
    "explained": "explained by timing",
    "mismatch": "mismatch",
    "incomplete": "incomplete",
}


def as_html(report: Report) -> str:
    """The page, complete: no reference leads out of it, and no script is in it."""
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            policy=report.policy,
            meaning=meaning,
            rulings=RULINGS,
            most_named=MOST_NAMED,
            fields_of=lambda unit: list(shown_fields(unit, report.policy)),
            inputs_of=lambda unit: list(shown_inputs(unit)),
            kinds=_kinds(report),
        )
    )


def _kinds(report: Report) -> list[tuple[str, int, dict[str, int]]]:
    """The kinds of mismatch over all runs: how many pairs, and in how many of them which field differs."""
    found = []
    for kind in sorted({kind for run in report.runs for kind in run.reconciled.totals.kinds}, key=rank):
        number = sum(run.reconciled.totals.kinds.get(kind, 0) for run in report.runs)
        fields: dict[str, int] = {}
        for run in report.runs:
            for field, pairs in run.fields_by_kind.get(kind, {}).items():
                fields[field] = fields.get(field, 0) + pairs
        if number:
            found.append((kind, number, fields))
    return sorted(found, key=lambda item: -item[1])


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reconcile"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "moment": _moment, "duration": _duration, "words": _words}
    environment.globals |= {"segments": _segments}
    return environment


def _number(value: float) -> str:
    return f"{value:,}"


def _moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%-d %B %Y, %H:%M:%S} UTC"


def _words(name: str) -> str:
    return name.replace("event_driven", "event-driven").replace("_", " ")


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "unfinished"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def _segments(totals: Totals, least: float = 1.2) -> list[tuple[str, float, float]]:
    """The stacked bar of a run in percent: class, start and width; what exists is never too thin to see."""
    rulings = ("match", "explained", "incomplete", "mismatch")
    counts = {ruling: getattr(totals, ruling) for ruling in rulings if getattr(totals, ruling)}
    widths = {ruling: max(100 * count / totals.pairs, least) for ruling, count in counts.items()}
    whole = sum(widths.values())
    result, start = [], 0.0
    for ruling, width in widths.items():
        result.append((ruling, round(start, 3), round(100 * width / whole, 3)))
        start += 100 * width / whole
    return result
