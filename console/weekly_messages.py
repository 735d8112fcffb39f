"""The messages of the weekly e-mails, put together when they are sent: content as recorded, address as it is now."""

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote
from uuid import uuid4

import sqlalchemy as sa

from handlers.composition import SHOP
from handlers.delivery.ledger import Claim
from handlers.delivery.message import Message
from shadow.outcome import unpack

Link = Callable[[str], str]
"""A user's own unsubscribe link."""


class WeeklyMessages:
    """Reads what the gate recorded, and the shop's users. Both paths' e-mails get the user's signed unsubscribe link.

    The rule's plain link is in what both paths compose, so that they can be compared; nobody is ever sent it.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    def __call__(self, connection: sa.Connection, claims: Sequence[Claim]) -> Mapping[str, Message]:
        """The messages by send id; without those of users whom the shop does not know any more."""
        rows = connection.execute(
            _RECORDED,
            {
                "runs": [claim.run for claim in claims],
                "paths": [claim.path for claim in claims],
                "user_ids": [claim.user_id for claim in claims],
                "send_ids": [claim.send_id for claim in claims],
            },
        )
        return {row.send_id: self._message(row) for row in rows}

    def sample(self, connection: sa.Connection, run: str, path: str, limit: int) -> list[Message]:
        """Up to `limit` messages a path would send in a run, whoever owns the users, chosen at random."""
        parameters = {"run": run, "path": path, "limit": limit}
        units = connection.scalars(_SAMPLE, parameters).all()
        claims = [Claim(run=run, user_id=unit, path=path, send_id=uuid4().hex, attempt=0) for unit in units]
        return list(self(connection, claims).values())

    def _message(self, row: "sa.Row[tuple[str, str, str, str, str, bytes]]") -> Message:
        fields = unpack(row.content)
        url = self._link(row.user_id)
        plain = f"{SHOP}/unsubscribe?user={quote(row.user_id, safe='')}"
        return Message(
            send_id=row.send_id,
            run=row.run,
            address=row.email,
            name=row.name,
            subject=str(fields["subject"]),
            html=str(fields["html"]).replace(plain, url),
            text=str(fields["text"]).replace(plain, url),
            unsubscribe_url=url,
        )


_SAMPLE = sa.text("""
    SELECT unit FROM cutover.outcomes WHERE run = :run AND path = :path AND decision = 'send'
    ORDER BY random() LIMIT :limit
""")

_RECORDED = sa.text("""
    SELECT claimed.send_id, claimed.run, claimed.user_id, u.name, u.email, o.content
    FROM unnest(CAST(:runs AS text[]), CAST(:paths AS text[]), CAST(:user_ids AS text[]), CAST(:send_ids AS text[]))
        AS claimed (run, path, user_id, send_id)
    JOIN cutover.outcomes o ON o.run = claimed.run AND o.path = claimed.path AND o.unit = claimed.user_id
    JOIN shop.users u ON u.user_id = claimed.user_id
""")
