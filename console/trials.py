"""Trials on a screen: whose outcome a replay gives with one suspect changed at a time."""

from collections.abc import Sequence

import msgspec
import typer

from console.failures import Exit
from console.screen import print_json, print_table
from reconcile import UnitEvidence
from reconcile.trial import Trial
from shadow.outcome import Outcome


def show_trials(unit: UnitEvidence, tried: Sequence[Trial], *, json: bool) -> Exit:
    """Print what was tried; GOOD if the rule gives both outcomes, or some suspect gives what the rule does not."""
    departing = {"legacy", "event_driven"} - set(tried[0].brings_about) if tried else set()
    explained = {path for trial in tried[1:] for path in trial.brings_about}
    if json:
        print_json([msgspec.to_builtins(trial) for trial in tried])
    else:
        _show(unit, tried, sorted(departing))
    return Exit.GOOD if departing <= explained else Exit.NO


def _show(unit: UnitEvidence, tried: Sequence[Trial], departing: Sequence[str]) -> None:
    rows = [
        [
            trial.suspect.name if trial.suspect else "(the rule)",
            "yes" if "legacy" in trial.brings_about else "",
            "yes" if "event_driven" in trial.brings_about else "",
            _listed(trial.outcome),
            trial.suspect.says if trial.suspect else "what the log and the rule give",
        ]
        for trial in tried
    ]
    typer.echo(f"User {unit.unit}, replayed from the log. Whose recorded outcome does it give?\n")
    print_table("", ["suspect", "legacy", "event-driven", "outcome", "what is changed"], rows, numbers_from=9)
    found = {path: [t for t in tried[1:] if t.suspect and path in t.brings_about] for path in departing}
    for path, those in found.items():
        what = (
            "; or: ".join(trial.suspect.says for trial in those if trial.suspect)
            or "nothing that was tried explains it"
        )
        typer.echo(f"\nThe {path.replace('_', '-')} path departs from the rule: {what}.")
    if not departing:
        typer.echo("\nBoth paths did what the rule says.")


def _listed(outcome: Outcome | None) -> str:
    """The outcome in a few words: its members' ids, or why there is nothing."""
    if outcome is None:
        return "none"
    items = outcome.fields.get("items")
    if not isinstance(items, list):
        return f"{outcome.decision} ({outcome.reason})" if outcome.reason else outcome.decision
    return " ".join(str(item.get("product_id")) for item in items if isinstance(item, dict))
