"""What the handlers hold."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "cancelled_orders",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "order_id"),
        schema="cutover",
        comment="kept apart from purchases, because the order may be told after its cancellation (backfill)",
    )
    op.create_table(
        "horizons",
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("partition"),
        schema="cutover",
        comment="from when on purchases count, as of the last barrier each partition passed",
    )
    op.create_table(
        "planned_emails",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("personal", sa.Boolean(), nullable=False),
        sa.Column("product_ids", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("scores", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.Column("subscribed", sa.Boolean(), nullable=False),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("run", "user_id"),
        schema="cutover",
        comment="the lists frozen at the barrier; reason: why there is no mail; personal: false for popular products",
    )
    op.create_index(
        "planned_emails_partition", "planned_emails", ["run", "partition", "user_id"], unique=False, schema="cutover"
    )
    op.create_table(
        "popular_products",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("product_ids", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("orders", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run"),
        schema="cutover",
        comment="all that was sold in the four weeks before a run and is active, best first",
    )
    op.create_table(
        "product_versions",
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.Text(collation="C"), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("taste", sa.LargeBinary(), nullable=False),
        sa.Column("match", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        schema="cutover",
        comment="the catalogue as of every log position; vectors are 128 little-endian doubles",
    )
    op.create_index(
        "product_versions_product", "product_versions", ["product_id", "position"], unique=False, schema="cutover"
    )
    op.create_table(
        "purchases",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("product_id", sa.Text(collation="C"), nullable=False),
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("bought", sa.BigInteger(), nullable=False),
        sa.Column("returned", sa.BigInteger(), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "order_id", "product_id"),
        schema="cutover",
        comment="placed_at is NULL while a return is known and its order is not yet",
    )
    op.create_index("purchases_placed", "purchases", ["partition", "placed_at"], unique=False, schema="cutover")
    op.create_index("purchases_product", "purchases", ["product_id", "partition"], unique=False, schema="cutover")
    op.create_table(
        "recommendations",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("product_ids", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("scores", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.Column("direction", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("user_id"),
        schema="cutover",
        comment="the list of every user with a history; direction is the taste at length 1, NULL when it has no length",
    )
    op.create_index("recommendations_partition", "recommendations", ["partition"], unique=False, schema="cutover")
    op.create_table(
        "subscribers",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("registered", sa.Boolean(), nullable=False),
        sa.Column("subscribed", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("user_id"),
        schema="cutover",
    )
    op.create_index("subscribers_partition", "subscribers", ["partition"], unique=False, schema="cutover")


def downgrade() -> None:
    op.drop_index("subscribers_partition", table_name="subscribers", schema="cutover")
    op.drop_table("subscribers", schema="cutover")
    op.drop_index("recommendations_partition", table_name="recommendations", schema="cutover")
    op.drop_table("recommendations", schema="cutover")
    op.drop_index("purchases_product", table_name="purchases", schema="cutover")
    op.drop_index("purchases_placed", table_name="purchases", schema="cutover")
    op.drop_table("purchases", schema="cutover")
    op.drop_index("product_versions_product", table_name="product_versions", schema="cutover")
    op.drop_table("product_versions", schema="cutover")
    op.drop_table("popular_products", schema="cutover")
    op.drop_index("planned_emails_partition", table_name="planned_emails", schema="cutover")
    op.drop_table("planned_emails", schema="cutover")
    op.drop_table("horizons", schema="cutover")
    op.drop_table("cancelled_orders", schema="cutover")
