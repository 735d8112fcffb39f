"""The mails as they arrive, whatever users and products are called: sound, escaped, and saying what was meant."""

from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest

from handlers.composition import SHOP, on_one_line
from handlers.unsubscribe_link import UnsubscribeLinks
from runtime.servers import Servers
from sandbox.shop.actions import AddProduct, PlaceOrder, RegisterUser
from shadow.schedule import scheduled_at
from tests import batch
from tests.end_to_end.balance import balance
from tests.end_to_end.campaigns import CampaignShop, shared_shop
from tests.end_to_end.mailbox_page import Shown, page_of

pytestmark = batch.only_before

NAMES = {
    "x-markup": "<b>Bold</b> & \"Co\" <script>alert('1')</script>",
    "x-header": "Eve\r\nBcc: everybody@example.com\r\n\r\nBuy this",
    "x-break": "One\nTwo\u2028Three\x85Four",
    "x-emoji": "Zoë 🎉 👩‍👩‍👧",
    "x-right-to-left": "\u202eשלום\u202c مرحبا",
    "x-quotes": 'O\'Neil, "Bob" <bob@example.com>; Ann',
    "x-template": "{{ 7 * 7 }} {% raw %} %name% -name- ${name}",
    "x-blank": " \t ",
    "x-none": "",
    "x/ü ö?&=#<>\"'%2F": "An id that is hard to write into a link",
}
PRODUCTS = {
    "y-markup": '</a><img src="x" onerror="alert(1)"> & Söhne',
    "y-header": "Mug\r\nX-Evil: 1\r\n\r\nLamp",
    "y-emoji": 'Lamp 🎁, "large", שלום',
    "y/ü ?&=#<>\"'": "A product that is hard to link to",
}


@pytest.fixture(scope="session")
def shop(running: Servers, state_dir: Path) -> Iterator[CampaignShop]:
    with shared_shop(running, state_dir) as started:
        yield started


@pytest.fixture(scope="module")
def mails(shop: CampaignShop) -> dict[str, Shown]:
    """The mails to these users, who are offered what others have bought lately: these products."""
    run = shop.next_run()
    at = scheduled_at(run) - timedelta(days=2)
    shop.happen(
        *(AddProduct(at=at, product_id=key, name=name, price=1205) for key, name in PRODUCTS.items()),
        *(
            RegisterUser(at=at, user_id=key, name=name, email=f"odd{number}@example.com")
            for number, (key, name) in enumerate(NAMES.items())
        ),
        *(
            PlaceOrder(at=at, order_id=f"{run}-{number}", user_id="u0000", lines=tuple((key, 1) for key in PRODUCTS))
            for number in range(3)
        ),
    )
    shop.playground.settle()
    shop.playground.legacy(run)
    shop.finished(run)
    assert balance(shop, run) == {"accepted": shop.users}
    ledger = shop.ledger(run)
    assert {ledger[user_id].path for user_id in NAMES} == {"legacy", "event_driven"}
    found = {user_id: page_of(shop, ledger[user_id].send_id) for user_id in NAMES}
    for user_id, mail in found.items():
        assert mail.headers["send_id"] == ledger[user_id].send_id
        assert mail.headers["Categories"] == f"weekly recommendations, {run}"
    # What is popular passes; in later runs they get what suits this.
    shop.happen(*(PlaceOrder(at=at, order_id=f"of {key}", user_id=key, lines=(("p00", 1),)) for key in NAMES))
    shop.playground.settle()
    return found


@pytest.mark.parametrize("user_id", NAMES)
def test_a_mail_says_what_was_meant_whatever_its_user_is_called(mails: dict[str, Shown], user_id: str) -> None:
    mail, name = mails[user_id], on_one_line(NAMES[user_id])
    html = Html(mail.html)
    greeting = f"Hello {name}," if name.strip() else "Hello,"
    subject = f"{name}, this is what everybody is buying" if name.strip() else "This is what everybody is buying"
    assert (html.texts["h1"], html.texts["title"], mail.subject) == ([greeting], [subject], subject)
    assert mail.text.startswith(f"{greeting}\n\n")
    if name.strip():
        assert mail.name == name.strip()
    assert set(html.texts) <= {"html", "head", "meta", "title", "body", "h1", "p", "ol", "li", "a", "span"}


@pytest.mark.parametrize("user_id", NAMES)
def test_a_mail_offers_products_whatever_they_are_called(mails: dict[str, Shown], user_id: str) -> None:
    mail = mails[user_id]
    offered = dict(zip(Html(mail.html).links, Html(mail.html).texts["a"], strict=True))
    for product_id, name in PRODUCTS.items():
        link = f"{SHOP}/products/{quote(product_id, safe='')}"
        assert offered[link] == on_one_line(name)
        assert f"{on_one_line(name)} - £12.05\n   {link}\n" in mail.text


@pytest.mark.parametrize("user_id", NAMES)
def test_a_mail_can_be_unsubscribed_from_with_one_click_and_no_link_of_it_names_the_user(
    shop: CampaignShop, mails: dict[str, Shown], user_id: str
) -> None:
    mail, mailbox = mails[user_id], shop.playground.mailbox
    assert mailbox is not None
    link = mail.headers["List-Unsubscribe"].removeprefix("<").removesuffix(">")
    links = UnsubscribeLinks(bytes.fromhex(mailbox.link_key), mailbox.variables["CUTOVER_PUBLIC_URL"])
    assert links.user_of(link.rpartition("/")[2]) == user_id
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert Html(mail.html).links[-1] == link
    assert mail.text.endswith(f"Unsubscribe: {link}\n")
    assert "user=" not in mail.html + mail.text
    known = {"X-Message-Id", "send_id", "Categories", "List-Unsubscribe", "List-Unsubscribe-Post"}
    assert mail.headers.keys() == known


class Html(HTMLParser):
    """An HTML body: the texts of its elements by tag, and where its links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {}
        self.links: list[str] = []
        self._tag = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.texts.setdefault(tag, [])
        if tag == "a":
            self.links.append(dict(attrs)["href"] or "")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the parser names it
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag:
            self.texts[self._tag].append(data)
