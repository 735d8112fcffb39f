"""The application on a database of the test's own, with a user and their e-mail in it."""

import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
import structlog

from console.web import Ports, create_app
from console.web.shop import addresses_in_shop, unsubscribe_in_shop
from handlers.tracking import Intake, Verifier
from handlers.unsubscribe_link import UnsubscribeLinks
from runtime import logs
from runtime.database import create_engine
from sandbox.shop.actions import RegisterUser
from sandbox.shop.shop import perform
from tests.tracking.mailbox import Provider, ledger_row
from tests.web.serving import Answer, ask, served

USER, ADDRESS = "user-4711", "ann.secret@example.com"


@dataclass(frozen=True, kw_only=True)
class Site:
    """A running site. `send_id` is of the user's one e-mail, `link` the path of their unsubscribe link."""

    port: int
    engine: sa.Engine
    provider: Provider
    ports: Ports
    send_id: str
    link: str

    def post_news(self, body: bytes, headers: dict[str, str] | None = None) -> Answer:
        signed = self.provider.headers(body) if headers is None else headers
        return ask(self.port, "POST", "/webhooks/sendgrid", body, {"Content-Type": "application/json"} | signed)

    def emitted(self) -> list[str]:
        with self.engine.connect() as connection:
            return list(connection.scalars(sa.text("SELECT type FROM cutover.outbox ORDER BY id")))

    def unsubscribed_at(self) -> datetime | None:
        with self.engine.connect() as connection:
            statement = sa.text("SELECT unsubscribed_at FROM shop.users WHERE user_id = :user_id")
            at: datetime | None = connection.scalar(statement, {"user_id": USER})
            return at


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Every log line of the test, ours and the libraries'."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("debug", as_json=True, stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def ports_on(engine: sa.Engine, provider: Provider, **changes: float) -> Ports:
    """The ports of a whole system on the sandbox's shop."""
    return Ports(
        engine=engine,
        verifier=Verifier(provider.public_key),
        intake=Intake(addresses_in_shop, unsubscribe_in_shop),
        links=UnsubscribeLinks(bytes(range(64)), "http://127.0.0.1"),
        unsubscriber=unsubscribe_in_shop,
        **changes,  # type: ignore[arg-type]  # the limits, by name
    )


@pytest.fixture
def site(database: sa.Engine, lines: io.StringIO) -> Iterator[Site]:  # noqa: ARG001  # before the server's first line
    """Everything well."""
    with database.begin() as connection:
        at = datetime(2026, 1, 5, tzinfo=UTC)
        perform(connection, RegisterUser(at=at, user_id=USER, name="Ann Secret", email=ADDRESS))
        connection.execute(sa.text("DELETE FROM cutover.outbox"))
    send_id = ledger_row(database, USER)
    provider = Provider()
    ports = ports_on(database, provider, body_seconds=60.0)
    with served(create_app(ports)) as port:
        yield Site(
            port=port,
            engine=database,
            provider=provider,
            ports=ports,
            send_id=send_id,
            link=ports.links.url(USER).removeprefix("http://127.0.0.1"),
        )


@pytest.fixture
def nowhere() -> Iterator[sa.Engine]:
    """An engine whose database is away."""
    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    yield engine
    engine.dispose()
