"""`people`: who may look, operate and approve; and their tokens, each shown once."""

import getpass
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from console.commands.options import DatabaseOption, JsonOption, WhyOption, YesOption
from console.connected import connected
from console.deciding import caught_up, check_why, confirm, deciding, tell, token
from console.failures import WrongUse
from console.screen import print_json, print_table, say
from events import RoleGranted, RoleRevoked
from shadow.history import Migration
from shadow.people import ROLES, authenticated, has_approver
from shadow.signing import new_token, public_key

people = typer.Typer(
    no_args_is_help=True,
    help="Who may decide on the migration: viewers, operators, approvers. Each has a token, which is shown once.",
)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(people, name="people")


@people.command()
def add(
    name: Annotated[str, typer.Argument(help="What the log will call this person.")],
    role: Annotated[str, typer.Option(help="viewer, operator (moves, pauses, rolls back) or approver (signs, too).")],
    why: WhyOption = "",
    recover: Annotated[
        bool, typer.Option("--recover", help="No approver has a token any more: do without, which the log will say.")
    ] = False,
    json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """Give somebody a role, or another one, and print their new token once; an earlier token of theirs ends.

    The first approver is added by whoever has the database. From then on this takes an approver's token.
    """
    check_why(why)
    if role not in ROLES:
        raise WrongUse(f"--role is {role!r}; expected one of: {', '.join(ROLES)}")
    new = new_token()
    with connected(prepare=True, database=database) as system:
        secret = token() if has_approver(caught_up(system).people) and not recover else None
        with deciding(system) as found:
            granted = RoleGranted(
                person=name,
                role=role,
                public_key=public_key(new),
                by=_granter(found, secret, recover=recover),
                why=why,
                occurred_at=datetime.now(UTC),
            )
            tell(system, granted)
    if json:
        print_json({"person": name, "role": role, "token": new})
        return
    say(f"{name} is {role}. Their token is shown this once, and kept nowhere: hand it over in a safe way.")
    typer.echo(new)


@people.command("list")
def list_people(json: JsonOption = False, database: DatabaseOption = None) -> None:
    """Everybody who has a role, with the public key of their token."""
    with connected(prepare=True, database=database) as system:
        members = sorted(caught_up(system).people.values(), key=lambda each: each.person)
    if json:
        print_json(msgspec.to_builtins(members))
    elif not members:
        say("nobody has a role yet; begin with: cutover people add NAME --role approver --why ...")
    else:
        rows = [[each.person, each.role, each.key[:16], f"{each.position}"] for each in members]
        print_table("", ["person", "role", "public key", "since position"], rows, numbers_from=3)


@people.command()
def remove(
    name: Annotated[str, typer.Argument(help="The person.")],
    why: WhyOption = "",
    yes: YesOption = False,
    json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """Take somebody's role; their token ends, and what they signed for a move still to be made does not count."""
    check_why(why)
    with connected(prepare=True, database=database) as system:
        secret, found = token(), caught_up(system)
        _remover(found, name, secret)
        confirm(f"Take the role of {found.people[name].role} from {name}?", yes=yes)
        with deciding(system) as found:
            by = _remover(found, name, secret)
            tell(system, RoleRevoked(person=name, by=by, why=why, occurred_at=datetime.now(UTC)))
    print_json({"removed": name}) if json else say(f"{name} has no role any more.")


def _remover(found: Migration, name: str, secret: str) -> str:
    if name not in found.people:
        raise WrongUse(f"{name!r} has no role; see `cutover people list`")
    return authenticated(found.people, secret, "approver").person


def _granter(found: Migration, secret: str | None, *, recover: bool) -> str:
    if has_approver(found.people) and not recover:
        return authenticated(found.people, secret or "", "approver").person
    return f"{getpass.getuser()}, without a token"
