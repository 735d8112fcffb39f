"""The books of a run, for a person and as data."""

from datetime import datetime

import msgspec
from rich.text import Text

from console.screen import out, print_table
from handlers.delivery.books import Books

NAMES = {
    "accepted": "accepted by the provider",
    "failed": "failed for good",
    "suppressed": "suppressed",
    "unconfirmed": "unconfirmed",
    "planned": "still to be sent",
    "sending": "in flight",
}


def as_data(books: Books, now: datetime) -> dict[str, object]:
    """Everything about the books, with the estimate of their end."""
    finish = books.finish(now)
    data: dict[str, object] = msgspec.to_builtins(books)
    return {
        **data,
        "total": books.total,
        "open": books.open,
        "finish": finish.isoformat() if finish else None,
        "line": one_line(books, now),
    }


def one_line(books: Books, now: datetime) -> str:
    """How far the run has got, in one line."""
    done = books.total - books.open
    pace = f", {books.pace:.0f}/s" if books.pace and books.open else ""
    finish = books.finish(now)
    end = f", done at {finish:%H:%M:%S}" if finish else ""
    paused = f", PAUSED by {books.paused_by}" if books.paused_at else ""
    if books.open and books.send_by and not books.paused_at:
        end += f", given up at {books.send_by:%Y-%m-%d %H:%M} UTC"
    return f"{books.run}: {done:,} of {books.total:,} settled{pace}{end}{paused}"


def told_in_one_line(books: Books) -> str:
    """What became of a run's e-mails, in one line."""
    counts = {**{NAMES[state]: count for state, count in books.states.items()}, **books.news}
    shown = [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count]
    return f"{books.run}: " + ", ".join(shown)


def show_books(books: Books, now: datetime) -> None:
    """The books for a person."""
    out.print(Text(one_line(books, now), style="bold"))
    out.print()
    rows = []
    for state, name in NAMES.items():
        if count := books.states[state]:
            rows.append([name, f"{count:,}"])
            rows += [[f"    {reason}", f"{rows_:,}"] for reason, rows_ in books.reasons.get(state, {}).items()]
    rows.append(["together", f"{books.total:,}"])
    print_table("", ["e-mails", ""], rows)
    told = {name.replace("_", " "): count for name, count in books.news.items() if count}
    if told:
        out.print("\nThe provider tells: " + ", ".join(f"{name} {count:,}" for name, count in told.items()))
