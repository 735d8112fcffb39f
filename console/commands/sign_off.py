"""`sign-off`: a name under one move, on the evidence of one report."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from console.commands.options import DatabaseOption, DryRunOption, JsonOption, PercentOption, WhyOption, YesOption
from console.commands.stage import stage_named
from console.connected import connected
from console.deciding import caught_up, check_why, confirm, deciding, tell, token
from console.failures import Exit, WrongUse
from console.migration import move_now, only, stored_reports
from console.screen import print_json, say
from events import SignedOff
from reconcile.judgement import SHORTEST_PREFIX, Judgement
from reconcile.requirements import StageSettings
from reconcile.stage_gate import SIGN_OFFS
from runtime.quantity import how_many
from shadow.history import Migration
from shadow.moves import Place, check_forward, place, proposed
from shadow.people import authenticated
from shadow.sign_off import UNSIGNED, signed

if TYPE_CHECKING:
    from console.wiring import System


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("sign-off")(sign_off)


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
    if len(digest) < SHORTEST_PREFIX:
        raise WrongUse(f"the digest is {digest!r}; expected at least its first {SHORTEST_PREFIX} characters")
    with connected(prepare=True, database=database) as system:
        secret, found = token(), caught_up(system)
        there = asked or _next(found)
        judgement = _evidence(system, found, there, digest, json=json)
        given = _signed(found, there, judgement, secret, why)
        _say_what_is_signed(system, found, there, judgement)
        if not dry_run:
            confirm(
                f"Sign as {given.person} for {there}, on {how_many(judgement.pairs, 'pair')} of "
                f"{judgement.report[:SHORTEST_PREFIX]}?",
                yes=yes,
            )
            with deciding(system) as found:
                _evidence(system, found, there, digest, json=json)
                given = _signed(found, there, judgement, secret, why)
                tell(system, given)
    if json:
        print_json({"signed": not dry_run, "id": given.event_id, "expires_at": given.expires_at})
    else:
        done = "Would sign" if dry_run else "Signed"
        say(f"{done} as {given.person} for {there}; good until {given.expires_at:%F %H:%M}.")


def _evidence(system: "System", found: Migration, there: Place, digest: str, *, json: bool) -> Judgement:
    """The report with this digest; where its evidence is no longer true, says so and ends the command."""
    check_forward(found.here, there)
    reports = stored_reports()
    with system.engine.connect() as connection:
        judgement = reports.judgement(connection, digest)
        doubts = reports.doubts(connection, judgement)
    if doubts:
        print_json({"signed": False, "doubts": doubts}) if json else say("\n".join(doubts))
        say("Nothing was signed: the evidence of this report is no longer true.")
        raise typer.Exit(Exit.NO)
    return judgement


def _say_what_is_signed(system: "System", found: Migration, there: Place, judged: Judgement) -> None:
    """The figures of the report, and what else holds the move back: nobody signs unseen."""
    say(
        f"Report {judged.report[:SHORTEST_PREFIX]}: runs {judged.runs[0]} to {judged.runs[-1]}, "
        f"{how_many(judged.pairs, 'pair')}, mismatches: {judged.mismatches:,} ({judged.unexplained:,} unexplained), "
        f"coverage {judged.coverage:.2%}, days in a row: {judged.days}."
    )
    with system.engine.connect() as connection:
        move = move_now(system, connection, found, there, now=datetime.now(UTC), reports=only(judged))
    others = [gate.name for gate in move.red if gate.name != SIGN_OFFS]
    if others:
        say(f"Red at this moment, signed or not: {', '.join(others)}.")


def _next(found: Migration) -> Place:
    there = proposed(found.here)
    if there is None:
        raise WrongUse(f"the migration stands at {found.here}, and no stage follows")
    return there


def _signed(found: Migration, there: Place, judgement: Judgement, secret: str, why: str) -> SignedOff:
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
