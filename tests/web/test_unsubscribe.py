"""The unsubscribe link over a real server: a page that changes nothing, and one click that does."""

import base64
import hashlib
import io
import re
from dataclasses import replace
from datetime import datetime

import pytest
import sqlalchemy as sa

from console.web import create_app
from events import sequence_all
from sandbox.shop.actions import Resubscribe
from sandbox.shop.shop import perform
from tests.tracking.mailbox import Provider
from tests.web.conftest import ADDRESS, USER, Site, ports_on
from tests.web.serving import Answer, Wire, ask, served

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
    {"Content-Type": "multipart/form-data; boundary=x"},
)
CLICKS: dict[str, tuple[bytes | None, dict[str, str]]] = {
    "a mail client": (b"List-Unsubscribe=One-Click", FORM),
    "a mail client, as multipart": MULTIPART,
    "the page's button": (b"", FORM),
    "nothing at all": (None, {}),
    "something else": (b"a=b&c", FORM),
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_at_the_page_changes_nothing(site: Site, method: str) -> None:
    answer = ask(site.port, method, site.link)
    assert answer.status == 200
    assert ("<button" in answer.text) == (method == "GET")
    assert (site.unsubscribed_at(), site.emitted()) == (None, [])


@pytest.mark.parametrize(("body", "headers"), CLICKS.values(), ids=CLICKS.keys())
def test_one_click_unsubscribes_and_answers_at_once(
    site: Site, body: bytes | None, headers: dict[str, str], lines: io.StringIO
) -> None:
    answer = ask(site.port, "POST", site.link, body, headers)
    assert answer.status == 200
    assert "You are unsubscribed" in answer.text
    assert site.unsubscribed_at() is not None
    assert site.emitted() == ["UserUnsubscribed"]
    for secret in (USER, ADDRESS, site.link):
        assert secret not in lines.getvalue()
        assert secret not in answer.text


def test_clicking_again_says_the_same_and_changes_nothing(site: Site) -> None:
    first = ask(site.port, "POST", site.link)
    at = site.unsubscribed_at()
    again = ask(site.port, "POST", site.link)
    assert (again.status, again.text) == (first.status, first.text)
    assert (site.unsubscribed_at(), site.emitted()) == (at, ["UserUnsubscribed"])


def test_the_same_link_works_again_after_a_change_of_mind(site: Site) -> None:
    ask(site.port, "POST", site.link)
    at = site.unsubscribed_at()
    assert at is not None
    with site.engine.begin() as connection:
        perform(connection, Resubscribe(at=at, user_id=USER))
    ask(site.port, "POST", site.link)
    sequence_all(site.engine, 4)
    with site.engine.connect() as connection:
        types = connection.scalars(sa.text("SELECT type FROM cutover.events ORDER BY position")).all()
    assert types == ["UserUnsubscribed", "UserResubscribed", "UserUnsubscribed"]


def test_a_link_that_is_none_of_ours_leads_to_a_page_that_does_not_say_why(site: Site) -> None:
    tampered = site.link.rpartition("/")[2][:-1] + ("A" if site.link[-1] != "A" else "B")
    for token in ("x", "A" * 40, "A" * 5000, "%00", "%ff%fe", "%F0%9F%98%80", tampered):
        page, probe, click = (ask(site.port, method, f"/unsubscribe/{token}") for method in ("GET", "HEAD", "POST"))
        assert (page.status, probe.status, click.status) == (404, 404, 404)
        assert page.text == click.text == ask(site.port, "GET", "/unsubscribe/y").text
        assert "This link is not valid" in page.text
        shown_safely(page)
    assert site.emitted() == []


def test_the_pages_fetch_run_and_leak_nothing(site: Site) -> None:
    for method in ("GET", "HEAD", "POST"):
        shown_safely(ask(site.port, method, site.link))


def shown_safely(answer: Answer) -> None:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-robots-tag"] == "noindex"
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "set-cookie" not in headers
    assert "location" not in headers
    assert "server" not in headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script|<img|<link|https?://|\bon\w+=|style=", answer.text)
    for style in re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL):
        assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy


def test_a_slash_too_many_is_not_answered_with_a_redirect(site: Site) -> None:
    assert ask(site.port, "POST", f"{site.link}/").status == 404


def test_other_methods_are_told_which_there_are(site: Site) -> None:
    answer = ask(site.port, "PUT", site.link)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST")


def test_a_body_too_large_is_refused(site: Site) -> None:
    wire = Wire(site.port)
    wire.head(site.link, f"Content-Length: {64 * 1024 + 1}")
    assert wire.rest().startswith("HTTP/1.1 413 ")
    wire.close()
    assert site.emitted() == []


def test_with_the_database_away_a_page_asks_to_try_again(nowhere: sa.Engine, lines: io.StringIO) -> None:
    ports = ports_on(nowhere, Provider())
    link = ports.links.url(USER).removeprefix("http://127.0.0.1")
    with served(create_app(ports)) as port:
        assert ask(port, "GET", link).status == 200
        answer = ask(port, "POST", link)
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")
    assert "Please try again" in answer.text
    shown_safely(answer)
    assert "unsubscribe_failed" in lines.getvalue()
    assert USER not in lines.getvalue()


def test_whatever_the_main_app_does_the_person_gets_a_page(site: Site, lines: io.StringIO) -> None:
    def broken(_connection: sa.Connection, user_id: str, _at: datetime) -> None:
        raise KeyError(user_id)

    with served(create_app(replace(site.ports, unsubscriber=broken))) as port:
        answer = ask(port, "POST", site.link)
    assert answer.status == 503
    assert "KeyError" in lines.getvalue()
    assert USER not in lines.getvalue() + answer.text
