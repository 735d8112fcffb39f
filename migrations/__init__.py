"""Alembic migrations of the schema `cutover`, and how to run them."""
