"""Rows of the send ledger, news about them as SendGrid writes it, and the key it is signed with."""

import base64
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from handlers.delivery.ledger import claim, plan, settle
from handlers.delivery.settlement import Settlement
from handlers.tracking import SIGNATURE_HEADER, TIMESTAMP_HEADER

RUN = "2026-W47"
AT = 1_795_424_400  # 2026-11-23 09:00 UTC


class Provider:
    """Holds a key and signs as SendGrid does."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        spki = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public_key = base64.b64encode(spki).decode()

    def sign(self, body: bytes, timestamp: str) -> str:
        return base64.b64encode(self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()

    def headers(self, body: bytes, timestamp: str | None = None) -> dict[str, str]:
        timestamp = timestamp or str(int(time.time()))
        return {SIGNATURE_HEADER: self.sign(body, timestamp), TIMESTAMP_HEADER: timestamp}


def ledger_row(engine: sa.Engine, user_id: str, *, run: str = RUN, message_id: str | None = None) -> str:
    """An accepted e-mail; its `send_id`."""
    return ledger_rows(engine, [user_id], run=run, message_ids={user_id: message_id})[0]


def ledger_rows(
    engine: sa.Engine,
    user_ids: Sequence[str],
    *,
    run: str = RUN,
    message_ids: Mapping[str, str | None] | None = None,
) -> list[str]:
    """Many of them, as if they had been there for long: nothing of them is in the outbox."""
    planned_rows(engine, user_ids, run=run)
    with engine.begin() as connection:
        claims = claim(connection, 0, len(user_ids), lease=3600, run=run).claims
        settle(connection, [(each, _accepted((message_ids or {}).get(each.user_id))) for each in claims])
        connection.execute(_FORGET)
    send_ids = {each.user_id: each.send_id for each in claims}
    return [send_ids[user_id] for user_id in user_ids]


def planned_rows(engine: sa.Engine, user_ids: Sequence[str], *, run: str = RUN) -> None:
    """E-mails that nobody has claimed, of which nothing is in the outbox either."""
    with engine.begin() as connection:
        plan(connection, run, "event_driven", [(each, None) for each in user_ids], partitions=1, send_within=3600)
        connection.execute(_FORGET)


def _accepted(message_id: str | None) -> Settlement:
    return Settlement(state="accepted", evidence="answer", message_id=message_id)


def told(event: str, **fields: object) -> dict[str, Any]:
    """One object of a webhook's body."""
    return {"event": event, "timestamp": AT, "email": "somebody@example.com", "sg_event_id": "x"} | fields


def body(*objects: Mapping[str, object]) -> bytes:
    return json.dumps(objects).encode()


def outbox(engine: sa.Engine) -> list[tuple[str, str]]:
    """(type, user id) of what was emitted and not yet sequenced, in the order of emitting."""
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT type, data ->> 'user_id' AS user_id FROM cutover.outbox ORDER BY id"))
        return [(row.type, row.user_id) for row in rows]


class Wishes:
    """An unsubscriber that only takes note."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, datetime]] = []

    def __call__(self, _connection: sa.Connection, user_id: str, at: datetime) -> None:
        self.heard.append((user_id, at))


def nobody(_connection: sa.Connection, addresses: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """An addressbook that knows nobody."""
    return dict.fromkeys(addresses, ())


_FORGET = sa.text("DELETE FROM cutover.outbox WHERE type IN ('EmailPlanned', 'EmailAccepted')")
