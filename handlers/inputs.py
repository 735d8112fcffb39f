"""Input digests: what the event-driven path saw, in the form of docs/rule.md, "Inputs"."""

import hashlib
from collections.abc import Iterable

from handlers.catalogue import CatalogueView

HISTORY_DIGESTS = """
    SELECT user_id, left(encode(sha256(convert_to(string_agg(
               order_id || '|' || product_id || '|' || (extract(epoch FROM placed_at) * 1000000)::bigint,
               E'\\n' ORDER BY order_id, product_id), 'UTF8')), 'hex'), 16) AS digest
    FROM cutover.purchases
    WHERE partition = :partition AND placed_at >= :since AND bought > returned AND NOT cancelled
    GROUP BY user_id
"""
"""SQL: user_id and digest of the history of every user of :partition who has one since :since."""


def short_digest(rows: Iterable[str]) -> str:
    """SHA-256 of the rows joined by line feeds, hexadecimal, first 16 characters."""
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def catalogue_digest(catalogue: CatalogueView) -> str:
    """The digest of input `catalogue`: every product known at the view's position."""
    versions = {product_id: catalogue.version(row) for row, product_id in enumerate(catalogue.ids)}
    return short_digest(
        f"{product_id}|{int(version.active)}|{version.price}|{version.name}"
        for product_id, version in sorted(versions.items())
        if version is not None
    )


def profile_digest(subscribed: bool, name: str) -> str:
    """The digest of input `profile`."""
    return short_digest([f"{int(subscribed)}|{name}"])
