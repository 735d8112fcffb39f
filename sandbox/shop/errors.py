"""What the shop refuses. An error's docstring is its message, so that neither can lie about the other."""


class ShopError(Exception):
    """The shop refuses this."""

    def __init__(self, **facts: object) -> None:
        super().__init__((type(self).__doc__ or "").format(**facts))


class NaiveTime(ShopError):
    """at is {at!s}, which has no time zone; expected a time such as 2026-11-16 09:00:00+00:00"""


class TooEarly(ShopError):
    """{what} at {at!s} would come before {since}; expected a later time"""


class UnknownUser(ShopError):
    """user_id is {user_id!r}; expected a registered user: register the user first"""


class UserExists(ShopError):
    """user_id is {user_id!r}, who is registered already; expected a new user"""


class NotSubscribed(ShopError):
    """user_id is {user_id!r}, who is unsubscribed already; expected a subscribed user"""


class IsSubscribed(ShopError):
    """user_id is {user_id!r}, who is subscribed already; expected an unsubscribed user"""


class UnknownProduct(ShopError):
    """product_id is {product_id!r}; expected a product of the catalogue: add the product first"""


class ProductIsRetired(ShopError):
    """product_id is {product_id!r}, which was retired at {retired_at!s}; expected a product on sale"""


class ProductIsActive(ShopError):
    """product_id is {product_id!r}, which is on sale already; expected a new or a retired product"""


class BadPrice(ShopError):
    """price of product {product_id!r} is {price!r}; expected a whole number of pence, at least 0"""


class UnknownOrder(ShopError):
    """order_id is {order_id!r}; expected an order of user {user_id!r}"""


class OrderExists(ShopError):
    """order_id is {order_id!r}, which was placed already; expected a new order"""


class OrderIsCancelled(ShopError):
    """order_id is {order_id!r}, which was cancelled at {cancelled_at!s}; expected an order that still stands"""


class NoLines(ShopError):
    """lines of {what} {id!r} is empty; expected at least one product"""


class BadQuantity(ShopError):
    """quantity of product {product_id!r} is {quantity!r}; expected a whole number, at least 1"""


class NotBought(ShopError):
    """order {order_id!r} has no product {product_id!r} to return; expected one of: {bought}"""


class TooManyReturned(ShopError):
    """quantity of product {product_id!r} is {quantity}; expected at most the {left} left of order {order_id!r}"""


class ReturnExists(ShopError):
    """return_id is {return_id!r}, which already took something back from order {order_id!r}; expected a new return"""


class BrokenHistory(ShopError):
    """{missing} of {expected} {what} concern what does not exist; expected actions to follow from those before them"""
