"""The balance sheet for a person, and as data."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from console.screen import out, print_json, print_table
from tests.chaos.storm_and_sheet import Sheet
from tests.chaos.vitals import Struck
from tests.end_to_end.balance import FINAL

_SHOWN = 40


def show(sheet: Sheet) -> None:
    """Tables, then the verdict, on stdout."""
    rows = [
        [*key, str(len(struck)), f"{_longest(_held(struck)):.1f}", f"{_longest(_recoveries(struck)):.1f}"]
        for key, struck in sorted(_by_blow(sheet.fell).items())
    ]
    columns = ["who", "what", "times", "longest held down, s", "longest until well, s"]
    print_table("The blows", columns, rows, numbers_from=2)
    out.print()
    titles = ["run", "planned", *FINAL, "accepted by the provider", "most for one user"]
    print_table("The books", titles, [_line(books) for books in _runs(sheet)])
    out.print()
    out.print(_load(sheet), markup=False)
    for problem in sheet.wrong[:_SHOWN]:
        out.print(f"WRONG: {problem}", markup=False)
    if len(sheet.wrong) > _SHOWN:
        out.print(f"WRONG: and {len(sheet.wrong) - _SHOWN} more; --json has them all", markup=False)
    out.print(verdict(sheet), markup=False)


def verdict(sheet: Sheet) -> str:
    """In one line."""
    if sheet.wrong:
        return f"BAD: {len(sheet.wrong)} things do not hold. The seed was {sheet.plan.seed}."
    return (
        f"GOOD: {len(sheet.fell)} blows, and planned = accepted + failed + suppressed + unconfirmed; nobody got two "
        "e-mails in a week; ledger = log; no fact is lost or told twice; lists are as from nothing; nothing lags."
    )


def print_data(sheet: Sheet) -> None:
    """Everything as JSON on stdout."""
    print_json(
        {
            "good": not sheet.wrong,
            "wrong": sheet.wrong,
            "plan": asdict(sheet.plan),
            "storm_seconds": round(sheet.storm_seconds, 1),
            "healing_seconds": round(sheet.healing_seconds, 1),
            "blows": [
                {"who": who, "what": what, "times": len(struck)}
                | {"longest_held_seconds": round(_longest(_held(struck)), 2)}
                | {"longest_recovery_seconds": round(_longest(_recoveries(struck)), 2)}
                for (who, what), struck in sorted(_by_blow(sheet.fell).items())
            ],
            "blows_that_missed": sheet.missed,
            "runs": [
                {**books, "balanced": each.balanced} for books, each in zip(_runs(sheet), sheet.runs, strict=True)
            ],
            "events": sheet.events,
            "facts": sheet.facts,
            "steps": sheet.steps,
            "failures": sheet.failures,
            "processes_started_again": sheet.ended,
        }
    )


def _load(sheet: Sheet) -> str:
    facts, failures = sheet.facts, sheet.failures
    return (
        f"{sheet.storm_seconds:.0f} s of storm, {sheet.healing_seconds:.0f} s until all was at its end; "
        f"{len(sheet.fell)} blows fell, {sheet.missed} found nobody; "
        f"{sheet.ended.total()} processes started again.\n"
        f"{sheet.events:,} events: {facts['OrderPlaced']:,} orders, {facts['UserUnsubscribed']:,} unsubscribed, "
        f"{facts['EmailAccepted']:,} accepted, {facts['EmailUnconfirmed']:,} unconfirmed at some time, "
        f"{facts['EmailDelivered']:,} delivered.\n"
        f"{failures['orders']:,} orders and {failures['minds']:,} clicks ended in an error for the customer."
    )


def _runs(sheet: Sheet) -> list[dict[str, object]]:
    return [
        {"run": books.run, "planned": books.planned}
        | {state: books.states.get(state, 0) for state in FINAL}
        | {"accepted_by_provider": books.accepted_by_provider, "most_for_one_user": books.most_for_one_user}
        for books in sheet.runs
    ]


def _line(books: Mapping[str, object]) -> list[str]:
    return [str(value) for value in books.values()]


def _by_blow(fell: Sequence[Struck]) -> Mapping[tuple[str, str], list[Struck]]:
    found: dict[tuple[str, str], list[Struck]] = defaultdict(list)
    for struck in fell:
        found[struck.blow.target, struck.blow.kind].append(struck)
    return found


def _held(struck: Sequence[Struck]) -> list[float]:
    return [each.over - each.began for each in struck if each.over is not None]


def _recoveries(struck: Sequence[Struck]) -> list[float]:
    return [each.recovery for each in struck if each.recovery is not None]


def _longest(seconds: Sequence[float]) -> float:
    return max(seconds, default=0.0)
