"""Delivery: the send ledger, the provider, the pace, and what became of every e-mail."""
