"""The report page as it is read back: its tags, its text."""

import re
from html.parser import HTMLParser

import sqlalchemy as sa

from reconcile import make_report, reconcile
from reconcile.page import as_html
from tests.reconcile.recorded_runs import PLAN, RecordedRun


class Page(HTMLParser):
    """What a page consists of: its tags with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


def page_of(database: sa.Engine, *runs: RecordedRun) -> Page:
    for run in runs:
        run.write(database)
        reconcile(database, run.run, PLAN, code_version="recon-9")
    return Page(as_html(make_report(database, [run.run for run in runs], PLAN)))


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)
