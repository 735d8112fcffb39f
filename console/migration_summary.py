"""A rehearsed migration, told to a person and as data."""

import msgspec
import typer

from console.migration_rehearsal import Migrated, Moved
from console.screen import print_table, say

PATHS = ("legacy", "event_driven")


def show_migration(found: Migrated) -> None:
    """What happened, move by move and week by week."""
    print_table(
        "Moves", ["on", "from", "to", "on the evidence of", "signed by"], list(map(_move, found.moves)), numbers_from=9
    )
    typer.echo()
    rows = [[run, *(f"{paths.get(path, 0):,}" for path in PATHS)] for run, paths in found.sent.items()]
    print_table("E-mails accepted by the provider", ["run", "legacy", "event-driven"], rows)
    if found.drill:
        typer.echo(f"\nRollback drill {'passed' if found.drill.passed else 'FAILED'}: {found.drill.why}.")
    if found.held_back:
        typer.echo("\nHELD BACK: " + "; ".join(f"{g.name} is {g.figure}, limit {g.limit}" for g in found.held_back))
    else:
        typer.echo("\nGOOD: from legacy to retired, every move on a signed report.")
    typer.echo(f"The provider accepted no e-mail more than {'once' if found.most <= 1 else f'{found.most} times'}.")
    say("Look at it: cutover stage --database cutover_migration")
    typer.echo(
        f"{found.rehearsed.events:,} events in {found.rehearsed.seconds:.0f} s. Report: {found.rehearsed.report}"
    )


def migration_as_data(found: Migrated) -> dict[str, object]:
    """The same, for programs."""
    return {
        "moves": [
            {
                "at": each.at.isoformat(),
                "from": str(each.move.here),
                "to": str(each.move.there),
                "report": each.move.judgement.report if each.move.judgement else "",
                "gates": msgspec.to_builtins(each.move.gates),
                "signed_by": each.signed_by,
            }
            for each in found.moves
        ],
        "sent": {run: dict(paths) for run, paths in found.sent.items()},
        "accepted_most_often": found.most,
        "drill": msgspec.to_builtins(found.drill),
        "held_back": msgspec.to_builtins(found.held_back),
        "mismatch": sum(totals.mismatch for totals in found.rehearsed.totals),
        "events": found.rehearsed.events,
        "seconds": round(found.rehearsed.seconds, 1),
        "report": str(found.rehearsed.report),
    }


def _move(moved: Moved) -> list[str]:
    judged = moved.move.judgement
    evidence = f"days: {judged.days}, pairs: {judged.pairs:,}, mismatches: {judged.mismatches:,}" if judged else ""
    return [
        f"{moved.at:%a %Y-%m-%d}",
        str(moved.move.here),
        str(moved.move.there),
        evidence,
        ", ".join(moved.signed_by),
    ]
