"""Writing a report into a directory: the page, the JSON and the JUnit XML, each at once or not at all."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from reconcile.junit import as_junit
from reconcile.page import as_html
from reconcile.plan import ReconciliationPlan
from reconcile.report import Report, as_json, make_report


def write_report(
    engine: Engine, runs: Sequence[str], plan: ReconciliationPlan, directory: Path, *, code_version: str = ""
) -> Path:
    """Write `report.html`, `report.json` and `report.xml` (JUnit) into `directory`; the page's path."""
    return write(make_report(engine, runs, plan, code_version=code_version), directory)


def write(report: Report, directory: Path) -> Path:
    """Write a report into `directory`; the page's path."""
    directory.mkdir(parents=True, exist_ok=True)
    _write(directory / "report.json", as_json(report))
    _write(directory / "report.xml", as_junit(report))
    page = directory / "report.html"
    _write(page, as_html(report).encode())
    return page


def _write(target: Path, content: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
