"""docs/rule.md written down once more: slow, in plain Python, and as close to the page's words as it goes."""

import hashlib
import html
import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from itertools import groupby
from urllib.parse import quote

from tests.rule.shop_tables import Product, Shop, User

Vector = tuple[float, ...]
Items = tuple[tuple[str, float], ...]


@dataclass(frozen=True, kw_only=True)
class Skip:
    reason: str


@dataclass(frozen=True, kw_only=True)
class Send:
    subject: str
    text: str
    html: tuple[str, ...]
    items: Items


def outcomes(shop: Shop, at: datetime) -> list[tuple[str, Skip | Send]]:
    """What happens to every user of the shop, in the order of user ids."""
    return [(user.user_id, outcome(shop, user, at)) for user in sorted(shop.users, key=lambda u: u.user_id)]


def outcome(shop: Shop, user: User, at: datetime) -> Skip | Send:
    if not user.subscribed:
        return Skip(reason="unsubscribed")
    items, personal = best_five(shop, user, at)
    if not items:
        return Skip(reason="nothing_to_recommend")
    products = {product.product_id: product for product in shop.products}
    return e_mail(user, [products[product_id] for product_id, _ in items], items, personal)


def best_five(shop: Shop, user: User, at: datetime) -> tuple[Items, bool]:
    products = {product.product_id: product for product in shop.products}
    bought = history(shop, user.user_id, at - timedelta(days=364))
    bought_ids = {product_id for product_id, _ in bought}
    candidates = [p for p in shop.products if p.active and p.product_id not in bought_ids]
    weighted = [
        (2.0 ** (-(at - placed_at) / timedelta(weeks=12)), product_vector(products[product_id].name))
        for product_id, placed_at in bought
        if product_id in products
    ]
    taste = [math.fsum(weight * vector[i] for weight, vector in weighted) for i in range(128)]
    personal = math.hypot(*taste) >= 1e-9
    if personal:
        scores = [(p.product_id, score(taste, product_vector(p.name))) for p in candidates]
    else:
        counts = order_counts(shop, at - timedelta(weeks=4))
        scores = [(p.product_id, float(counts[p.product_id])) for p in candidates if p.product_id in counts]
    return tuple(sorted(scores, key=lambda item: (-item[1], item[0]))[:5]), personal


def history(shop: Shop, user_id: str, since: datetime) -> list[tuple[str, datetime]]:
    return [
        (line.product_id, order.placed_at)
        for order in shop.orders
        for line in order.lines
        if order.user_id == user_id and not order.cancelled and order.placed_at >= since
        if line.returned < line.quantity
    ]


def order_counts(shop: Shop, since: datetime) -> dict[str, int]:
    everybody = [purchase for user in shop.users for purchase in history(shop, user.user_id, since)]
    product_ids = sorted(product_id for product_id, _ in everybody)
    return {product_id: len(list(group)) for product_id, group in groupby(product_ids)}


@cache
def product_vector(name: str) -> Vector:
    vector = [0.0] * 128
    for word in dict.fromkeys(re.findall(r"[^\W_]+", name.casefold())):
        digest = hashlib.sha256(word.encode("utf-8")).digest()
        dimension = int.from_bytes(digest[0:4], "big") % 128
        vector[dimension] += 1.0 if digest[4] % 2 == 0 else -1.0
    length = math.hypot(*vector)
    return tuple(x / length for x in vector) if length > 0 else tuple(vector)


def score(taste: list[float], vector: Vector) -> float:
    exact = math.fsum(x * y for x, y in zip(taste, vector, strict=True)) / math.hypot(*taste)
    rounded = round(exact * 1e6) / 1e6
    return 0.0 if rounded == 0 else rounded


def e_mail(user: User, products: list[Product], items: Items, personal: bool) -> Send:
    name = without_control_characters(user.name)
    name = "" if name.strip() == "" else name
    if personal:
        subject = f"{name}, picked for you this week" if name else "Picked for you this week"
        intro = "Because of what you bought, we think you will like:"
    else:
        subject = f"{name}, this is what everybody is buying" if name else "This is what everybody is buying"
        intro = "Popular with our customers in the last four weeks:"
    greeting = f"Hello {name}," if name else "Hello,"
    unsubscribe = f"https://shop.example/unsubscribe?user={quote(user.user_id, safe='')}"
    text = [f"{greeting}\n\n{intro}\n\n"]
    page = [
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(subject)}</title></head>'
        f"<body><h1>{html.escape(greeting)}</h1><p>{html.escape(intro)}</p><ol>"
    ]
    for rank, product in enumerate(products, start=1):
        shown = without_control_characters(product.name)
        price = f"£{product.price / 100:.2f}"
        link = f"https://shop.example/products/{quote(product.product_id, safe='')}"
        text.append(f"{rank}. {shown} - {price}\n   {link}\n")
        page.append(f'<li><a href="{link}">{html.escape(shown)}</a> <span>{price}</span></li>')
    text.append(f"\nYou get this e-mail because you have an account with us.\nUnsubscribe: {unsubscribe}\n")
    page.append(
        "</ol><p>You get this e-mail because you have an account with us.\n"
        f'<a href="{unsubscribe}">Unsubscribe</a></p></body></html>'
    )
    return Send(subject=subject, text="".join(text), html=page_content("".join(page)), items=items)


def without_control_characters(text: str) -> str:
    """Every run of control characters and line breaks as one space."""
    runs = groupby(text, key=lambda c: unicodedata.category(c) == "Cc" or c in "\u2028\u2029")
    return "".join(" " if control else "".join(run) for control, run in runs)


def page_content(page: str) -> tuple[str, ...]:
    """What is compared of an HTML page: its elements, their text and their href, in order."""
    reader = _PageReader()
    reader.feed(page)
    reader.close()
    return tuple(reader.content)


class _PageReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.content: list[str] = []

    def handle_decl(self, decl: str) -> None:
        self.content.append(f"<!{decl}>")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kept = [f"{name}={value}" for name, value in attrs if name not in {"style", "class"}]
        self.content.append(f"<{' '.join([tag, *kept])}>")

    def handle_endtag(self, tag: str) -> None:
        self.content.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if data.strip(" \n"):
            self.content.append(data)
