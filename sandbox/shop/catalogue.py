"""The products of the shop: add, change, retire. Every change counts the product's revision up by one."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from events import ProductAdded, ProductChanged, ProductId, ProductRetired, emit
from sandbox.shop.errors import BadPrice, ProductIsActive, ProductIsRetired, UnknownProduct
from sandbox.shop.schema import products
from sandbox.shop.transaction import Transaction, not_before, utc


def add_product(session: Transaction, product_id: str, name: str, price: int, at: datetime) -> None:
    """Sell a new product, or a retired one again. Raises BadPrice, ProductIsActive."""
    at = utc(at)
    _check_price(product_id, price)
    row = {"product_id": product_id, "name": name, "price": price, "added_at": at, "revision": 1}
    added = session.execute(insert(products).values(row).on_conflict_do_nothing().returning(products.c.revision))
    revision = added.scalar_one_or_none() or _relist(session, product_id, name, price, at)
    event = ProductAdded(product_id=ProductId(product_id), revision=revision, name=name, price=price, occurred_at=at)
    emit(session, event)


def change_product(session: Transaction, product_id: str, name: str, price: int, at: datetime) -> None:
    """Give a product on sale this name and price. Raises BadPrice, UnknownProduct, ProductIsRetired."""
    at = utc(at)
    _check_price(product_id, price)
    _active(session, product_id, at, "changing")
    revision = _revise(session, product_id, name=name, price=price)
    event = ProductChanged(product_id=ProductId(product_id), revision=revision, name=name, price=price, occurred_at=at)
    emit(session, event)


def retire_product(session: Transaction, product_id: str, at: datetime) -> None:
    """Sell a product no longer. Raises UnknownProduct, ProductIsRetired."""
    at = utc(at)
    product = _active(session, product_id, at, "retiring")
    revision = _revise(session, product_id, retired_at=at)
    event = ProductRetired(
        product_id=ProductId(product_id),
        revision=revision,
        name=product.name,
        price=product.price,
        occurred_at=at,
    )
    emit(session, event)


def check_on_sale(session: Transaction, product_ids: list[str]) -> None:
    """Raise UnknownProduct or ProductIsRetired for the first of these that cannot be bought."""
    rows = session.execute(_RETIREMENTS, {"ids": product_ids})
    retired_at = {row.product_id: row.retired_at for row in rows}
    for product_id in product_ids:
        if product_id not in retired_at:
            raise UnknownProduct(product_id=product_id)
        if retired_at[product_id] is not None:
            raise ProductIsRetired(product_id=product_id, retired_at=retired_at[product_id])


_PRODUCT = sa.select(products).where(products.c.product_id == sa.bindparam("id")).with_for_update()
_RETIREMENTS = sa.select(products.c.product_id, products.c.retired_at).where(
    products.c.product_id == sa.func.any(sa.bindparam("ids", type_=sa.ARRAY(sa.Text)))
)


def _relist(session: Transaction, product_id: str, name: str, price: int, at: datetime) -> int:
    product = _locked(session, product_id)
    if product.retired_at is None:
        raise ProductIsActive(product_id=product_id)
    not_before(product.retired_at, at, f"adding product {product_id!r} again", "retiring it")
    return _revise(session, product_id, name=name, price=price, added_at=at, retired_at=None)


def _active(session: Transaction, product_id: str, at: datetime, what: str) -> sa.Row[Any]:
    product = _locked(session, product_id)
    if product.retired_at is not None:
        raise ProductIsRetired(product_id=product_id, retired_at=product.retired_at)
    not_before(product.added_at, at, f"{what} product {product_id!r}", "adding it")
    return product


def _locked(session: Transaction, product_id: str) -> sa.Row[Any]:
    product = session.execute(_PRODUCT, {"id": product_id}).first()
    if product is None:
        raise UnknownProduct(product_id=product_id)
    return product


def _revise(session: Transaction, product_id: str, **values: object) -> int:
    update = sa.update(products).where(products.c.product_id == product_id)
    revised = update.values(revision=products.c.revision + 1, **values).returning(products.c.revision)
    revision: int = session.execute(revised).scalar_one()
    return revision


def _check_price(product_id: str, price: int) -> None:
    if price < 0:
        raise BadPrice(product_id=product_id, price=price)
