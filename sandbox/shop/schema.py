"""The shop's tables: what the main app keeps, and the only place where names and addresses are."""

import sqlalchemy as sa

metadata = sa.MetaData(schema="shop")

MOMENT = sa.DateTime(timezone=True)
ID = sa.Text(collation="C")
"""Ids are compared by code point, whatever the database's own collation."""

users = sa.Table(
    "users",
    metadata,
    sa.Column("user_id", ID, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("registered_at", MOMENT, nullable=False),
    sa.Column("unsubscribed_at", MOMENT, comment="subscribed if and only if null"),
)

products = sa.Table(
    "products",
    metadata,
    sa.Column("product_id", ID, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("price", sa.Integer, nullable=False, comment="in pence"),
    sa.Column("added_at", MOMENT, nullable=False, comment="since when it is sold; relisting starts anew"),
    sa.Column("retired_at", MOMENT, comment="active if and only if null"),
    sa.Column("revision", sa.Integer, nullable=False, comment="1, and one more with every change"),
)

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("order_id", ID, primary_key=True),
    sa.Column("user_id", ID, sa.ForeignKey(users.c.user_id), nullable=False, index=True),
    sa.Column("placed_at", MOMENT, nullable=False),
    sa.Column("cancelled_at", MOMENT),
)

order_lines = sa.Table(
    "order_lines",
    metadata,
    sa.Column("order_id", ID, sa.ForeignKey(orders.c.order_id), primary_key=True),
    sa.Column("product_id", ID, primary_key=True),
    sa.Column("quantity", sa.Integer, sa.CheckConstraint("quantity >= 1"), nullable=False),
    sa.Column("returned", sa.Integer, nullable=False, server_default="0"),
    sa.CheckConstraint("returned between 0 and quantity"),
)

returns = sa.Table(
    "returns",
    metadata,
    sa.Column("return_id", ID, primary_key=True),
    sa.Column("order_id", ID, primary_key=True),
    sa.Column("product_id", ID, primary_key=True),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("returned_at", MOMENT, nullable=False),
)


def create_tables(connection: sa.Connection) -> None:
    """Create the schema and whichever of its tables are missing."""
    connection.execute(sa.schema.CreateSchema("shop", if_not_exists=True))
    metadata.create_all(connection)
