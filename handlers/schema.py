"""What the handlers hold: catalogue versions, subscribers, purchases, recommendations, popular products, plans."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData(schema="cutover")

MOMENT = sa.DateTime(timezone=True)
ID = sa.Text(collation="C")

product_versions = sa.Table(
    "product_versions",
    metadata,
    sa.Column("position", sa.BigInteger, primary_key=True),
    sa.Column("product_id", ID, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("price", sa.BigInteger, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("taste", sa.LargeBinary, nullable=False),
    sa.Column("match", sa.LargeBinary, nullable=False),
    sa.Index("product_versions_product", "product_id", "position"),
    comment="the catalogue as of every log position; vectors are 128 little-endian doubles",
)

subscribers = sa.Table(
    "subscribers",
    metadata,
    sa.Column("user_id", ID, primary_key=True),
    sa.Column("partition", sa.SmallInteger, nullable=False),
    sa.Column("registered", sa.Boolean, nullable=False),
    sa.Column("subscribed", sa.Boolean, nullable=False),
    sa.Column("changed_at", MOMENT),
    sa.Index("subscribers_partition", "partition"),
)

purchases = sa.Table(
    "purchases",
    metadata,
    sa.Column("user_id", ID, primary_key=True),
    sa.Column("order_id", ID, primary_key=True),
    sa.Column("product_id", ID, primary_key=True),
    sa.Column("partition", sa.SmallInteger, nullable=False),
    sa.Column("placed_at", MOMENT),
    sa.Column("bought", sa.BigInteger, nullable=False),
    sa.Column("returned", sa.BigInteger, nullable=False),
    sa.Column("cancelled", sa.Boolean, nullable=False),
    sa.Index("purchases_product", "product_id", "partition"),
    sa.Index("purchases_placed", "partition", "placed_at"),
    comment="placed_at is NULL while a return is known and its order is not yet",
)

cancelled_orders = sa.Table(
    "cancelled_orders",
    metadata,
    sa.Column("user_id", ID, primary_key=True),
    sa.Column("order_id", ID, primary_key=True),
    comment="kept apart from purchases, because the order may be told after its cancellation (backfill)",
)

recommendations = sa.Table(
    "recommendations",
    metadata,
    sa.Column("user_id", ID, primary_key=True),
    sa.Column("partition", sa.SmallInteger, nullable=False),
    sa.Column("product_ids", pg.ARRAY(ID), nullable=False),
    sa.Column("scores", pg.ARRAY(sa.Double), nullable=False),
    sa.Column("direction", sa.LargeBinary),
    sa.CheckConstraint("octet_length(direction) = 256", name="recommendations_direction"),
    sa.Index("recommendations_partition", "partition"),
    comment="the list of every user with a history; direction is the taste at length 1, NULL when it has no length",
)

horizons = sa.Table(
    "horizons",
    metadata,
    sa.Column("partition", sa.SmallInteger, primary_key=True),
    sa.Column("since", MOMENT, nullable=False),
    comment="from when on purchases count, as of the last barrier each partition passed",
)

popular_products = sa.Table(
    "popular_products",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("product_ids", pg.ARRAY(ID), nullable=False),
    sa.Column("orders", pg.ARRAY(sa.Double), nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    comment="all that was sold in the four weeks before a run and is active, best first",
)

planned_emails = sa.Table(
    "planned_emails",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("user_id", ID, primary_key=True),
    sa.Column("partition", sa.SmallInteger, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("personal", sa.Boolean, nullable=False),
    sa.Column("product_ids", pg.ARRAY(ID), nullable=False),
    sa.Column("scores", pg.ARRAY(sa.Double), nullable=False),
    sa.Column("subscribed", sa.Boolean, nullable=False),
    sa.Column("inputs", pg.JSONB, nullable=False),
    sa.Index("planned_emails_partition", "run", "partition", "user_id"),
    comment="the lists frozen at the barrier; reason: why there is no mail; personal: false for popular products",
)
