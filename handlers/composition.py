"""Composition: subject, HTML and text of one weekly e-mail, as docs/rule.md words them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

import css_inline
import jinja2

SHOP = "https://shop.example"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Offer:
    """One product as the e-mail shows it. `price` in pence."""

    product_id: str
    name: str
    price: int


@dataclass(frozen=True, slots=True)
class Email:
    """What a user would read."""

    subject: str
    html: str
    text: str


def pounds(pence: int) -> str:
    """A price as written in an e-mail: 1205 is `£12.05`."""
    return f"£{pence // 100}.{pence % 100:02d}"


def compose(
    user_id: str, name: str, offers: Sequence[Offer], *, personal: bool, price: Callable[[int], str] = pounds
) -> Email:
    """The e-mail that offers these products, best first; `personal` says that the user's purchases chose them."""
    name = on_one_line(name) if on_one_line(name).strip() else ""
    subject = _subject(name, personal)
    context = {
        "subject": subject,
        "greeting": f"Hello {name}," if name else "Hello,",
        "intro": "Because of what you bought, we think you will like:"
        if personal
        else "Popular with our customers in the last four weeks:",
        "items": [_shown(offer, price) for offer in offers],
        "unsubscribe_url": f"{SHOP}/unsubscribe?user={quote(user_id, safe='')}",
    }
    html, text = published()
    return Email(subject, html.render(context), text.render(context))


def on_one_line(text: str) -> str:
    """`text` with every run of control characters and line breaks as one space."""
    return _CONTROL.sub(" ", text)


@lru_cache(maxsize=1)
def published() -> tuple[jinja2.Template, jinja2.Template]:
    """The HTML and text templates; styles are inlined here, once, and not for every mail."""
    html = css_inline.inline((_TEMPLATES / "weekly.html.j2").read_text("utf-8"), keep_style_tags=False)
    text = (_TEMPLATES / "weekly.txt.j2").read_text("utf-8")
    escaped = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    plain = jinja2.Environment(
        autoescape=False,  # noqa: S701 - plain text has nothing to escape
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return escaped.from_string(html), plain.from_string(text)


def _subject(name: str, personal: bool) -> str:
    rest = "picked for you this week" if personal else "this is what everybody is buying"
    return f"{name}, {rest}" if name else rest[0].upper() + rest[1:]


def _shown(offer: Offer, price: Callable[[int], str]) -> dict[str, str]:
    return {
        "name": on_one_line(offer.name),
        "price": price(offer.price),
        "url": f"{SHOP}/products/{quote(offer.product_id, safe='')}",
    }
