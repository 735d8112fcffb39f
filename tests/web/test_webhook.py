"""The webhook over a real server: what is taken in, what is refused, and what nobody gets to read."""

import io
import json
from collections.abc import Callable
from dataclasses import replace

import sqlalchemy as sa

from console.web import create_app
from events import sequence_all
from handlers.tracking import SIGNATURE_HEADER, TIMESTAMP_HEADER, Intake
from tests.tracking.mailbox import Provider, Wishes, body, ledger_rows, nobody, told
from tests.web.conftest import ADDRESS, USER, Site, ports_on
from tests.web.serving import Wire, ask, served

PATH = "/webhooks/sendgrid"


def events_of(lines: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_signed_news_are_taken_in_and_logged_by_their_numbers(site: Site, lines: io.StringIO) -> None:
    news = body(
        told("delivered", send_id=site.send_id, email=ADDRESS),
        told("delivered", send_id=site.send_id, email=ADDRESS),
        told("open", send_id="another", email=ADDRESS),
        told("group_resubscribe"),
        {"event": "open"},
    )
    answer = site.post_news(news)
    assert (answer.status, answer.text) == (204, "")
    assert site.emitted() == ["EmailDelivered"]
    taken = next(line for line in events_of(lines) if line["event"] == "webhook_taken")
    counts = {name: taken[name] for name in ("logged", "repeated", "unknown", "ignored", "malformed")}
    assert counts == {"logged": 1, "repeated": 1, "unknown": 1, "ignored": 1, "malformed": 1}


def test_a_full_batch_is_taken_in_and_again_without_doubling(site: Site) -> None:
    users = [f"u{number}" for number in range(1000)]
    news = body(*[told("delivered", send_id=send_id) for send_id in ledger_rows(site.engine, users)])
    for _ in range(2):
        assert site.post_news(news).status == 204
        sequence_all(site.engine, 4)
    with site.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM cutover.events")) == 1000


def test_an_unsubscription_told_by_the_provider_reaches_the_shop(site: Site) -> None:
    assert site.post_news(body(told("unsubscribe", send_id=site.send_id))).status == 204
    assert site.unsubscribed_at() is not None
    assert sorted(site.emitted()) == ["EmailUnsubscribed", "UserUnsubscribed"]


Headers = Callable[[Site, bytes], dict[str, str]]
NEWS_HEADERS: dict[str, tuple[int, Headers]] = {
    "no headers": (401, lambda _, __: {}),
    "no signature": (401, lambda _, __: {TIMESTAMP_HEADER: "1"}),
    "no timestamp": (401, lambda site, news: without(site.provider.headers(news), TIMESTAMP_HEADER)),
    "an empty signature": (401, lambda site, news: site.provider.headers(news) | {SIGNATURE_HEADER: ""}),
    "no base64": (403, lambda site, news: site.provider.headers(news) | {SIGNATURE_HEADER: "%%%"}),
    "another body's": (403, lambda site, news: site.provider.headers(news + b" ")),
    "another key's": (403, lambda _, news: Provider().headers(news)),
    "another timestamp's": (403, lambda site, news: site.provider.headers(news) | {TIMESTAMP_HEADER: "1"}),
    "an old one": (403, lambda site, news: site.provider.headers(news, "1500000000")),
    "a timestamp of words": (403, lambda site, news: site.provider.headers(news, "yesterday")),
}


def without(headers: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key != name}


def test_what_the_provider_did_not_sign_is_refused_and_nothing_stored(site: Site, lines: io.StringIO) -> None:
    news = body(told("unsubscribe", send_id=site.send_id, email=ADDRESS))
    for name, (status, headers) in NEWS_HEADERS.items():
        answer = site.post_news(news, headers(site, news))
        assert answer.status == status, name
        nothing_personal(site, lines, answer.text)
    assert (site.emitted(), site.unsubscribed_at()) == ([], None)
    assert lines.getvalue().count("webhook_refused") == len(NEWS_HEADERS)


def test_the_signature_is_looked_at_before_the_body(site: Site) -> None:
    assert site.post_news(b"no json at all", Provider().headers(b"no json at all")).status == 403


WRONG_SHAPES = [b"", b"no json", b"{}", b"[1]", b"null", b"[[]]", b"[" * 50_000, b"\xff", body(*[{}] * 1001)]


def test_a_signed_body_of_the_wrong_shape_is_refused_as_a_whole(site: Site, lines: io.StringIO) -> None:
    for bad in [*WRONG_SHAPES, body(told("delivered", send_id=site.send_id, email=ADDRESS))[:-1]]:
        answer = site.post_news(bad)
        assert answer.status == 400, bad[:20]
        nothing_personal(site, lines, answer.text)
    assert site.emitted() == []


def nothing_personal(site: Site, lines: io.StringIO, answered: str) -> None:
    assert "webhook_refused" in lines.getvalue()
    for written in (lines.getvalue(), answered):
        for secret in (ADDRESS, USER, site.send_id, "Ann Secret", site.link):
            assert secret not in written


def test_a_body_announced_too_large_is_refused_unread(site: Site) -> None:
    wire = Wire(site.port)
    wire.head(PATH, f"Content-Length: {5 * 1024 * 1024 + 1}", *signed_somehow(site))
    assert wire.rest().startswith("HTTP/1.1 413 ")
    wire.close()


def test_a_body_of_unannounced_size_is_read_up_to_the_limit_and_no_further(site: Site) -> None:
    wire = Wire(site.port)
    wire.head(PATH, "Transfer-Encoding: chunked", *signed_somehow(site))
    for _ in range(80):
        wire.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
    wire.send(b"1\r\nx\r\n")
    assert wire.rest().startswith("HTTP/1.1 413 ")
    wire.close()


def signed_somehow(site: Site) -> list[str]:
    return [f"{name}: {value}" for name, value in site.provider.headers(b"").items()]


def test_a_body_of_just_the_limit_is_taken(site: Site) -> None:
    news = body(told("delivered", send_id=site.send_id))
    assert site.post_news(news + b" " * (site.ports.body_limit - len(news))).status == 204
    assert site.emitted() == ["EmailDelivered"]


def test_a_body_that_trickles_in_is_given_up(database: sa.Engine) -> None:
    provider = Provider()
    with served(create_app(ports_on(database, provider, body_seconds=0.3))) as port:
        wire = Wire(port)
        headers = [f"{name}: {value}" for name, value in provider.headers(b"[]").items()]
        wire.head(PATH, "Content-Length: 2", *headers)
        wire.send(b"[")
        assert wire.rest().startswith("HTTP/1.1 408 ")
        wire.close()


def test_without_a_key_everything_is_refused_for_now(site: Site, lines: io.StringIO) -> None:
    with served(create_app(replace(site.ports, verifier=None))) as port:
        news = body(told("delivered", send_id=site.send_id))
        answer = ask(port, "POST", PATH, news, site.provider.headers(news))
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")
    assert site.emitted() == []
    assert "no verification key is set" in lines.getvalue()


def test_with_the_database_away_the_provider_is_to_come_again(nowhere: sa.Engine, lines: io.StringIO) -> None:
    provider = Provider()
    with served(create_app(ports_on(nowhere, provider))) as port:
        news = body(told("delivered", send_id="s1", email=ADDRESS))
        answer = ask(port, "POST", PATH, news, provider.headers(news))
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")
    assert "webhook_failed" in lines.getvalue()
    assert ADDRESS not in lines.getvalue()


def test_whatever_fails_inside_stores_nothing_and_says_nothing_but_its_type(site: Site, lines: io.StringIO) -> None:
    class Broken(Wishes):
        def __call__(self, connection: sa.Connection, user_id: str, _at: object) -> None:
            connection.execute(sa.text("SELECT :user_id FROM shop.nothing"), {"user_id": user_id})

    with served(create_app(replace(site.ports, intake=Intake(nobody, Broken())))) as port:
        news = body(told("delivered", send_id=site.send_id), told("spamreport", send_id=site.send_id))
        answer = ask(port, "POST", PATH, news, site.provider.headers(news))
    assert answer.status == 503
    assert site.emitted() == []
    failed = next(line for line in events_of(lines) if line["event"] == "webhook_failed")
    assert failed["problem"] == "ProgrammingError"
    assert USER not in lines.getvalue()
    assert USER not in answer.text
