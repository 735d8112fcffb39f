"""Which column of an order-line file holds what."""

import msgspec

from sandbox.shop.import_errors import BadMapping


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """The names of the columns; those of the Online Retail data set unless told otherwise."""

    order_id: str = "InvoiceNo"
    product_id: str = "StockCode"
    description: str = "Description"
    quantity: str = "Quantity"
    at: str = "InvoiceDate"
    price: str = "UnitPrice"
    user_id: str = "CustomerID"


ONLINE_RETAIL = Mapping()


def parse_mapping(text: str) -> Mapping:
    """The mapping that `text` says, such as `order_id=Order,product_id=SKU`; what it leaves out is as in ONLINE_RETAIL.

    Raises BadMapping.
    """
    fields = Mapping.__struct_fields__
    columns: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        field, _, column = (side.strip() for side in part.partition("="))
        if field not in fields or not column or field in columns:
            raise BadMapping(part=part, fields=", ".join(fields))
        columns[field] = column
    return Mapping(**columns)
