"""Mail every subscribed user five product recommendations. Cron, on UTC, runs this once a week:

    0 9 * * 1  cd /srv/shop && python -m legacy_cron.weekly_recommendations

The environment holds DATABASE_URL, SENDGRID_API_KEY, MAIL_FROM and, where SendGrid's API is not at its usual
address, SENDGRID_HOST. What is recommended to whom is written in docs/rule.md. No record is kept of what was
sent: started a second time in a week, the script sends a second time.

exit codes:
   0  everything was sent
   1  some e-mails failed, or the batch stopped early; the log says which and why
   2  wrong use: an unknown option, a missing setting, a file that cannot be opened
  69  the database cannot be reached or read
  75  another instance is still running
"""

import argparse
import fcntl
import hashlib
import http.client
import logging
import os
import re
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import quote

import jinja2
import numpy as np
import psycopg
import sendgrid
from numpy.typing import NDArray
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow, tuple_row
from python_http_client.exceptions import HTTPError
from sendgrid.helpers import mail as sendgrid_mail

DIMENSIONS = 128
LIST_LENGTH = 5
HALF_LIFE = timedelta(weeks=12)
HISTORY_SPAN = timedelta(weeks=52)
POPULARITY_SPAN = timedelta(weeks=4)
SHORTEST_TASTE = 1e-9
USERS_AT_ONCE = 1000  # times 5,000 products times 8 bytes: 40 MB of scores

SHOP_URL = "https://shop.example"
SENDGRID_URL = "https://api.sendgrid.com"
SEND_TIMEOUT_SECONDS = 30
CONNECT_TIMEOUT_SECONDS = 10

ALL_SENT, SOME_FAILED, DATABASE_UNAVAILABLE, ALREADY_RUNNING = 0, 1, 69, 75

WORD = re.compile(r"[^\W_]+")
CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=jinja2.select_autoescape(["html.j2"]),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)
HTML = templates.get_template("weekly.html.j2")
TEXT = templates.get_template("weekly.txt.j2")

log = logging.getLogger("weekly_recommendations")

Floats = NDArray[np.float64]
Indexes = NDArray[np.intp]
Cursor = psycopg.Cursor[TupleRow]
Items = list[tuple[int, float]]  # product index and score, best first


# What the batch hands out, and to whom


@dataclass(frozen=True)
class Mail:
    """One user's e-mail. `name` is as written in it; `items` are (product id, rounded score), best first."""

    user_id: str
    name: str
    email: str
    subject: str
    html: str
    text: str
    items: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Result:
    """How many users were mailed, skipped, and could not be mailed."""

    sent: int
    skipped: int
    failed: int


class SendError(Exception):
    """This e-mail could not be sent; the next one may be."""


class Mailer(Protocol):
    """Gets exactly one call for every user, in the order of user ids."""

    def send(self, mail: Mail) -> None:
        """Send it. A SendError is logged and counted; any other exception stops the batch."""

    def skip(self, user_id: str, reason: str) -> None:
        """Take note that this user gets no e-mail: `unsubscribed` or `nothing_to_recommend`."""


class SendGridMailer:
    """Sends through SendGrid's v3 API, one request an e-mail."""

    def __init__(self, api_key: str, mail_from: str, host: str = SENDGRID_URL) -> None:
        self._api = sendgrid.SendGridAPIClient(api_key, host=host)
        self._mail_from = mail_from

    def send(self, mail: Mail) -> None:
        message = sendgrid_mail.Mail(
            from_email=self._mail_from,
            to_emails=sendgrid_mail.To(mail.email, mail.name),
            subject=mail.subject,
            plain_text_content=mail.text,
            html_content=mail.html,
        )
        try:
            self._api.client.mail.send.post(request_body=message.get(), timeout=SEND_TIMEOUT_SECONDS)
        except HTTPError as error:  # its body may quote the address, which does not belong in a log
            raise SendError(f"SendGrid answered {error.status_code} {error.reason}") from None
        except (OSError, http.client.HTTPException) as error:
            raise SendError(f"no answer from SendGrid: {error!r}") from error

    def skip(self, user_id: str, reason: str) -> None:
        log.info("skipped %s: %s", user_id, reason)


# The batch


class User(NamedTuple):
    user_id: str
    name: str
    email: str
    subscribed: bool


class Product(NamedTuple):
    """As it is written in an e-mail."""

    product_id: str
    name: str
    price: str
    url: str


@dataclass(frozen=True)
class History:
    """The purchases that count, in the order of users: one element of each array a purchase."""

    user: Indexes
    product: Indexes  # -1: not in the catalogue
    weight: Floats

    def of_users(self, first: int, last: int) -> "History":
        """The purchases of users first to last - 1, with users counted from `first`."""
        start, end = np.searchsorted(self.user, [first, last])
        return History(self.user[start:end] - first, self.product[start:end], self.weight[start:end])


@dataclass(frozen=True)
class Shop:
    """All that the batch works on; users and products are known by their index from here on.

    The first `active` products are the active ones, by id; the others follow. `vectors` has a row for each
    product and, found by index -1, a last row of zeros. `popular` are active products with their order counts.
    """

    users: list[User]
    products: list[Product]
    active: int
    vectors: Floats
    history: History
    popular: Items


def run(connection: psycopg.Connection, mailer: Mailer, scheduled_at: datetime) -> Result:
    """Call `mailer` once for every user in shop.users, in the order of user ids.

    Reads through `connection` alone, in the transaction it is in, which should be a repeatable-read snapshot and
    is neither begun nor ended here. Raises ValueError when `scheduled_at` has no UTC offset.
    """
    return send_all(read_shop(connection, scheduled_at), mailer)


def send_all(shop: Shop, mailer: Mailer) -> Result:
    sent = skipped = failed = 0
    for user, (items, personal) in zip(shop.users, recommendations(shop), strict=True):
        if not user.subscribed or not items:
            mailer.skip(user.user_id, "nothing_to_recommend" if user.subscribed else "unsubscribed")
            skipped += 1
            continue
        try:
            mailer.send(compose(user, shop.products, items, personal))
            sent += 1
        except SendError as error:
            log.error("could not send to %s: %s", user.user_id, error)
            failed += 1
    return Result(sent, skipped, failed)


# Reading the shop


def read_shop(connection: psycopg.Connection, scheduled_at: datetime) -> Shop:
    if scheduled_at.utcoffset() is None:
        raise ValueError(f"scheduled_at is {scheduled_at.isoformat()}, expected a time with a UTC offset")
    at = scheduled_at.astimezone(UTC)  # so that 52 weeks are 364 times 24 hours in every time zone
    with connection.cursor(row_factory=tuple_row) as cursor:
        users = read_users(cursor)
        products, active, vectors = read_catalogue(cursor)
        product_index = {product.product_id: index for index, product in enumerate(products)}
        history = read_history(cursor, users, product_index, at)
        counts = read_order_counts(cursor, at - POPULARITY_SPAN)
    popular = [(product_index[key], count) for key, count in counts if product_index.get(key, active) < active]
    popular.sort(key=lambda item: (-item[1], item[0]))
    return Shop(users, products, active, vectors, history, popular)


def read_users(cursor: Cursor) -> list[User]:
    """By id. Sorted here and not there: Python goes by code point, a database by its collation."""
    rows = cursor.execute("SELECT user_id, name, email, unsubscribed_at IS NULL FROM shop.users")
    return sorted((User(*row) for row in rows), key=lambda user: user.user_id)


def read_catalogue(cursor: Cursor) -> tuple[list[Product], int, Floats]:
    """The products, the active ones first, then by id; how many are active; the product vectors."""
    rows = cursor.execute("SELECT product_id, name, price, retired_at IS NULL FROM shop.products").fetchall()
    rows.sort(key=lambda row: (not row[3], row[0]))
    products = [
        Product(key, one_line(name), f"£{price // 100}.{price % 100:02d}", f"{SHOP_URL}/products/{encoded(key)}")
        for key, name, price, _ in rows
    ]
    vectors = np.zeros((len(rows) + 1, DIMENSIONS))
    for index, (_, name, _, _) in enumerate(rows):
        vectors[index] = product_vector(name)
    return products, sum(is_active for _, _, _, is_active in rows), vectors


def product_vector(name: str) -> Floats:
    vector = np.zeros(DIMENSIONS)
    for word in set(WORD.findall(name.casefold())):
        digest = hashlib.sha256(word.encode()).digest()
        vector[int.from_bytes(digest[:4], "big") % DIMENSIONS] += -1 if digest[4] % 2 else 1
    length = np.linalg.norm(vector)
    return vector / length if length else vector


def read_history(cursor: Cursor, users: list[User], product_index: dict[str, int], at: datetime) -> History:
    user_index = {user.user_id: index for index, user in enumerate(users)}
    user, product, age = array("l"), array("l"), array("d")
    sql = """
        COPY (SELECT user_id, product_id, extract(epoch FROM %(at)s - placed_at)::float8
                FROM shop.orders JOIN shop.order_lines USING (order_id)
               WHERE cancelled_at IS NULL AND returned < quantity AND placed_at >= %(since)s)
          TO STDOUT (FORMAT BINARY)"""
    with cursor.copy(sql, {"at": at, "since": at - HISTORY_SPAN}) as copy:
        copy.set_types(["text", "text", "float8"])
        for user_id, product_id, seconds in copy.rows():
            user.append(user_index[user_id])
            product.append(product_index.get(product_id, -1))
            age.append(seconds)
    order = np.lexsort((product, age, user))  # sums come out the same in every run, to the last bit
    weight = np.exp2(-np.array(age) / HALF_LIFE.total_seconds())
    return History(np.array(user, np.intp)[order], np.array(product, np.intp)[order], weight[order])


def read_order_counts(cursor: Cursor, since: datetime) -> list[tuple[str, float]]:
    """(product id, number of orders since then in which it was bought and kept, at least in part)."""
    sql = """
        SELECT product_id, count(DISTINCT order_id)::float8
          FROM shop.orders JOIN shop.order_lines USING (order_id)
         WHERE cancelled_at IS NULL AND returned < quantity AND placed_at >= %(since)s
         GROUP BY product_id"""
    return [(product_id, count) for product_id, count in cursor.execute(sql, {"since": since})]


# Recommending


def recommendations(shop: Shop) -> Iterator[tuple[Items, bool]]:
    """For every user, in order, the list and whether it is personal: else it is of popular products."""
    for first in range(0, len(shop.users), USERS_AT_ONCE):
        last = min(first + USERS_AT_ONCE, len(shop.users))
        yield from recommend(shop, shop.history.of_users(first, last), last - first)


def recommend(shop: Shop, history: History, users: int) -> Iterator[tuple[Items, bool]]:
    taste = tastes(shop.vectors, history, users)
    length = np.linalg.norm(taste, axis=1)
    personal = length >= SHORTEST_TASTE
    scores = taste @ shop.vectors[: shop.active].T
    scores /= np.where(personal, length, 1.0)[:, np.newaxis]
    scores[~personal] = -np.inf
    candidate = (history.product >= 0) & (history.product < shop.active)
    scores[history.user[candidate], history.product[candidate]] = -np.inf
    for user, items in enumerate(best_items(scores)):
        if personal[user]:
            yield items, True
        else:
            bought = set(history.of_users(user, user + 1).product.tolist())
            yield list(islice((item for item in shop.popular if item[0] not in bought), LIST_LENGTH)), False


def tastes(vectors: Floats, history: History, users: int) -> Floats:
    """One row a user: the weighted sum of what they bought, or zeros."""
    taste = np.zeros((users, DIMENSIONS))
    buyers, starts = np.unique(history.user, return_index=True)
    if len(buyers):
        weighted = vectors[history.product] * history.weight[:, np.newaxis]
        taste[buyers] = np.add.reduceat(weighted, starts, axis=0)
    return taste


def best_items(scores: Floats) -> Iterator[Items]:
    """For each row the best columns and their rounded scores, equal ones by column; -inf is not eligible.

    Overwrites `scores`. Rounding comes before choosing, so that everything tied with the fifth is looked at.
    """
    users, products = scores.shape
    rounded = np.rint(np.multiply(scores, 1e6, out=scores), out=scores)
    fifth = np.full((users, 1), -np.inf)
    if products > LIST_LENGTH:
        fifth[:, 0] = np.partition(rounded, -LIST_LENGTH, axis=1)[:, -LIST_LENGTH]
    user, product = np.nonzero((rounded >= fifth) & (rounded > -np.inf))
    millionths = rounded[user, product]
    order = np.lexsort((product, -millionths, user))
    product, score = product[order], millionths[order] / 1e6 + 0.0  # -0 becomes 0
    bounds = np.searchsorted(user, np.arange(users + 1)).tolist()
    for start, end in pairwise(bounds):
        best = slice(start, min(end, start + LIST_LENGTH))
        yield list(zip(product[best].tolist(), score[best].tolist(), strict=True))


# Writing the e-mail


def compose(user: User, products: list[Product], items: Items, personal: bool) -> Mail:
    name = one_line(user.name)
    name = name if name.strip() else ""
    subject = "picked for you this week" if personal else "this is what everybody is buying"
    intro = (
        "Because of what you bought, we think you will like:"
        if personal
        else "Popular with our customers in the last four weeks:"
    )
    context = {
        "subject": f"{name}, {subject}" if name else subject.capitalize(),
        "greeting": f"Hello {name}," if name else "Hello,",
        "intro": intro,
        "products": [products[index] for index, _ in items],
        "unsubscribe_url": f"{SHOP_URL}/unsubscribe?user={encoded(user.user_id)}",
    }
    return Mail(
        user_id=user.user_id,
        name=name,
        email=user.email,
        subject=str(context["subject"]),
        html=HTML.render(context),
        text=TEXT.render(context),
        items=tuple((products[index].product_id, score) for index, score in items),
    )


def one_line(name: str) -> str:
    return CONTROL_CHARACTERS.sub(" ", name)


def encoded(key: str) -> str:
    return quote(key, safe="")


# The command


def main(argv: Sequence[str] | None = None) -> int:
    parser = argument_parser()
    options = parser.parse_args(argv)
    try:
        url = libpq_url(options.database_url or os.environ["DATABASE_URL"])
        mailer = SendGridMailer(
            os.environ["SENDGRID_API_KEY"],
            os.environ["MAIL_FROM"],
            os.environ.get("SENDGRID_HOST", SENDGRID_URL),
        )
    except KeyError as missing:
        parser.error(f"the environment variable {missing.args[0]} is not set")
    except psycopg.ProgrammingError:  # its message quotes the URL, password and all
        parser.error("the database URL is malformed, expected postgresql://user@host/database")
    with ExitStack() as opened:
        try:
            opened.enter_context(logging_to(options.log_file))
            lock = opened.enter_context(options.lock_file.open("a"))
        except OSError as error:
            parser.error(str(error))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.error("another instance holds %s; nothing was done", options.lock_file)
            return ALREADY_RUNNING
        return send_week(url, mailer, options.scheduled_at or this_monday(datetime.now(UTC)))


def send_week(url: str, mailer: Mailer, scheduled_at: datetime) -> int:
    """Read the shop, let the database go, send; returns the exit code."""
    log.info("started for %s", scheduled_at.isoformat())
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_SECONDS) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            shop = read_shop(connection, scheduled_at)
    except psycopg.Error as error:
        log.error("cannot read the database: %s", error)
        return DATABASE_UNAVAILABLE
    try:
        result = send_all(shop, mailer)
    except Exception:
        log.exception("stopped early")
        return SOME_FAILED
    log.info("finished: %d sent, %d skipped, %d failed", result.sent, result.skipped, result.failed)
    return SOME_FAILED if result.failed else ALL_SENT


def this_monday(now: datetime) -> datetime:
    """09:00 UTC on the Monday of the ISO week of `now`, which is in UTC."""
    return datetime.combine(now.date() - timedelta(days=now.weekday()), time(9), UTC)


def argument_parser() -> argparse.ArgumentParser:
    what, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        prog="weekly_recommendations",
        description=what,
        epilog=details,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--scheduled-at", type=aware_time, metavar="ISO", help="default: Monday 09:00 UTC of this ISO week"
    )
    parser.add_argument("--database-url", metavar="URL", help="default: the environment's DATABASE_URL")
    for option, default in (
        ("--lock-file", Path(tempfile.gettempdir(), "weekly_recommendations.lock")),
        ("--log-file", Path("weekly_recommendations.log")),
    ):
        parser.add_argument(option, type=Path, default=default, metavar="PATH", help="default: %(default)s")
    return parser


def aware_time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        if at.utcoffset() is not None:
            return at
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a time with a UTC offset, such as 2026-11-16T09:00:00Z")


def libpq_url(url: str) -> str:
    """The URL as libpq wants it, from SQLAlchemy's postgresql+psycopg:// too; ProgrammingError if malformed."""
    url = re.sub(r"^postgresql\+\w+://", "postgresql://", url)
    conninfo_to_dict(url)
    return url


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


if __name__ == "__main__":
    raise SystemExit(main())
