"""Random histories of a small shop: few products with few words, so that ties, returns and changes collide."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from events import (
    DayStarted,
    Event,
    ItemsReturned,
    Line,
    OrderCancelled,
    OrderId,
    OrderPlaced,
    ProductAdded,
    ProductChanged,
    ProductEvent,
    ProductId,
    ProductRetired,
    UserId,
    UserRegistered,
    UserResubscribed,
    UserUnsubscribed,
)

START = datetime(2026, 1, 5, 3, tzinfo=UTC)
NAMES = ("red mug", "blue mug", "mug", "red towel", "blue towel", "green lamp", "lamp", "...", "red red mug", "jug")
PRODUCTS = tuple(ProductId(f"p{number}") for number in range(9))
USERS = tuple(UserId(f"u{number}") for number in range(5))

moments = st.integers(0, 500).map(lambda days: START + timedelta(days=days - 420, hours=days % 7))
lines = st.lists(
    st.builds(Line, st.sampled_from(PRODUCTS), st.integers(1, 2)),
    min_size=1,
    max_size=4,
    unique_by=lambda li: li.product_id,
).map(tuple)


@st.composite
def orders(draw: st.DrawFn) -> list[Event]:
    """An order and what became of it, in the order it happened."""
    number = draw(st.integers(0, 30))
    user = USERS[number % len(USERS)]
    at = START + timedelta(days=number * 13 - 390)
    bought = tuple(
        Line(product, 1 + (number + place) % 2)
        for place, product in enumerate(dict.fromkeys(PRODUCTS[(number * step) % len(PRODUCTS)] for step in (1, 3, 7)))
    )
    order_id = OrderId(f"o{number}")
    told: list[Event] = [OrderPlaced(user_id=user, order_id=order_id, occurred_at=at, lines=bought)]
    if draw(st.booleans()):
        back = bought[draw(st.integers(0, len(bought) - 1))]
        told.append(
            ItemsReturned(
                user_id=user,
                order_id=order_id,
                return_id=f"r{number}-{back.product_id}",
                occurred_at=at + timedelta(days=1),
                lines=(back,),
            )
        )
    if draw(st.integers(0, 4)) == 0:
        told.append(OrderCancelled(user_id=user, order_id=order_id, occurred_at=at + timedelta(days=2)))
    return told


@st.composite
def products(draw: st.DrawFn) -> list[Event]:
    """One change of one product."""
    kind = draw(st.sampled_from((ProductAdded, ProductAdded, ProductChanged, ProductRetired)))
    product, revision = draw(st.sampled_from(PRODUCTS)), draw(st.integers(1, 6))
    name = NAMES[(PRODUCTS.index(product) * 5 + revision * 3 + len(kind.__name__)) % len(NAMES)]
    return [kind(product_id=product, revision=revision, name=name, price=100 * revision, occurred_at=START)]


@st.composite
def minds(draw: st.DrawFn) -> list[Event]:
    """A user registers or changes their mind."""
    kind = draw(st.sampled_from((UserRegistered, UserRegistered, UserUnsubscribed, UserResubscribed)))
    at = START if kind is UserRegistered else draw(moments)
    return [kind(user_id=draw(st.sampled_from(USERS)), occurred_at=at)]


runs = (
    st.integers(0, 60)
    .map(lambda day: START + timedelta(days=day))
    .map(lambda at: [DayStarted(run=at.date().isoformat(), scheduled_at=at, occurred_at=at)])
)


@st.composite
def histories(draw: st.DrawFn) -> Sequence[Event]:
    """Events in the order they are told: mostly as they happened, some told twice, some out of order.

    Half of the shops begin empty; the other half begin with every user, some products, and a list for everybody.
    """
    groups = st.lists(st.one_of(orders(), orders(), products(), products(), minds(), runs), min_size=3, max_size=30)
    told = opening() if draw(st.booleans()) else []
    told += [event for group in draw(groups) for event in group]
    for _ in range(draw(st.integers(0, 4))):
        here, there = draw(st.integers(0, len(told) - 1)), draw(st.integers(0, len(told) - 1))
        told.insert(there, told[here])
    return told


def opening() -> list[Event]:
    """A shop at work: all but two products, all users, an order of each."""
    told: list[Event] = [
        ProductAdded(product_id=product, revision=1, name=NAMES[number], price=100, occurred_at=START)
        for number, product in enumerate(PRODUCTS[:-2])
    ]
    for number, user in enumerate(USERS):
        told.append(UserRegistered(user_id=user, occurred_at=START))
        bought = (Line(PRODUCTS[number]), Line(PRODUCTS[(number + 3) % len(PRODUCTS)]))
        at = START - timedelta(days=number)
        told.append(OrderPlaced(user_id=user, order_id=OrderId(f"first{number}"), occurred_at=at, lines=bought))
    return told


@st.composite
def histories_of_names(draw: st.DrawFn) -> Sequence[Event]:
    """A shop at work in which products get other names, come and go: by its score alone each may enter any list.

    Names have up to a hundred words, so that they say something in a few dimensions or in most of them.
    """
    random = draw(st.randoms(use_true_random=False))
    longest, words = draw(st.sampled_from((2, 8, 100))), draw(st.sampled_from((6, 40, 400)))

    def change(kind: type[ProductEvent], number: int, revision: int) -> Event:
        name = " ".join(f"word{random.randrange(words)}" for _ in range(random.randint(1, longest)))
        return kind(product_id=ProductId(f"p{number}"), revision=revision, name=name, price=100, occurred_at=START)

    told = [change(ProductAdded, number, 1) for number in range(20)]
    for number, user in enumerate(USERS):
        told.append(UserRegistered(user_id=user, occurred_at=START))
        bought = tuple(Line(ProductId(f"p{each}")) for each in random.sample(range(20), 1 + number))
        told.append(OrderPlaced(user_id=user, order_id=OrderId(f"o{number}"), occurred_at=START, lines=bought))
    kinds = (ProductChanged, ProductChanged, ProductAdded, ProductRetired)
    changes = draw(st.integers(4, 16))
    return told + [change(random.choice(kinds), random.randrange(24), 2 + each) for each in range(changes)]
