"""Small shops full of what is hard about the rule: ties, returns, edges of the time spans, broken data."""

import random
from datetime import datetime, timedelta

from tests.rule.plain_rule import product_vector
from tests.rule.shop_tables import Line, Order, Product, Shop, T, User

IDS = ("a", "B", "Z", "é", "a b/ü&<?>", "p10", "p9", "p-9", "😀", "\uffee", "_", "~", "ab", "Ω")
USER_NAMES = ("Ann", '<b>Zoë</b> & "Co"', "😀 Bea", "line\r\n\r\nbreak", "", " \t ", "  padded ", "x\u2028y\x85z")
SPECIAL_PRODUCT_NAMES = ("", "?!", "STRASSE straße", "Red\nmug", "<i>Mug</i> & 'lamp'", "red_mug red")
EDGES = (
    timedelta(days=364),
    timedelta(days=364, microseconds=1),
    timedelta(weeks=4),
    timedelta(weeks=4, microseconds=1),
    timedelta(minutes=-1),
    timedelta(0),
)


def opposite_words() -> tuple[str, str]:
    """Two words whose vectors are each other's opposite."""
    seen: dict[tuple[float, ...], str] = {}
    for number in range(10_000):
        vector = product_vector(f"word{number}")
        opposite = tuple(-x for x in vector)
        if opposite in seen:
            return seen[opposite], f"word{number}"
        seen[vector] = f"word{number}"
    raise AssertionError("no two of 10,000 words are opposite")


def random_shop(seed: int) -> Shop:
    rng = random.Random(seed)
    products = _products(rng)
    users = tuple(
        User(user_id=user_id, name=rng.choice(USER_NAMES), subscribed=rng.random() < 0.9)
        for user_id in rng.sample(IDS, rng.randint(0, 8))
    )
    known = [product.product_id for product in products] or ["gone"]
    orders = tuple(_order(rng, f"o{n}", users, known) for n in range(rng.choice([0, 3, 12, 30])) if users)
    return Shop(users=users, products=products, orders=orders)


def _products(rng: random.Random) -> tuple[Product, ...]:
    plus, minus = opposite_words()
    words = ["red", "Blue", "mug", "LAMP", "chair", plus, minus, f"{plus} {minus}"][: rng.randint(2, 8)]
    return tuple(
        Product(
            product_id=product_id,
            name=_product_name(rng, words),
            price=rng.choice([0, 5, 99, 100, 1205, 123456]),
            active=rng.random() < 0.8,
        )
        for product_id in rng.sample(IDS, rng.randint(0, len(IDS)))
    )


def _product_name(rng: random.Random, words: list[str]) -> str:
    if rng.random() < 0.15:
        return rng.choice(SPECIAL_PRODUCT_NAMES)
    return " ".join(rng.choices(words, k=rng.randint(1, 3)))


def _order(rng: random.Random, order_id: str, users: tuple[User, ...], known: list[str]) -> Order:
    product_ids = rng.sample(known, rng.randint(1, min(3, len(known))))
    if rng.random() < 0.1:
        product_ids.append("unknown")
    return Order(
        order_id=order_id,
        user_id=rng.choice(users[:5]).user_id,
        lines=tuple(_line(rng, product_id) for product_id in product_ids),
        placed_at=_placed_at(rng),
        cancelled=rng.random() < 0.1,
    )


def _line(rng: random.Random, product_id: str) -> Line:
    quantity = rng.randint(1, 3)
    return Line(product_id=product_id, quantity=quantity, returned=rng.choice([0, 0, 0, 1, quantity]))


def _placed_at(rng: random.Random) -> datetime:
    if rng.random() < 0.3:
        return T - rng.choice(EDGES)
    return T - timedelta(days=rng.choice([1, 30, 100, 400]), microseconds=rng.randint(0, 10**12))
