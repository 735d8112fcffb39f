"""The page: a report as one self-contained HTML file, which needs no network, and no script to be read.

The one script in it sorts tables and makes frames when somebody looks. The page's policy names its digest, so that
nothing else can run.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reconcile import overview, wording
from reconcile.kinds import meaning
from reconcile.plot import plot
from reconcile.report import Report
from reconcile.showing import shown_fields, shown_inputs

MOST_NAMED = 3_000
"""Units named at most of one group; the report's JSON names all."""

HEADINGS: Mapping[tuple[str, str | None], str] = {
    ("mismatch", None): "Mismatch",
    ("explained", "timing"): "Explained by timing",
    ("explained", "noise"): "Explained by noise",
    ("explained", "accepted"): "Explained: accepted difference",
    ("incomplete", "unfinished"): "Incomplete: a path has not finished",
    ("incomplete", "inputs"): "Incomplete: no late event accounts for the inputs",
    ("incomplete", "replay"): "Incomplete: late events account for the inputs, but not for the outcomes",
}
"""How a group of pairs is headed, by verdict and by what explains it or is lacking."""


def as_html(report: Report) -> str:
    """The page, complete: no reference leads out of it, and nothing runs in it but its own script."""
    runs = sorted(report.runs, key=lambda item: (item.run.scheduled_at, item.run.run))
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            policy=report.policy,
            runs=runs,
            plot=plot([item.reconciled.totals for item in runs]) if runs else None,
            anchors=_anchors(report),
            fields_of=lambda unit: list(shown_fields(unit, report.policy)),
            inputs_of=lambda unit: list(shown_inputs(unit)),
        )
    )


def script() -> str:
    """The script of the page, as it stands in it."""
    return (files("reconcile") / "templates" / "page.js").read_text(encoding="utf-8")


def script_digest() -> str:
    """What a Content-Security-Policy calls the script by."""
    return "sha256-" + b64encode(hashlib.sha256(script().encode()).digest()).decode()


def _anchors(report: Report) -> dict[tuple[str, str], str]:
    """By run and unit the id of the pair on the page, of all pairs shown."""
    found: dict[tuple[str, str], str] = {}
    for run in report.runs:
        for units in (*run.shown, run.examples):
            for unit in units:
                found[run.run.run, unit.unit] = f"pair-{len(found) + 1}"
    return found


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reconcile"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    says = ("number", "moment", "day", "words", "capital", "duration", "milliseconds", "percent", "command")
    environment.filters |= {name: getattr(wording, name) for name in says}
    environment.globals |= {
        "overview": overview,
        "meaning": meaning,
        "headings": HEADINGS,
        "most_named": MOST_NAMED,
        "script": Markup(script()),  # noqa: S704 - ours, and named in the policy by its digest
        "script_digest": script_digest(),
    }
    return environment
