"""`campaign`, `unconfirmed` and `deadletters`: sending as it goes on, and what of it needs a person."""

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from console.books import as_data, show_books
from console.commands.options import DatabaseOption, DryRunOption, JsonOption, WhyOption, YesOption
from console.connected import connected
from console.failures import Exit, WrongUse
from console.screen import print_json, print_table, say
from handlers.delivery import campaign as campaigns
from handlers.delivery import unconfirmed as unconfirmed_emails
from handlers.delivery.books import books
from handlers.delivery.deadletters import DeadLetters, dead_letters, replay
from handlers.delivery.settlement import LONGEST_REASON
from handlers.delivery.unconfirmed import Unsettled

ByOption = Annotated[str | None, typer.Option(help="Who decides this; it goes into the log. Default: your login.")]
UsersOption = Annotated[list[str] | None, typer.Option("--user", help="Only this user; may be given several times.")]
SHOWN = 20


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (campaign, unconfirmed, deadletters):
        app.command()(command)


def campaign(
    run: Annotated[str | None, typer.Argument(help="A week such as 2026-W47. Default: the newest.")] = None,
    pause: Annotated[bool, typer.Option("--pause", help="Claim nothing more of it until it is resumed.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on.")] = False,
    extend: Annotated[
        float | None, typer.Option(help="Let it end no earlier than so many minutes from now.", min=1, max=10_080)
    ] = None,
    by: ByOption = None,
    json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """How the sending of a run stands: its books, its pace, when it will be done. Pause it, resume it, give it time.

    Exit code 1 when more than 0.5 % failed for good, 3 while e-mails are planned, in flight or unconfirmed.
    """
    if pause and resume:
        raise WrongUse("give --pause or --resume, not both")
    with connected(database=database) as system, system.engine.begin() as connection:
        name = run or next(iter(campaigns.campaigns(connection, 1)), None)
        if name is None:
            raise WrongUse("no run has sent anything yet")
        known = True
        if pause:
            known = campaigns.pause(connection, name, by=by or getpass.getuser())
        if resume:
            known = campaigns.resume(connection, name)
        if extend is not None:
            known = campaigns.extend(connection, name, extend * 60) is not None
        found = books(connection, name)
        # While a path hands in, its campaign is open already, and none of its e-mails is to be seen yet.
        if not known or found.send_by is None:
            raise WrongUse(f"run {name!r} sends nothing; `cutover status` lists the runs there are")
    now = datetime.now(UTC)
    print_json(as_data(found, now)) if json else show_books(found, now)
    if found.states["failed"] > 0.005 * found.total:
        raise typer.Exit(Exit.NO)
    unsettled = not found.total or found.open or found.states["unconfirmed"]
    raise typer.Exit(Exit.INCOMPLETE if unsettled else Exit.GOOD)


def unconfirmed(
    run: Annotated[str | None, typer.Argument(help="A week such as 2026-W47. Default: all runs.")] = None,
    users: UsersOption = None,
    mark_sent: Annotated[
        bool, typer.Option("--mark-sent", help="They were accepted: the provider's records show them.")
    ] = False,
    release: Annotated[
        bool, typer.Option("--release", help="They were not accepted: send them again. Be sure: they may get two.")
    ] = False,
    why: WhyOption = "",
    by: ByOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """E-mails of which nobody knows whether the provider accepted them, for a person to decide.

    The webhook and the provider's records settle most of them without anybody's help. Exit code 3 when some are left.
    """
    if mark_sent and release:
        raise WrongUse("give --mark-sent or --release, not both")
    deciding = mark_sent or release
    who = by or getpass.getuser()
    if deciding and run is None:
        raise WrongUse("name the run whose e-mails you decide on")
    if deciding:
        _check_decision(who, why, "say with --why what makes you sure")
    with connected(database=database) as system:
        with system.engine.connect() as connection:
            found = [
                email
                for email in unconfirmed_emails.unconfirmed(connection, run)
                if not users or email.user_id in users
            ]
        if deciding and users and not found:
            raise WrongUse(f"none of these users is unconfirmed in run {run}: {', '.join(users)}")
        if not deciding or dry_run or not found:
            _show_unconfirmed(found, json)
            raise typer.Exit(Exit.INCOMPLETE if found else Exit.GOOD)
        what = "send again" if release else "mark as sent"
        if not yes:
            typer.confirm(f"{what} {len(found):,} e-mails of run {run}?", abort=True)
        with system.engine.begin() as connection:
            ids = [email.user_id for email in found]
            if release:
                done = unconfirmed_emails.release(connection, str(run), ids, by=who, why=why)
                campaigns.extend(connection, str(run), system.delivery.within)
            else:
                done = unconfirmed_emails.mark_sent(connection, str(run), ids, by=who, why=why)
    print_json({"changed": done}) if json else say(f"{done:,} e-mails: {'planned again' if release else 'accepted'}")


def _check_decision(by: str, why: str, empty: str) -> None:
    """Refuse what the log could not hold, before anything is changed."""
    if not why.strip():
        raise WrongUse(empty)
    if len(why) > LONGEST_REASON:
        raise WrongUse(f"--why has {len(why):,} characters; expected at most {LONGEST_REASON}")
    if not 1 <= len(by) <= 200 or not by.isprintable():
        raise WrongUse(f"--by is {by[:50]!r}; expected 1 to 200 printable characters")


def _show_unconfirmed(found: Sequence[Unsettled], json: bool) -> None:
    if json:
        print_json([msgspec.to_builtins(email) for email in found])
        return
    if not found:
        say("nothing is unconfirmed")
        return
    rows = [
        [
            email.run,
            email.user_id,
            email.reason,
            f"{email.since:%Y-%m-%d %H:%M}",
            f"{email.asked_at:%Y-%m-%d %H:%M}, not there" if email.asked_at else "not yet",
        ]
        for email in found[:SHOWN]
    ]
    print_table(
        f"{len(found):,} unconfirmed", ["run", "user", "why", "planned", "searched in records"], rows, numbers_from=9
    )
    if len(found) > SHOWN:
        say(f"... and {len(found) - SHOWN:,} more; --json lists all")
    say("Look them up at the provider, then: cutover unconfirmed RUN --user ID --mark-sent | --release --why TEXT")


def deadletters(
    run: Annotated[str | None, typer.Argument(help="A week such as 2026-W47. Default: all runs.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only those whose reason contains this.")] = None,
    users: UsersOption = None,
    replay_them: Annotated[bool, typer.Option("--replay", help="Send them again.")] = False,
    why: Annotated[str, typer.Option(help="What was mended; it goes into the log.")] = "sent again",
    by: ByOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """E-mails that failed for good, grouped by what the provider said; look at them, mend the cause, replay them.

    Example: cutover deadletters 2026-W47 --reason "valid address" --replay --dry-run
    """
    who = by or getpass.getuser()
    if replay_them and run is None:
        raise WrongUse("name the run whose e-mails are to be sent again: each week has some of its own")
    if replay_them:
        _check_decision(who, why, "say with --why what was mended")
    with connected(database=database) as system:
        with system.engine.connect() as connection:
            found = dead_letters(connection, run=run, reason=reason, user_ids=users or ())
        if not replay_them or dry_run or not found:
            _show_dead_letters(found, json)
            return
        count = sum(len(letters.user_ids) for letters in found)
        if not yes:
            typer.confirm(f"Send {count:,} e-mails again?", abort=True)
        with system.engine.begin() as connection:
            done = sum(replay(connection, letters, by=who, why=why) for letters in found)
            for name in {letters.run for letters in found}:
                campaigns.extend(connection, name, system.delivery.within)
    print_json({"replayed": done}) if json else say(f"{done:,} e-mails are planned again")


def _show_dead_letters(found: Sequence[DeadLetters], json: bool) -> None:
    if json:
        print_json([msgspec.to_builtins(letters) for letters in found])
        return
    if not found:
        say("no dead letters")
        return
    rows = [
        [letters.run, letters.reason, f"{len(letters.user_ids):,}", ", ".join(letters.user_ids[:5])]
        for letters in found[:SHOWN]
    ]
    print_table("Dead letters", ["run", "reason", "e-mails", "users"], rows, numbers_from=9)
