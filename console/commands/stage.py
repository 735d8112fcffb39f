"""`stage` and `sign-off`: where the migration stands, what the next move takes, and making it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, cast, get_args

import msgspec
import typer

from console.connected import connected
from console.deciding import caught_up, check_why, confirm, decider, deciding, tell, token
from console.failures import Exit, WrongUse
from console.migration import move_now, stored_reports
from console.running import running_canaries
from console.screen import print_json, say
from console.stage_view import show, show_gates, show_sign_offs, view
from events import CanaryPaused, CanaryResumed, SignedOff, StageChanged
from events.stage_events import Stage
from reconcile.judgement import Judgement
from reconcile.requirements import StageSettings
from reconcile.sign_off import Weighed
from reconcile.stage_gate import SIGN_OFFS, StageGate
from shadow.history import Migration
from shadow.moves import Place, check_forward, place, proposed
from shadow.people import authenticated
from shadow.schedule import scheduled_at, week_of
from shadow.sign_off import UNSIGNED, signed

if TYPE_CHECKING:
    from console.wiring import System

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and write nothing.")]
WhyOption = Annotated[str, typer.Option(help="What the decision rests on; it goes into the log.")]
PercentOption = Annotated[float | None, typer.Option(help="Of a canary: the share of users, over 0 to 100.")]
DatabaseOption = Annotated[
    str | None, typer.Option(help="Another database on the same server, e.g. 'cutover_rehearsal'.")
]

SHORTEST = 12
"""Characters of a digest that are enough to name a report."""


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(stage)
    app.command("sign-off")(sign_off)


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
    exit code 1, while a stage gate is red. It counts for runs that begin after it. Back leads `cutover rollback`.
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
    with connected(prepare=database is None, database=database) as system:
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
    with deciding(system) as found:
        check_forward(found.here, there)
        who = decider(found, "operator")
        now = datetime.now(UTC)
        with system.engine.connect() as connection:
            move = move_now(system, connection, found, there, now=now)
        if move.red:
            _refuse(there, move.red, json)
            _explain_sign_offs(move.sign_offs, json)
            raise typer.Exit(Exit.NO)
        if not dry_run:
            confirm(f"Move from {found.here} to {there}?", yes=yes)
            changed = StageChanged(
                stage=there.stage,
                percent=there.percent,
                report=move.judgement.report if move.judgement else "",
                sign_offs=move.rests_on,
                by=who.person,
                why=why,
                occurred_at=now,
            )
            tell(system, changed)
            _check_moved(system, there)
    said: dict[str, object] = {"stage": there.stage, "percent": there.percent, "moved": not dry_run, "red": []}
    print_json(said) if json else say(
        f"{'Would move' if dry_run else 'Moved'} from {found.here} to {there}; it counts for runs that begin after it."
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
    say(f"Nothing was changed: {len(red)} stage gates of {there} are red.")


def _explain_sign_offs(sign_offs: Sequence[Weighed], json: bool) -> None:
    idle = [each for each in sign_offs if not each.counts]
    if idle and not json:
        show_sign_offs(idle)


def _pause(system: "System", until_run: str, why: str, *, resume: bool, dry_run: bool, json: bool) -> None:
    now = datetime.now(UTC)
    if until_run and (scheduled_at(until_run) < now or week_of(scheduled_at(until_run)) != until_run):
        raise WrongUse(f"--postpone-until is {until_run!r}; expected a week whose run lies ahead, e.g. 2026-W50")
    with deciding(system) as found:
        who = decider(found, "operator")
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


def sign_off(
    digest: Annotated[str, typer.Argument(help="The report's digest, or its first 12 characters or more.")],
    to: Annotated[
        str | None,
        typer.Option(
            "--for", help="The stage it is for: shadow, canary, event_driven or retired. Default: the usual next."
        ),
    ] = None,
    percent: PercentOption = None,
    why: WhyOption = "",
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """Put your name under a move, on the evidence of one report. Takes an approver's token.

    It names the report, the code, the policy and the configuration that it judged. A deploy, a new mismatch, a change
    of the stage or three days (CUTOVER_SIGN_OFF_DAYS) void it. Exit code 1 when the report's evidence is not true any
    more.
    """
    check_why(why)
    asked = None if to is None else place(stage_named(to), percent)
    if asked is None and percent is not None:
        raise WrongUse("--percent belongs to a canary: give --for canary, too")
    if len(digest) < SHORTEST:
        raise WrongUse(f"the digest is {digest!r}; expected at least its first {SHORTEST} characters")
    reports = stored_reports()
    with connected(prepare=database is None, database=database) as system, deciding(system) as found:
        there = asked or _next(found)
        check_forward(found.here, there)
        with system.engine.connect() as connection:
            judgement = reports.judgement(connection, digest)
            doubts = reports.doubts(connection, judgement)
        if doubts:
            print_json({"signed": False, "doubts": doubts}) if json else say("\n".join(doubts))
            say("Nothing was signed: the evidence of this report is no longer true.")
            raise typer.Exit(Exit.NO)
        given = _signed(found, there, judgement, why)
        person = given.person
        _say_what_is_signed(system, found, there, judgement)
        if not dry_run:
            confirm(f"Sign as {person} for {there}, on {judgement.pairs:,} pairs of {judgement.report[:12]}?", yes=yes)
            tell(system, given)
    if json:
        print_json({"signed": not dry_run, "id": given.event_id, "expires_at": given.expires_at})
    else:
        say(f"{'Would sign' if dry_run else 'Signed'} as {person} for {there}; good until {given.expires_at:%F %H:%M}.")


def _say_what_is_signed(system: "System", found: Migration, there: Place, judged: Judgement) -> None:
    """The figures of the report, and what else holds the move back: nobody signs unseen."""
    say(
        f"Report {judged.report[:SHORTEST]}: runs {judged.runs[0]} to {judged.runs[-1]}, {judged.pairs:,} pairs, "
        f"mismatches: {judged.mismatches:,} ({judged.unexplained:,} unexplained), coverage {judged.coverage:.2%}, "
        f"days in a row: {judged.days}."
    )
    with system.engine.connect() as connection:
        move = move_now(system, connection, found, there, now=datetime.now(UTC))
    others = [gate.name for gate in move.red if gate.name != SIGN_OFFS]
    if others:
        say(f"Red at this moment, signed or not: {', '.join(others)}.")


def _next(found: Migration) -> Place:
    there = proposed(found.here)
    if there is None:
        raise WrongUse(f"the migration stands at {found.here}, and no stage follows")
    return there


def _signed(found: Migration, there: Place, judgement: Judgement, why: str) -> SignedOff:
    secret = token()
    who = authenticated(found.people, secret, "approver")
    now = datetime.now(UTC)
    unsigned = SignedOff(
        person=who.person,
        report=judgement.report,
        code_version=judgement.code_version,
        policy=judgement.policy,
        configuration=judgement.configuration,
        stage=there.stage,
        percent=there.percent,
        expires_at=now + StageSettings().validity,
        why=why,
        signature=UNSIGNED,
        occurred_at=now,
    )
    return signed(unsigned, secret)
