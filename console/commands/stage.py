"""`stage`: where the migration stands, what the next move takes, and making it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, cast, get_args

import msgspec
import typer

from console.commands.options import DatabaseOption, DryRunOption, JsonOption, PercentOption, WhyOption, YesOption
from console.connected import connected
from console.deciding import caught_up, check_why, confirm, deciding, tell, token
from console.failures import Exit, WrongUse
from console.migration import move_now
from console.running import running_canaries
from console.screen import print_json, say
from console.stage_view import show, show_gates, show_sign_offs, view
from events import CanaryPaused, CanaryResumed, StageChanged
from events.stage_events import Stage
from reconcile.sign_off import Weighed
from reconcile.stage_gate import StageGate
from shadow.history import Migration
from shadow.moves import Place, check_forward, place, proposed
from shadow.people import authenticated
from shadow.schedule import scheduled_at, week_of

if TYPE_CHECKING:
    from console.wiring import System


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(stage)


def stage(
    to: Annotated[
        str | None, typer.Argument(metavar="[STAGE]", help="Move there: shadow, canary, event_driven or retired.")
    ] = None,
    percent: PercentOption = None,
    pause: Annotated[
        bool, typer.Option("--pause", help="Runs that begin from now on go wholly to the legacy path.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="The canary goes on with the next run.")] = False,
    postpone_until: Annotated[
        str | None, typer.Option(help="Pause until this week's run, e.g. 2026-W50, which is a canary again.")
    ] = None,
    why: WhyOption = "",
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """Where the migration stands and what the next move takes; or move it, pause it, resume it.

    Every move and every pause takes an operator's token, in CUTOVER_TOKEN or typed when asked. A move is refused, with
    exit code 1, while a stage gate is red. It counts for runs that begin after it. The way back is `cutover rollback`.
    """
    asked = [name for name, given in (("STAGE", to), ("--pause", pause), ("--resume", resume)) if given]
    asked += ["--postpone-until"] if postpone_until else []
    if len(asked) > 1:
        raise WrongUse(f"give one of {' and '.join(asked)}, not both")
    there = None if to is None else place(stage_named(to), percent)
    if percent is not None and there is None:
        raise WrongUse("--percent belongs to a move: cutover stage canary --percent 5")
    if asked:
        check_why(why)
    with connected(prepare=True, database=database) as system:
        if there is not None:
            _move(system, there, why, dry_run=dry_run, yes=yes, json=json)
        elif asked:
            _pause(system, postpone_until or "", why, resume=resume, dry_run=dry_run, json=json)
        else:
            _look(system, json)


def stage_named(name: str) -> Stage:
    """The stage of this name. Raises WrongUse."""
    if name not in get_args(Stage):
        raise WrongUse(f"stage {name!r} is unknown; expected one of: {', '.join(get_args(Stage))}")
    return cast("Stage", name)


def _look(system: "System", json: bool) -> None:
    found = caught_up(system)
    with system.engine.connect() as connection:
        there = _signed_for(found) or proposed(found.here)
        move = move_now(system, connection, found, there, now=datetime.now(UTC)) if there else None
        shown = view(found, move, running_canaries(connection))
    print_json(shown) if json else show(shown)


def _signed_for(found: Migration) -> Place | None:
    """The move somebody signed for last; looked at before the one that is usual."""
    return next((each.to for each in reversed(found.sign_offs) if each.position > found.change.position), None)


def _move(system: "System", there: Place, why: str, *, dry_run: bool, yes: bool, json: bool) -> None:
    secret, found = token(), caught_up(system)
    here = found.here
    _weighed(system, found, there, secret, why, json=json)
    if not dry_run:
        confirm(f"Move from {here} to {there}?", yes=yes)
        with deciding(system) as found:
            # Somebody may have taken an hour to answer.
            tell(system, _weighed(system, found, there, secret, why, json=json))
            _check_moved(system, there)
    said: dict[str, object] = {"stage": there.stage, "percent": there.percent, "moved": not dry_run, "red": []}
    print_json(said) if json else say(
        f"{'Would move' if dry_run else 'Moved'} from {here} to {there}; it counts for runs that begin after it."
    )


def _weighed(system: "System", found: Migration, there: Place, secret: str, why: str, *, json: bool) -> StageChanged:
    """The move as it stands now; where a stage gate is red, says so and ends the command."""
    check_forward(found.here, there)
    who = authenticated(found.people, secret, "operator")
    now = datetime.now(UTC)
    with system.engine.connect() as connection:
        move = move_now(system, connection, found, there, now=now)
    if move.red:
        _refuse(there, move.red, json)
        _explain_sign_offs(move.sign_offs, json)
        raise typer.Exit(Exit.NO)
    return StageChanged(
        stage=there.stage,
        percent=there.percent,
        report=move.judgement.report if move.judgement else "",
        sign_offs=move.rests_on,
        by=who.person,
        why=why,
        occurred_at=now,
    )


def _check_moved(system: "System", there: Place) -> None:
    """A rollback waits for nobody; one that came first has used the sign-offs up."""
    after = caught_up(system)
    if after.here != there:
        say(f"The stage changed at the same moment: it is {after.here}, and the move to {there} does not count.")
        raise typer.Exit(Exit.NO)


def _refuse(there: Place, red: tuple[StageGate, ...], json: bool) -> None:
    if json:
        print_json({"stage": there.stage, "percent": there.percent, "moved": False, "red": msgspec.to_builtins(red)})
    else:
        show_gates(red)
    many = f"1 stage gate of {there} is" if len(red) == 1 else f"{len(red)} stage gates of {there} are"
    say(
        f"Nothing was changed: {many} red.\n`cutover report` makes the evidence of the last days and names its digest; "
        "`cutover sign-off DIGEST` signs it."
    )


def _explain_sign_offs(sign_offs: Sequence[Weighed], json: bool) -> None:
    idle = [each for each in sign_offs if not each.counts]
    if idle and not json:
        show_sign_offs(idle)


def _pause(system: "System", until_run: str, why: str, *, resume: bool, dry_run: bool, json: bool) -> None:
    now = datetime.now(UTC)
    if until_run and (scheduled_at(until_run) < now or week_of(scheduled_at(until_run)) != until_run):
        raise WrongUse(f"--postpone-until is {until_run!r}; expected a week whose run lies ahead, e.g. 2026-W50")
    secret = token()
    with deciding(system) as found:
        who = authenticated(found.people, secret, "operator")
        if found.here.stage != "canary":
            raise WrongUse(f"the migration stands at {found.here}; only a canary is paused and resumed")
        if resume and found.pause is None:
            raise WrongUse("the canary is not paused")
        if not dry_run:
            tell(
                system,
                CanaryResumed(by=who.person, why=why, occurred_at=now)
                if resume
                else CanaryPaused(by=who.person, why=why, until_run=until_run, occurred_at=now),
            )
    if json:
        print_json({"paused": not resume, "until_run": until_run, "written": not dry_run})
    else:
        say("Resumed from the next run on." if resume else f"Paused{f' until run {until_run}' if until_run else ''}.")
