"""`rollback` and `retire`: back at once, a drill of it, and what is left to delete at the end."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from console.commands.options import DatabaseOption, DryRunOption, JsonOption, PercentOption, WhyOption
from console.commands.stage import stage_named
from console.connected import connected
from console.deciding import caught_up, check_why, tell, token
from console.failures import Exit, WrongUse
from console.retirement import retirement
from console.running import running_canaries
from console.screen import out, print_json, print_table, say
from events import StageChanged
from runtime.quantity import how_many
from shadow.barrier import see_logged
from shadow.moves import Place, check_backward, forward, place
from shadow.people import authenticated
from shadow.rollback import RolledBack
from shadow.runs import open_begun_runs

if TYPE_CHECKING:
    from console.wiring import System
    from shadow.history import Migration


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(rollback)
    app.command()(retire)


def rollback(
    to: Annotated[str, typer.Option("--to", help="The stage to go back to: legacy, shadow or canary.")] = "shadow",
    percent: PercentOption = None,
    drill: Annotated[
        str | None, typer.Option(metavar="RUN", help="Roll this run back for practice; the stage stays.")
    ] = None,
    why: WhyOption = "",
    dry_run: DryRunOption = False,
    json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """Go back at once: the stage, and every run in which the event-driven path still has e-mails that nobody claimed.

    Those go to the legacy path, which sends what it recorded, or will record. Nobody gets two, nobody is forgotten.
    Takes an operator's token, no evidence and no confirmation.
    """
    check_why(why)
    there = place(stage_named(to), percent)
    with connected(prepare=True, database=database) as system:
        found = caught_up(system)
        who = authenticated(found.people, token(), "operator").person
        runs = _running(system)
        moved = drill is None and _to_move(found, there, runs)
        if drill is not None:
            if drill not in runs:
                listed = ", ".join(runs) or "none at this moment"
                raise WrongUse(f"run {drill!r} is no canary that is under way; those are: {listed}")
            runs = [drill]
        done = [] if dry_run else _roll_back(system, runs, there if moved else None, who, why, drill=drill is not None)
    if json:
        said = [msgspec.to_builtins(each) for each in done]
        print_json({"stage": to if moved else None, "runs": runs, "rolled_back": said, "written": not dry_run})
        return
    if moved:
        say(f"{'Would go' if dry_run else 'Went'} back from {found.here} to {there}.")
        if there.stage == "legacy":
            say("Nothing sends through the gate any more: the plain script needs its own crontab line again.")
    for run in runs if dry_run else ():
        say(f"Would roll back run {run}.")
    for each in done:
        say(_told(each))


def _running(system: "System") -> list[str]:
    """The running canaries, those included that have begun and that no worker has come to yet."""
    with system.engine.begin() as connection:
        open_begun_runs(connection)
        return running_canaries(connection)


def _to_move(found: "Migration", there: Place, runs: list[str]) -> bool:
    """Whether the stage changes; where it is back already, runs may still have to follow."""
    if runs and (found.here == there or forward(found.here, there)):
        return False
    check_backward(found.here, there)
    return True


def _roll_back(
    system: "System", runs: list[str], there: Place | None, by: str, why: str, *, drill: bool
) -> list[RolledBack]:
    """The stage first, so that no run begins as before; then each run in a transaction of its own."""
    now = datetime.now(UTC)
    if there is not None:
        tell(system, StageChanged(stage=there.stage, percent=there.percent, by=by, why=why, occurred_at=now))
    if not drill:
        runs = _running(system)  # one may have begun meanwhile, as the stage was before
    done = []
    for run in runs:
        with system.engine.begin() as connection:
            found = system.rollback(connection, run, by=by, why=why, at=now, drill=drill)
        if found is not None:
            see_logged(system.engine, f"RunRolledBack:{run}", system.partitions)
            done.append(found)
    return done


def _told(done: RolledBack) -> str:
    if done.waiting:
        return (
            f"Run {done.run}: {done.waiting:,} e-mails wait for the legacy path, which has not recorded this run yet. "
            f"If cron does not run it: cutover legacy-run --week {done.run}"
        )
    return (
        f"Run {done.run}: the legacy path hands in {how_many(done.handed_in, 'user')}. Whoever was sent an e-mail "
        "already gets no other."
    )


def retire(
    crontab: Annotated[
        Path | None, typer.Option(help="A crontab to look into. Default: this user's, as `crontab -l` tells it.")
    ] = None,
    json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """What may be deleted at the end of the migration, and whether anything still calls it. Deletes nothing.

    Exit code 1 while the stage is not retired, or something still calls the script or its tap.
    """
    with connected(prepare=True, database=database) as system:
        found = caught_up(system)
        with system.engine.connect() as connection:
            checked = retirement(connection, found, crontab)
    if json:
        print_json(checked)
    else:
        out.print("[bold]To be deleted[/bold]")
        for each in checked.delete:
            out.print(f"  {each}", markup=False)
        rows = [["no" if each.calls else "yes", each.name, "; ".join(each.calls)] for each in checked.checks]
        out.print()
        print_table("Is it safe?", ["", "check", ""], rows, numbers_from=9)
    raise typer.Exit(Exit.NO if checked.held_back else Exit.GOOD)
