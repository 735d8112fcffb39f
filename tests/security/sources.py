"""The product's sources, as text."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("console", "reconcile", "shadow", "handlers", "events", "runtime", "legacy_cron", "sandbox", "migrations")


def product_sources() -> list[Path]:
    """Every file of the product in Python."""
    return sorted(path for package in PRODUCT for path in (ROOT / package).rglob("*.py"))
