"""`explain`: one pair of outcomes, side by side, what the verdict on it rests on, and how its cause is reproduced."""

import difflib
from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from console.commands.options import DatabaseOption, JsonOption
from console.connected import connected
from console.failures import Exit, WrongUse
from console.screen import print_json, print_table
from console.trials import show_trials
from console.weekly_job import plan_in
from reconcile import ReconciliationPlan, UnitEvidence, unit_evidence
from reconcile.errors import NotReconciled
from reconcile.evidence import reconciled
from reconcile.replay import Suspect
from reconcile.trial import trials
from shadow.outcome import Fields
from shadow.schedule import scheduled_at

if TYPE_CHECKING:
    from sqlalchemy import Connection


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(explain)


def explain(
    run: Annotated[str, typer.Argument(help="A week such as 2026-W47, or a date such as 2026-11-20.")],
    user: Annotated[str, typer.Argument(help="The user's id.")],
    suspect: Annotated[
        str | None,
        typer.Option(
            help="Replay the user from the log with this one thing changed, and see whose outcome that gives; "
            "'all' tries everything, 'list' says what there is."
        ),
    ] = None,
    json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """Why the two paths agree or differ on one user of a run that was reconciled.

    Exit code 1 when they differ, 3 when they could not be judged. With --suspect: 1 when no replay gives what a path
    recorded against the rule.
    """
    plan = plan_in(database)
    if suspect == "list":
        _list_suspects(plan, json=json)
        return
    scheduled_at(run)  # or it is no run at all
    with connected(database=database) as system, system.engine.connect() as connection:
        _check_reconciled(connection, run, database)
        found = unit_evidence(connection, run, [user], plan)
        if not found:
            raise WrongUse(f"neither path recorded an outcome for user {user!r} in run {run!r}")
        if suspect is not None:
            tried = list(trials(connection, run, user, plan, _suspects(plan, suspect)))
            raise typer.Exit(show_trials(found[0], tried, json=json))
    if json:
        print_json(msgspec.to_builtins(found[0]))
    else:
        _show(plan, run, found[0])
    raise typer.Exit({"mismatch": Exit.NO, "incomplete": Exit.INCOMPLETE}.get(found[0].verdict, Exit.GOOD))


def _check_reconciled(connection: "Connection", run: str, database: str | None) -> None:
    try:
        reconciled(connection, run)
    except NotReconciled as problem:
        if database is not None:
            raise
        raise WrongUse(
            f"{problem} What a rehearsal left is asked for with --database cutover_rehearsal, what the demo left with "
            "--database cutover_demo."
        ) from problem


def _suspects(plan: ReconciliationPlan, name: str) -> Sequence[Suspect]:
    known = plan.replayer.suspects if plan.replayer else ()
    chosen = known if name == "all" else [each for each in known if each.name == name]
    if not chosen:
        names = ", ".join(dict.fromkeys(each.name for each in known))
        raise WrongUse(f"unknown suspect {name!r}; expected 'all' or one of: {names}")
    return chosen


def _list_suspects(plan: ReconciliationPlan, *, json: bool) -> None:
    known = plan.replayer.suspects if plan.replayer else ()
    if json:
        print_json([{"name": each.name, "says": each.says} for each in known])
    else:
        print_table(
            "", ["suspect", "what it says of a path"], [[each.name, each.says] for each in known], numbers_from=9
        )


def _show(plan: ReconciliationPlan, run: str, unit: UnitEvidence) -> None:
    where = f" in {', '.join(unit.fields)}" if unit.fields and unit.fields != (unit.kind,) else ""
    kind = f", {unit.kind.replace('_', ' ')}{where}" if unit.kind else ""
    because = f" by {unit.because}" if unit.because in ("timing", "noise") else ""
    typer.echo(f"Run {run}, user {unit.unit}: {unit.verdict}{because}{kind}")
    if unit.accepted:
        typer.echo(f"  accepted by the policy: {unit.accepted}")
    for finding in unit.findings:
        typer.echo(f"  {finding.sentence()}")
        if finding.explains:
            command = plan.reproduce.format(run=quote(run), unit=quote(unit.unit), suspect=quote(finding.suspect))
            typer.echo(f"    reproduce: {command}")
    for cause in unit.causes.events:
        typer.echo(f"  behind the barrier, but seen by the legacy path: {cause.id}")
    if unit.causes.uncovered:
        typer.echo(f"  no late event accounts for the input: {', '.join(unit.causes.uncovered)}")
    sides = [unit.pair.legacy, unit.pair.event_driven]
    rows = [
        ["decision", *(_decision(side.decision, side.reason) if side else "no outcome" for side in sides)],
        *([name, *(side.inputs.get(name, "-") if side else "-" for side in sides)] for name in _inputs(unit)),
    ]
    typer.echo()
    print_table("", ["", "legacy", "event_driven"], rows, numbers_from=9)
    for field in [difference.field for difference in unit.differences] or list(unit.compared[0]):
        typer.echo(f"\n{field}")
        typer.echo("\n".join(_compared(field, *unit.compared)))


def _decision(decision: str, reason: str | None) -> str:
    return f"{decision} ({reason})" if reason else decision


def _inputs(unit: UnitEvidence) -> list[str]:
    sides = (unit.pair.legacy, unit.pair.event_driven)
    return sorted({f"{name}" for side in sides if side for name in side.inputs})


def _compared(field: str, legacy: Fields, event_driven: Fields) -> list[str]:
    """The field line by line: `-` only legacy, `+` only event-driven, nothing: both."""
    one, other = _lines(legacy.get(field)), _lines(event_driven.get(field))
    return [line for line in difflib.ndiff(one, other) if not line.startswith("?")]


def _lines(value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list):
        return [f"{rank}. {_one_line(item)}" for rank, item in enumerate(value, 1)]
    return str(value).replace("><", ">\n<").splitlines()


def _one_line(item: object) -> str:
    return "  ".join(str(value) for value in item.values()) if isinstance(item, dict) else str(item)
