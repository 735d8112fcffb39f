"""Looking an e-mail up in SendGrid's Email Logs, over real sockets."""

import asyncio
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from handlers.delivery.provider import ProviderUnavailable, Unsearchable
from handlers.delivery.sendgrid_connections import Timeouts
from tests.delivery.misbehaving_server import Behaviour, Peer, Received, answering, misbehaving
from tests.delivery.sendgrid_messages import API_KEY, PATIENT, sendgrid

SINCE = datetime(2026, 11, 16, 9, 0, 0, 999_999, tzinfo=UTC)
ADDRESS = "ann.person@example.com"


def look_up(
    behaviour: Behaviour, *, address: str = ADDRESS, since: datetime = SINCE, timeouts: Timeouts = PATIENT
) -> tuple[str | None, list[Received]]:
    async def scenario() -> tuple[str | None, list[Received]]:
        async with misbehaving(behaviour) as server, sendgrid(server.url, timeouts=timeouts) as provider:
            found = await provider.accepted_since(address=address, run="2026-W47", since=since)
            return found, server.requests

    return asyncio.run(scenario())


def logging(*rows: dict[str, str]) -> Behaviour:
    return answering(200, {"Content-Type": "application/json"}, json.dumps({"messages": rows}).encode())


def row(name: str, address: str = ADDRESS) -> dict[str, str]:
    return {"sg_message_id": name, "to_email": address, "subject": "Five", "status": "delivered"}


def test_a_logged_e_mail_is_found_under_the_name_that_sending_it_gave() -> None:
    found, requests = look_up(logging(row("abc-DEF_1.recvd-5b7c-1.0")))
    assert found == "abc-DEF_1"
    assert requests[0].head.startswith("POST /v3/logs HTTP/1.1\r\n")
    assert f"\r\nAuthorization: Bearer {API_KEY}\r\n" in requests[0].head
    assert json.loads(requests[0].body) == {
        "query": (
            "to_email = 'ann.person@example.com' AND categories IN ('2026-W47')"
            ' AND sg_message_id_created_at >= TIMESTAMP "2026-11-16T09:00:00Z"'
        ),
        "limit": 10,
    }


def test_an_e_mail_that_is_not_logged_is_not_found() -> None:
    assert look_up(logging())[0] is None


def test_somebody_elses_e_mail_does_not_count() -> None:
    assert look_up(logging(row("other.1", "bob@example.com")))[0] is None
    assert look_up(logging(row("other.1", "bob@example.com"), row("mine.1", ADDRESS.upper())))[0] == "mine"


def test_the_time_is_asked_for_in_utc() -> None:
    since = SINCE.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert b"2026-11-16T09:00:00Z" in look_up(logging(), since=since)[1][0].body


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        look_up(logging(), since=SINCE.replace(tzinfo=None))


def test_an_apostrophe_is_put_in_double_quotes() -> None:
    query = json.loads(look_up(logging(), address="o'hara@example.com")[1][0].body)["query"]
    assert query.startswith('to_email = "o\'hara@example.com" AND ')


@pytest.mark.parametrize("address", ["o'\"hara@example.com", "o\\hara@example.com", "o\nhara@example.com"])
def test_an_address_that_the_query_language_cannot_hold_is_not_asked_for(address: str) -> None:
    with pytest.raises(Unsearchable, match=r"^address cannot be searched for") as raised:
        look_up(logging(), address=address)
    assert "hara" not in str(raised.value)


def test_a_question_that_the_logs_refuse_is_not_an_outage() -> None:
    """The next address may be asked for; another answer would hold up all that are unconfirmed."""
    with pytest.raises(Unsearchable, match="http_400"):
        look_up(answering(400))


async def read_and_be_silent(peer: Peer) -> None:
    await peer.read_request()
    await peer.gone()


@pytest.mark.parametrize(
    "behaviour",
    [
        answering(401),
        answering(404),
        answering(429, {"Retry-After": "1"}),
        answering(500),
        answering(202, {}, b'{"messages":[]}'),
        answering(200, {}, b""),
        answering(200, {}, b"[]"),
        answering(200, {}, b"{}"),
        answering(200, {}, b'{"messages":null}'),
        answering(200, {}, b'{"messages":[{}]}'),
        answering(200, {}, b'{"messages":[]}', missing=1),
        answering(200, {}, b"[" * 100_000),
        answering(200, {}, b" " * 300_000 + b'{"messages":[]}'),
        read_and_be_silent,
    ],
)
def test_whatever_is_no_list_of_messages_means_that_the_logs_cannot_be_read(behaviour: Behaviour) -> None:
    with pytest.raises(ProviderUnavailable, match="SendGrid"):
        look_up(behaviour, timeouts=Timeouts(connect=60, sock_read=0.5, total=60))
