"""E-mails that are wrong: substitutes for what is shown of a product, and for the composer."""

import re
from collections.abc import Sequence
from dataclasses import replace

from handlers.catalogue import CatalogueView
from handlers.composition import Email, Offer, compose
from handlers.emails import offers_of

_PRICE = re.compile(r"£(\d+)\.(\d\d)")


def user_id_as_name(user_id: str, _name: str, offers: Sequence[Offer], personal: bool) -> Email:
    """Greets users by their id."""
    return compose(user_id, user_id, offers, personal=personal)


def intro_swapped(user_id: str, name: str, offers: Sequence[Offer], personal: bool) -> Email:
    """Words popular products as personal ones, and the other way round."""
    return compose(user_id, name, offers, personal=not personal)


def continental_prices(user_id: str, name: str, offers: Sequence[Offer], personal: bool) -> Email:
    """Writes 1205 pence as `12,05 £`."""
    email = compose(user_id, name, offers, personal=personal)
    return replace(email, html=_PRICE.sub(r"\1,\2 £", email.html), text=_PRICE.sub(r"\1,\2 £", email.text))


def offered_at_first_price(view: CatalogueView, product_ids: Sequence[str]) -> list[Offer]:
    """Shows the price each product had when it was added, or added again."""
    return [replace(offer, price=_first_price(view, offer)) for offer in offers_of(view, product_ids)]


def _first_price(view: CatalogueView, offer: Offer) -> int:
    (row,) = view.catalogue.rows([offer.product_id]).tolist()
    price, version = offer.price, view.version(row)
    while version is not None:
        price = version.price
        before = view.catalogue.version(row, version.position - 1)
        version = before if before and before.active else None
    return price
