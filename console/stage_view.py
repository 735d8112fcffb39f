"""The one screen about the stage: where the migration stands, what the next move takes, who signed, what is paused."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from rich.markup import escape

from console.screen import out, print_table
from reconcile.judgement import Judgement
from reconcile.move import Move
from reconcile.sign_off import Weighed
from reconcile.stage_gate import StageGate
from shadow.history import Migration, Pause
from shadow.schedule import week_of


class StageView(msgspec.Struct, frozen=True, kw_only=True):
    """What the screen shows. `next` is the move that is looked at, empty at the end; `may_move`: all is green."""

    stage: str
    percent: float
    since: datetime | None
    by: str
    why: str
    paused: Pause | None
    next: str
    may_move: bool
    report: str
    gates: Sequence[StageGate]
    sign_offs: Sequence[Weighed]
    running: Sequence[str]
    ignored: Sequence[str]


def view(found: Migration, move: Move | None, running: Sequence[str]) -> StageView:
    """The screen of a migration and the move that is looked at."""
    return StageView(
        stage=found.here.stage,
        percent=found.here.percent,
        since=found.change.at,
        by=found.change.by,
        why=found.change.why,
        paused=pause_at(found, datetime.now(UTC)),
        next=str(move.there) if move else "",
        may_move=move is not None and not move.red,
        report=_digest(move.judgement if move else None),
        gates=move.gates if move else (),
        sign_offs=move.sign_offs if move else (),
        running=running,
        ignored=found.ignored,
    )


def show(found: StageView) -> None:
    """The screen for a person."""
    here = f"canary at {found.percent:g} %" if found.stage == "canary" else found.stage
    since = f"since {found.since:%Y-%m-%d %H:%M} UTC, by {found.by}: {found.why}" if found.since else "from the start"
    out.print(f"[bold]Stage[/bold]     {here}, {escape(since)}")
    if found.paused:
        out.print(f"[bold]Paused[/bold]    {escape(paused_line(found.paused))}")
    for run in found.running:
        out.print(f"[bold]Running[/bold]   {run}: the event-driven path sends; cutover rollback takes it back")
    for ignored in found.ignored:
        out.print(f"[bold red]ignored[/bold red]   {escape(ignored)}")
    if not found.next:
        out.print("\nThis is the last stage. See `cutover retire`.")
        return
    out.print(f"[bold]Next[/bold]      {found.next}, on report {found.report[:12] or 'none'}\n")
    show_gates(found.gates)
    if found.sign_offs:
        out.print()
        show_sign_offs(found.sign_offs)
    out.print("\n[green]may move[/green]" if found.may_move else "\n[bold red]may not move[/bold red]: see what is red")


def show_gates(gates: Sequence[StageGate]) -> None:
    """Stage gates as a table."""
    rows = [["green" if each.green else "RED", each.name, each.figure, each.limit, each.detail] for each in gates]
    print_table("Stage gates", ["", "gate", "figure", "limit", ""], rows, numbers_from=9)


def show_sign_offs(sign_offs: Sequence[Weighed]) -> None:
    """Sign-offs as a table, those that do not count with the reasons."""
    rows = [
        [
            "counts" if each.counts else "does not",
            each.person,
            each.report[:12],
            f"{each.given_at:%Y-%m-%d %H:%M}",
            f"{each.expires_at:%Y-%m-%d %H:%M}",
            each.why if each.counts else "; ".join(each.reasons),
        ]
        for each in sign_offs
    ]
    print_table("Sign-offs", ["", "person", "report", "given", "good until", ""], rows, numbers_from=9)


def pause_at(found: Migration, now: datetime) -> Pause | None:
    """The pause that holds for the run of this moment's week; one that was postponed to a run is over from then on."""
    return found.pause if found.pause and found.pause.holds(week_of(now)) else None


def paused_line(pause: Pause) -> str:
    """A pause in one line."""
    until = f"until run {pause.until_run}" if pause.until_run else "until it is resumed"
    return f"runs that begin now go to the legacy path {until}, by {pause.by}: {pause.why}"


def _digest(judgement: Judgement | None) -> str:
    return judgement.report if judgement else ""
