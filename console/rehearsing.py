"""Rehearsing on this machine's servers: one rehearsal, or one for each defect."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from console.connected import reachable
from console.defect_rows import DefectRow, row_of
from console.past import Past
from console.playground import Playground
from console.rehearsal import Rehearsed, rehearse
from console.screen import Screen
from console.stand_in import stand_in
from runtime.instance import claim
from runtime.settings import Settings

MEANWHILE = 50
"""So many actions happen while a run of a lively shop is going on: enough for a barrier that leaks to show it."""


def rehearse_here(
    name: str,
    past: Past,
    *,
    screen: Screen,
    workers: int,
    defect: str | None = None,
    lively: bool = False,
    report: Path | None = None,
    sends: bool = False,
) -> Rehearsed:
    """Rehearse in the database `cutover_<name>`, on the servers that the settings name."""
    settings = Settings()
    with claim(settings.state_dir, name):
        with screen.working("Starting PostgreSQL and Valkey"):
            found = reachable(settings)
        mailbox = stand_in(settings.state_dir / f"sendgrid-{name}", stays=True) if sends else None
        playground = Playground(
            found,
            settings.state_dir,
            settings.partitions,
            name=name,
            workers=workers,
            defect=defect,
            mailbox=mailbox,
        )
        directory = report or settings.state_dir / "reports" / name
        meanwhile = MEANWHILE if lively else 0
        rehearsed = rehearse(playground, past.history, past.window, directory, screen, meanwhile=meanwhile)
        return replace(rehearsed, mailbox=f"{mailbox.host}/mailbox" if mailbox else None)


def rehearse_defects(past: Past, names: Sequence[str | None], *, screen: Screen, workers: int) -> Iterator[DefectRow]:
    """What rehearsing this lively past comes to with each of these defects; with None, without any.

    Each has a report of its own.
    """
    reports = Settings().state_dir / "reports" / "defects"
    for name in names:
        screen.line(f"\nDefect {name}:" if name else "\nWithout a defect:")
        report = reports / (name or "none")
        rehearsed = rehearse_here(
            "rehearsal", past, screen=screen, workers=workers, defect=name, lively=True, report=report
        )
        yield row_of(name, rehearsed)
