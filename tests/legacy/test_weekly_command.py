"""The command crontab called: its lock, its log, its exit codes, and what SendGrid gets to see."""

import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest

from legacy_cron import weekly_recommendations
from legacy_cron.weekly_recommendations import Mail, SendGridMailer, libpq_url, send_week, this_monday
from tests.rule.shop_tables import Line, Order, Product, Shop, T, User, prepare

ROOT = Path(__file__).parents[2]
SHOP = Shop(
    users=(User(user_id="ann"), User(user_id="bea", name=""), User(user_id="cy", subscribed=False)),
    products=(Product(product_id="p1", name="Red mug"), Product(product_id="p2", name="Blue mug")),
    orders=(
        Order(order_id="o1", user_id="ann", lines=(Line(product_id="p1"),)),
        Order(order_id="o2", user_id="bea", lines=(Line(product_id="p2"),)),
    ),
)


@dataclass
class Provider:
    """SendGrid's mail endpoint on this machine; refuses the addresses in `refused` with a 400."""

    url: str = ""
    refused: set[str] = field(default_factory=set)
    keys: list[str | None] = field(default_factory=list)
    mails: list[dict[str, object]] = field(default_factory=list)

    def receive(self, key: str | None, body: bytes) -> int:
        self.keys.append(key)
        self.mails.append(json.loads(body))
        return 400 if any(address in body.decode() for address in self.refused) else 202


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(provider.receive(self.headers["Authorization"], body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Keep the tests' output to themselves."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield provider
        server.shutdown()
        thread.join()


@dataclass(frozen=True, kw_only=True)
class Cron:
    """Runs the command in a directory of its own, as crontab would."""

    directory: Path
    environment: dict[str, str]

    def __call__(self, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "legacy_cron.weekly_recommendations", *arguments],
            cwd=self.directory,
            env=self.environment | changed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def log(self) -> str:
        return (self.directory / "weekly_recommendations.log").read_text("utf-8")

    @property
    def lock(self) -> Path:
        return self.directory / "weekly_recommendations.lock"


@pytest.fixture
def cron(tmp_path: Path, provider: Provider, fresh_database_url: str) -> Cron:
    settings = {
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(tmp_path),
        "DATABASE_URL": fresh_database_url,
        "SENDGRID_API_KEY": "SG.test",
        "SENDGRID_HOST": provider.url,
        "MAIL_FROM": "shop@example.com",
    }
    return Cron(directory=tmp_path, environment=dict(os.environ) | settings)


MONDAY = ("--scheduled-at", "2026-11-16T09:00:00Z")


def test_everything_sent_exits_0(cron: Cron, provider: Provider, fresh_database_url: str) -> None:
    prepare(fresh_database_url, SHOP)
    done = cron(*MONDAY)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "2 sent, 1 skipped, 0 failed" in cron.log
    assert "skipped cy: unsubscribed" in cron.log
    assert provider.keys == ["Bearer SG.test"] * 2
    ann, bea = provider.mails
    assert ann["personalizations"] == [{"to": [{"email": SHOP.users[0].email, "name": "Ann"}]}]
    assert bea["personalizations"] == [{"to": [{"email": SHOP.users[1].email}]}]
    assert ann["from"] == {"email": "shop@example.com"}
    assert ann["subject"] == "Ann, picked for you this week"
    assert isinstance(ann["content"], list)
    assert [part["type"] for part in ann["content"]] == ["text/plain", "text/html"]
    assert ann["content"][0]["value"].startswith("Hello Ann,\n\n")


def test_a_refused_mail_exits_1_and_the_next_one_is_still_sent(
    cron: Cron, provider: Provider, fresh_database_url: str
) -> None:
    prepare(fresh_database_url, SHOP)
    provider.refused = {SHOP.users[0].email}
    assert cron(*MONDAY).returncode == 1
    assert len(provider.mails) == 2
    assert "could not send to ann: SendGrid answered 400" in cron.log
    assert "1 sent, 1 skipped, 1 failed" in cron.log
    assert "@" not in cron.log


def test_a_provider_that_cannot_be_reached_exits_1(cron: Cron, fresh_database_url: str) -> None:
    prepare(fresh_database_url, SHOP)
    assert cron(*MONDAY, SENDGRID_HOST="http://127.0.0.1:1").returncode == 1
    assert "could not send to bea: no answer from SendGrid" in cron.log
    assert "0 sent, 1 skipped, 2 failed" in cron.log


def test_a_batch_that_stops_early_exits_1_and_logs_why(
    fresh_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    class BrokenMailer:
        def send(self, mail: Mail) -> None:
            raise RuntimeError(f"no room for {mail.user_id}")

        def skip(self, user_id: str, reason: str) -> None:
            raise AssertionError(f"{user_id} was skipped before anybody was sent to: {reason}")

    prepare(fresh_database_url, SHOP)
    assert send_week(libpq_url(fresh_database_url), BrokenMailer(), T) == 1
    assert "no room for ann" in caplog.text


def test_the_command_reads_one_snapshot_and_cannot_write(
    fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def look_and_stop(connection: psycopg.Connection, scheduled_at: datetime) -> NoReturn:
        for setting in ("transaction_isolation", "transaction_read_only"):
            seen.append((connection.execute(f"SHOW {setting}").fetchone() or ("",))[0])
        raise psycopg.OperationalError(f"stopped before {scheduled_at}")

    monkeypatch.setattr(weekly_recommendations, "read_shop", look_and_stop)
    send_week(libpq_url(fresh_database_url), SendGridMailer("SG.test", "shop@example.com"), T)
    assert seen == ["repeatable read", "on"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["--scheduled-at", "monday"], "'monday' is not a time with a UTC offset"),
        (["--scheduled-at", "2026-11-16T09:00"], "is not a time with a UTC offset"),
        (["--log-file", "missing/directory/log"], "missing/directory/log"),
        (["--lock-file", "missing/directory/lock"], "missing/directory/lock"),
        (["--database-url", "s3cret is not a url"], "the database URL is malformed"),
    ],
)
def test_wrong_use_exits_2_and_says_why(cron: Cron, arguments: list[str], complaint: str) -> None:
    done = cron(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "s3cret" not in done.stderr


@pytest.mark.parametrize("setting", ["DATABASE_URL", "SENDGRID_API_KEY", "MAIL_FROM"])
def test_a_missing_setting_exits_2_and_is_named(cron: Cron, setting: str) -> None:
    del cron.environment[setting]
    done = cron()
    assert done.returncode == 2
    assert f"the environment variable {setting} is not set" in done.stderr


def test_an_unreachable_database_exits_69(cron: Cron, provider: Provider) -> None:
    assert cron("--database-url", "postgresql+psycopg://127.0.0.1:1/shop").returncode == 69
    assert "cannot read the database" in cron.log
    assert provider.mails == []


def test_a_database_without_the_shops_tables_exits_69(cron: Cron) -> None:
    assert cron(*MONDAY).returncode == 69
    assert "shop.users" in cron.log


def test_a_second_instance_exits_75_and_leaves_the_first_alone(
    cron: Cron, provider: Provider, fresh_database_url: str
) -> None:
    prepare(fresh_database_url, SHOP)
    with cron.lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert cron(*MONDAY).returncode == 75
    assert f"another instance holds {cron.lock}" in cron.log
    assert provider.mails == []
    assert cron(*MONDAY).returncode == 0


def test_the_script_also_runs_by_its_path(cron: Cron, fresh_database_url: str) -> None:
    prepare(fresh_database_url, SHOP)
    script = ROOT / "legacy_cron" / "weekly_recommendations.py"
    done = subprocess.run(
        [sys.executable, str(script), *MONDAY],
        cwd=cron.directory,
        env=cron.environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0


def test_help_names_every_exit_code(cron: Cron) -> None:
    help_text = cron("--help").stdout
    assert [code for code in ("0", "1", "2", "69", "75") if f" {code}  " in help_text] == [
        "0",
        "1",
        "2",
        "69",
        "75",
    ]


@pytest.mark.parametrize(
    ("now", "monday"),
    [
        ("2026-11-16T00:00:00Z", "2026-11-16T09:00:00Z"),
        ("2026-11-22T23:59:59Z", "2026-11-16T09:00:00Z"),
        ("2026-01-01T12:00:00Z", "2025-12-29T09:00:00Z"),
    ],
)
def test_the_scheduled_time_is_monday_at_nine_of_this_iso_week(now: str, monday: str) -> None:
    expected = datetime.fromisoformat(monday)
    assert this_monday(datetime.fromisoformat(now)) == expected
    assert expected.tzinfo == UTC


def test_database_urls_may_name_a_driver() -> None:
    assert libpq_url("postgresql+psycopg://u:p@h/d?host=%2Ftmp") == "postgresql://u:p@h/d?host=%2Ftmp"
    assert libpq_url("postgresql://h/d") == "postgresql://h/d"
