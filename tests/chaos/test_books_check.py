"""The balance sheet notices: books that are right pass, and each thing that can be wrong with them is named."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sandbox.sendgrid.journal import Entry
from tests.chaos.arena import Arena
from tests.chaos.books_check import BooksCheck

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
RUN = "2026-W47"


class Books:
    """Two users of one run: one was sent an e-mail, one wants none."""

    def __init__(self) -> None:
        self.users = {"ann": "ann@example.com", "ben": "ben@example.com"}
        self.rows = [self.row("ann", "accepted", "http_202"), self.row("ben", "suppressed", reason="unsubscribed")]
        self.journal = [self.entry("ann")]
        self.told = [(row.user_id, row.state, row.evidence, row.reason) for row in self.rows]

    def row(self, user: str, state: str, evidence: str | None = None, reason: str | None = None) -> SimpleNamespace:
        return SimpleNamespace(
            run=RUN, user_id=user, send_id=f"id-{user}", state=state, evidence=evidence, reason=reason, changed_at=AT
        )

    def entry(self, user: str, address: str = "") -> Entry:
        return Entry(AT.timestamp(), f"id-{user}", address or self.users[user], (RUN,))

    def become(self, user: str, state: str, **changes: str | None) -> None:
        """In the ledger and in the log alike."""
        self.rows = [row for row in self.rows if row.user_id != user] + [self.row(user, state, **changes)]
        self.told = [(row.user_id, row.state, row.evidence, row.reason) for row in self.rows]

    def checked(self) -> list[str]:
        arena = SimpleNamespace(shop=SimpleNamespace(rows=self._answer), accepted=lambda: self.journal)
        return BooksCheck(cast("Arena", arena), [RUN], []).wrong

    def _answer(self, statement: str, **_: object) -> list[Any]:
        if "send_ledger" in statement:
            return list(self.rows)
        if "shop.users" in statement:
            return [SimpleNamespace(user_id=user, email=email) for user, email in self.users.items()]
        return [
            SimpleNamespace(
                type=f"Email{state.capitalize()}",
                data={"run": RUN, "user_id": user, "evidence": evidence, "reason": reason},
            )
            for user, state, evidence, reason in self.told
        ]


def sent_twice(books: Books) -> None:
    books.journal.append(books.entry("ann"))


def sent_to_another(books: Books) -> None:
    books.journal = [books.entry("ann", "ben@example.com")]


def vanished(books: Books) -> None:
    books.rows.pop()


def never_finished(books: Books) -> None:
    books.become("ben", "planned")


def accepted_and_never_sent(books: Books) -> None:
    books.journal = []


def sent_and_suppressed(books: Books) -> None:
    books.journal.append(books.entry("ben"))


def in_no_books(books: Books) -> None:
    books.users["cat"] = "cat@example.com"
    books.journal.append(books.entry("cat"))


def not_told(books: Books) -> None:
    books.told.pop()


def told_otherwise(books: Books) -> None:
    books.told[0] = ("ann", "failed", None, "http_400")


def failed(books: Books) -> None:
    books.become("ben", "failed", reason="http_400")


def unconfirmed_without_a_blow(books: Books) -> None:
    books.become("ben", "unconfirmed", reason="timeout")


def test_books_that_are_right_pass() -> None:
    assert Books().checked() == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (sent_twice, "I2: run 2026-W47: the provider accepted 2 e-mails for one user"),
        (sent_to_another, "I2: what was accepted for 2026-W47/ann was another's"),
        (vanished, "I3: run 2026-W47 planned 1 e-mails for 2 users"),
        (never_finished, "I3: run 2026-W47 does not balance"),
        (accepted_and_never_sent, "I3: 2026-W47/ann is accepted (evidence http_202), and the provider never did"),
        (sent_and_suppressed, "I3: the provider accepted 2026-W47/ben, which is suppressed"),
        (in_no_books, "I3: the provider accepted id-cat, which is in no books"),
        (not_told, "I3: the log tells None of 2026-W47/ben"),
        (told_otherwise, "I3: the log tells ('failed', None, 'http_400') of 2026-W47/ann"),
        (failed, "1 e-mails failed, and the provider refused none"),
        (unconfirmed_without_a_blow, "2026-W47/ben is unconfirmed (timeout), and nothing was cut off"),
    ],
)
def test_what_is_wrong_with_them_is_named(spoil: Callable[[Books], None], said: str) -> None:
    books = Books()
    spoil(books)
    assert any(said in wrong for wrong in books.checked()), books.checked()
