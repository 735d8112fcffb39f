"""The catalogue while a history is loaded: every product's row, kept in memory until the end."""

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from sandbox.shop.actions import Action, AddProduct, ChangeProduct, RetireProduct
from sandbox.shop.errors import ProductIsActive, ProductIsRetired, UnknownProduct
from sandbox.shop.transaction import utc


class ProductRow(msgspec.Struct):
    """A row of shop.products."""

    name: str
    price: int
    added_at: datetime
    retired_at: datetime | None
    revision: int


class CatalogueState:
    """The products as the tables hold them, and as actions then change them."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        rows = connection.execute(SELECT)
        self.products = {product_id: ProductRow(*values) for product_id, *values in rows}
        self.known = len(self.products)
        self.changed: set[str] = set()

    def take(self, action: Action) -> None:
        """Note what `action` does to the catalogue."""
        match action:
            case AddProduct():
                self._add(action)
            case ChangeProduct():
                product = self._active(action.product_id)
                product.name, product.price = action.name, action.price
                self._revised(action.product_id, product)
            case RetireProduct():
                product = self._active(action.product_id)
                product.retired_at = utc(action.at)
                self._revised(action.product_id, product)
            case _:
                raise TypeError(f"expected an action of the shop, got {action!r}")

    def save(self) -> int:
        """Write the products that changed; returns how many are new."""
        if self.changed:
            self.connection.execute(UPSERT, self._columns())
        return len(self.products) - self.known

    def _add(self, action: AddProduct) -> None:
        before = self.products.get(action.product_id)
        if before is not None and before.retired_at is None:
            raise ProductIsActive(product_id=action.product_id)
        revision = before.revision if before else 0
        product = ProductRow(action.name, action.price, utc(action.at), None, revision)
        self.products[action.product_id] = product
        self._revised(action.product_id, product)

    def _active(self, product_id: str) -> ProductRow:
        product = self.products.get(product_id)
        if product is None:
            raise UnknownProduct(product_id=product_id)
        if product.retired_at is not None:
            raise ProductIsRetired(product_id=product_id, retired_at=product.retired_at)
        return product

    def _revised(self, product_id: str, product: ProductRow) -> None:
        product.revision += 1
        self.changed.add(product_id)

    def _columns(self) -> dict[str, list[Any]]:
        ids = sorted(self.changed)
        rows = [self.products[id_] for id_ in ids]
        fields = ProductRow.__struct_fields__
        return {"product_id": ids} | {field: [getattr(row, field) for row in rows] for field in fields}


SELECT = sa.text("SELECT product_id, name, price, added_at, retired_at, revision FROM shop.products FOR UPDATE")
UPSERT = sa.text("""
    INSERT INTO shop.products (product_id, name, price, added_at, retired_at, revision)
    SELECT * FROM unnest(
        CAST(:product_id AS text[]), CAST(:name AS text[]), CAST(:price AS integer[]),
        CAST(:added_at AS timestamptz[]), CAST(:retired_at AS timestamptz[]), CAST(:revision AS integer[])
    )
    ON CONFLICT (product_id) DO UPDATE SET
        name = excluded.name, price = excluded.price, added_at = excluded.added_at,
        retired_at = excluded.retired_at, revision = excluded.revision
""")
