"""The application as a whole: health, its own description, and what it does with the unexpected."""

import io
import json

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from console.web import create_app
from console.web.guard import Guard
from tests.tracking.mailbox import Provider
from tests.web.conftest import Site, ports_on
from tests.web.serving import ask, served


def test_health_is_good_while_the_database_answers(site: Site) -> None:
    answer = ask(site.port, "GET", "/healthz")
    assert (answer.status, json.loads(answer.text)) == (200, {"status": "ok"})


def test_health_is_bad_while_it_is_away(nowhere: sa.Engine) -> None:
    with served(create_app(ports_on(nowhere, Provider()))) as port:
        answer = ask(port, "GET", "/healthz")
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")


def test_health_is_bad_when_it_does_not_answer_in_time(site: Site) -> None:
    engine = sa.create_engine(site.engine.url, pool_size=1, max_overflow=0, pool_timeout=600)
    held = engine.connect()
    try:
        with served(create_app(ports_on(engine, Provider(), health_seconds=0.2))) as port:
            assert ask(port, "GET", "/healthz").status == 503
            held.close()
    finally:
        held.close()
        engine.dispose()


def test_every_route_is_described_with_its_errors(site: Site) -> None:
    paths = json.loads(ask(site.port, "GET", "/openapi.json").text)["paths"]
    described = {(method, path): set(it["responses"]) for path, ways in paths.items() for method, it in ways.items()}
    assert described == {
        ("post", "/webhooks/sendgrid"): {"204", "400", "401", "403", "408", "413", "503"},
        ("get", "/unsubscribe/{token}"): {"200", "404"},
        ("head", "/unsubscribe/{token}"): {"200", "404"},
        ("post", "/unsubscribe/{token}"): {"200", "400", "404", "408", "413", "503"},
        ("get", "/healthz"): {"200", "503"},
    }


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/", "/metrics", "/unsubscribe", "/unsubscribe/"])
def test_there_is_nothing_else(site: Site, path: str) -> None:
    assert ask(site.port, "GET", path).status == 404


def test_the_guard_answers_the_unexpected_and_keeps_its_message_to_itself(lines: io.StringIO) -> None:
    app = FastAPI()
    app.add_middleware(Guard)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("ann.secret@example.com")

    with served(app) as port:
        answer = ask(port, "GET", "/broken")
    assert answer.status == 503
    assert "RuntimeError" in lines.getvalue()
    assert "ann.secret" not in lines.getvalue() + answer.text
