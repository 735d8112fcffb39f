"""What can happen in a shop. A history is an iterable of actions in the order of their time."""

from datetime import datetime
from typing import TypeAlias

import msgspec

OrderLines: TypeAlias = tuple[tuple[str, int], ...]
"""Pairs of product id and number of pieces."""


class Happening(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something that happens at a time, which must carry a time zone."""

    at: datetime


class RegisterUser(Happening, frozen=True, kw_only=True, gc=False):
    """A user joins, subscribed."""

    user_id: str
    name: str
    email: str


class Unsubscribe(Happening, frozen=True, kw_only=True, gc=False):
    """A user wants no more recommendations by e-mail."""

    user_id: str


class Resubscribe(Happening, frozen=True, kw_only=True, gc=False):
    """A user wants them again."""

    user_id: str


class AddProduct(Happening, frozen=True, kw_only=True, gc=False):
    """A product is sold from now on; also re-lists a retired one. `price` is in pence."""

    product_id: str
    name: str
    price: int


class ChangeProduct(Happening, frozen=True, kw_only=True, gc=False):
    """A product on sale gets another name or price (in pence)."""

    product_id: str
    name: str
    price: int


class RetireProduct(Happening, frozen=True, kw_only=True, gc=False):
    """A product is no longer sold."""

    product_id: str


class PlaceOrder(Happening, frozen=True, kw_only=True, gc=False):
    """A user buys something."""

    order_id: str
    user_id: str
    lines: OrderLines


class CancelOrder(Happening, frozen=True, kw_only=True, gc=False):
    """A whole order becomes void."""

    order_id: str
    user_id: str


class ReturnItems(Happening, frozen=True, kw_only=True, gc=False):
    """So many pieces of one order come back. A return of several orders is one action for each of them."""

    return_id: str
    order_id: str
    user_id: str
    lines: OrderLines


Action: TypeAlias = (
    RegisterUser
    | Unsubscribe
    | Resubscribe
    | AddProduct
    | ChangeProduct
    | RetireProduct
    | PlaceOrder
    | CancelOrder
    | ReturnItems
)
