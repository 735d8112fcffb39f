"""The stand-in as an operator sees it: its faults, its counts, and the mails it took over."""

import json
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from console.stand_in import StandIn


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One mail that was accepted."""

    send_id: str
    address: str
    message_id: str


class StandInClient:
    """Talks to the port that stays open in an outage."""

    def __init__(self, mailbox: StandIn) -> None:
        self._control: str = json.loads(mailbox.announcement.read_text())["control"]

    def misbehave(self, **faults: object) -> None:
        """Set these faults; others stay."""
        self._ask("PUT", "/control", faults)

    def behave(self) -> None:
        """End all faults."""
        self._ask("DELETE", "/control")

    def counts(self) -> dict[str, Any]:
        """The figures."""
        found: dict[str, Any] = json.loads(self._ask("GET", "/counts"))
        return found

    def hits(self, fault: str) -> int:
        """How often a fault has hit since the last time all were ended."""
        found: int = json.loads(self._ask("GET", "/control"))[fault]["hits"]
        return found

    def accepted(self) -> list[Mail]:
        """Every mail that was accepted, in that order."""
        rows = json.loads(self._ask("GET", "/accepted?limit=100000"))
        return [Mail(send_id=row[0], address=row[1], message_id=row[2]) for row in rows]

    def without_answer(self) -> set[str]:
        """The send ids of mails that were accepted and whose sender was not told."""
        counts = self.counts()
        return {*counts["dropped_after_accept"], *counts["errored_after_accept"]}

    def page(self, message_id: str) -> str:
        """The mailbox page that shows a mail."""
        return self._ask("GET", f"/mailbox/{message_id}")

    def _ask(self, method: str, path: str, content: object = None) -> str:
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(f"{self._control}{path}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text: str = answer.read().decode()
        return text


def send_ids(mails: Iterable[Mail]) -> set[str]:
    """Their send ids."""
    return {mail.send_id for mail in mails}
