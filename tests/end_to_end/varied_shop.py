"""A small shop in which every rule decides something: what a path comes to that breaks one of them."""

from datetime import datetime, timedelta

from sandbox.shop.actions import (
    Action,
    AddProduct,
    CancelOrder,
    ChangeProduct,
    PlaceOrder,
    RegisterUser,
    Resubscribe,
    RetireProduct,
    ReturnItems,
    Unsubscribe,
)
from tests.end_to_end.conftest import MONDAY, RUN, Weekly, order, small_shop

DAY_BEFORE = "2026-11-15"
LAST_YEAR = MONDAY - timedelta(weeks=52)
HOUR = timedelta(hours=1)


def lived_through(weekly: Weekly) -> Weekly:
    """Both paths of a day and of the week after it; in both, an order lies behind the barrier."""
    weekly.happen(*small_shop(), *_before_the_day())
    _both_paths(weekly, DAY_BEFORE, order("late", "u3", "p5", days=0.9))
    weekly.happen(*_between_day_and_week())
    _both_paths(weekly, RUN, order("later", "u1", "p5", days=-0.1))
    return weekly


def _both_paths(weekly: Weekly, run: str, *meanwhile: Action) -> None:
    weekly.legacy(run)
    weekly.happen(*meanwhile)
    weekly.settle()


def _before_the_day() -> list[Action]:
    """Old orders come first, so that the shop knows its products and users by then."""
    start = LAST_YEAR - timedelta(days=1)
    return [
        *_people(start),
        *(AddProduct(at=start, product_id=f"old{n}", name=name, price=900) for n, name in enumerate(OLD)),
        # At the very edge of the 52 weeks: half an hour before it, and half an hour behind it.
        PlaceOrder(at=LAST_YEAR - HOUR / 2, order_id="before", user_id="edge", lines=(("old0", 1),)),
        PlaceOrder(at=LAST_YEAR + HOUR / 2, order_id="behind", user_id="edge", lines=(("old1", 1),)),
        order("edge", "edge", "old2", days=100),
        # What a history weighs: by age, not by pieces.
        PlaceOrder(at=MONDAY - timedelta(days=200), order_id="bulk", user_id="edge", lines=(("old3", 40),)),
        order("void", "u1", "p2", days=20),
        order("back", "u2", "p6", "p7", days=20),
        order("part", "u2", "p5", days=20),
        order("popular", "u3", "p9", days=3),
    ]


OLD = ("Enamel Kettle", "Paper Kettle", "Garden Kettle", "Glass Jug")


def _people(start: datetime) -> list[Action]:
    return [
        RegisterUser(at=start, user_id=user, name=user.title(), email=f"{user}@example.com")
        for user in ("edge", "left", "returned")
    ]


def _between_day_and_week() -> list[Action]:
    """Twins by name score the same for everybody, and whoever bought one has the others in the list."""
    at = MONDAY - HOUR
    return [
        *(AddProduct(at=at, product_id=f"twin{n}", name="Garden Lantern", price=5) for n in range(2)),
        ChangeProduct(at=at, product_id="p4", name="Glass Lantern", price=199),
        ChangeProduct(at=at, product_id="p8", name="Glass Enamel Mug", price=108),
        RetireProduct(at=at, product_id="p3"),
        CancelOrder(at=at, order_id="void", user_id="u1"),
        ReturnItems(at=at, return_id="r1", order_id="back", user_id="u2", lines=(("p6", 1), ("p7", 1))),
        Unsubscribe(at=at, user_id="left"),
        Unsubscribe(at=at, user_id="returned"),
        Resubscribe(at=at + HOUR / 2, user_id="returned"),
        order("o9", "u1", "p6"),
    ]
