"""What the stand-in took over: every acceptance in columns, and how many of them fell into one second.

A million acceptances take about 300 MB: strings and numbers in columns, no object a mail. Only the newest requests are
held in full.
"""

import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.sendgrid.course import Course, course
from sandbox.sendgrid.journal import Entry, Journal
from sandbox.sendgrid.kept import Kept
from sandbox.sendgrid.mail import Submission
from sandbox.sendgrid.message_id import MessageIds
from sandbox.sendgrid.quota import SlidingWindow


@dataclass(frozen=True, slots=True)
class Envelope:
    """What many mails have in common; held once."""

    sender: str
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """One mail to one recipient that was taken over. `at` is in monotonic seconds, `wall` in epoch seconds."""

    index: int
    ordinal: int
    message_id: str
    sg_message_id: str
    send_id: str
    address: str
    subject: str
    envelope: Envelope
    at: float
    wall: float

    @property
    def course(self) -> Course:
        """What becomes of it."""
        return course(self.address)


class Acceptances:
    """All that was accepted since the start or since it was emptied. `window` is how many seconds a second takes.

    A `journal` takes it down besides, and is never emptied.
    """

    def __init__(self, *, window: float, keep: int, journal: Journal | None = None) -> None:
        self._journal = journal
        self._window_length = window
        self._wall_offset = time.time() - time.monotonic()
        self.kept = Kept(keep)
        self.empty()

    def empty(self) -> None:
        """Forget everything; ids given out before are not found any more."""
        self.kept.empty()
        self._ids = MessageIds()
        self._window = SlidingWindow(self._window_length)
        self._times = array("d")
        self._ordinals = array("H")
        self._send_ids: list[str] = []
        self._addresses: list[str] = []
        self._subjects: list[str] = []
        self._envelopes: list[Envelope] = []
        self._shared: dict[Envelope, Envelope] = {}
        self._seen: set[str] = set()
        self.repeated: dict[str, int] = {}
        self.dropped: list[str] = []
        self.errored: list[str] = []

    def __len__(self) -> int:
        return len(self._times)

    def add(self, submission: Submission, body: bytes, now: float) -> range:
        """Take a request over; returns the indexes of its mails, one for every recipient."""
        first = len(self)
        envelope = self._envelope(submission)
        if self._journal is not None:
            self._journal.add(
                Entry(now + self._wall_offset, mail.send_id, mail.to.email, envelope.categories)
                for mail in submission.addressed
            )
        for ordinal, mail in enumerate(submission.addressed):
            send_id = mail.send_id
            self._times.append(now)
            self._ordinals.append(ordinal)
            self._send_ids.append(send_id)
            self._addresses.append(mail.to.email)
            self._subjects.append(mail.subject)
            self._envelopes.append(envelope)
            self._window.add(now)
            if send_id:
                self._count(send_id)
        self.kept.add(first, body)
        return range(first, len(self))

    def message_id(self, first: int) -> str:
        """The id of the request whose first mail has this index."""
        return self._ids.request(first)

    def __getitem__(self, index: int) -> Acceptance:
        """The acceptance with this index. Raises IndexError if there is none."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        at, ordinal = self._times[index], self._ordinals[index]
        return Acceptance(
            index=index,
            ordinal=ordinal,
            message_id=self._ids.request(index - ordinal),
            sg_message_id=self._ids.message(index - ordinal, ordinal),
            send_id=self._send_ids[index],
            address=self._addresses[index],
            subject=self._subjects[index],
            envelope=self._envelopes[index],
            at=at,
            wall=at + self._wall_offset,
        )

    def find(self, message_id: str) -> Acceptance | None:
        """The mail of this `sg_message_id`, or the first of the request with this `X-Message-Id`; None if unknown."""
        first = self._ids.first(message_id)
        if first is None:
            return None
        ordinal = message_id.rpartition(".")[2]
        index = first + (int(ordinal) if "." in message_id and ordinal.isdecimal() else 0)
        if index >= len(self):
            return None
        found = self[index]
        return found if message_id in (found.sg_message_id, found.message_id) else None

    def between(self, after: float, before: float) -> range:
        """The indexes of what was accepted from `after` to `before`, both monotonic and included."""
        return range(bisect_left(self._times, after), bisect_right(self._times, before))

    def monotonic(self, wall: float) -> float:
        """The monotonic time of a time of day in epoch seconds."""
        return wall - self._wall_offset

    def to_address(self, address: str, within: range) -> Iterator[int]:
        """The indexes of the mails to exactly this address, the oldest first."""
        start = within.start
        while start < within.stop:
            try:
                start = self._addresses.index(address, start, within.stop)
            except ValueError:
                return
            yield start
            start += 1

    def matching(self, words: str, within: range) -> Iterator[int]:
        """The indexes of the mails with these words in address or subject, the newest first."""
        folded = words.casefold()
        for index in reversed(within):
            if folded in self._addresses[index].casefold() or folded in self._subjects[index].casefold():
                yield index

    def listed(self, after: int, limit: int) -> list[tuple[str, str, str, float]]:
        """Send id, address, message id and time of up to `limit` acceptances, leaving out the first `after`."""
        indexes = range(after, min(after + limit, len(self)))
        return [
            (self._send_ids[i], self._addresses[i], self.message_id(i - self._ordinals[i]), self._times[i])
            for i in indexes
        ]

    def counts(self) -> dict[str, object]:
        """The figures."""
        return {
            "accepted": len(self),
            "per_send_id_max": max(self.repeated.values(), default=1 if self._seen else 0),
            "duplicates": list(self.repeated)[:100],
            "max_in_any_second": self._window.most,
            "first_at": self._times[0] if self._times else None,
            "last_at": self._times[-1] if self._times else None,
            "dropped_after_accept": self.dropped,
            "errored_after_accept": self.errored,
        }

    def _envelope(self, submission: Submission) -> Envelope:
        envelope = Envelope(submission.sender.email, submission.categories)
        return self._shared.setdefault(envelope, envelope)

    def _count(self, send_id: str) -> None:
        if send_id in self._seen:
            self.repeated[send_id] = self.repeated.get(send_id, 1) + 1
        else:
            self._seen.add(send_id)
