"""A shop that is the main app: its tables, what can happen in it, and where its past comes from."""
