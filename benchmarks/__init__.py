"""Figures: what takes how long, and how much memory, measured on the machine at hand."""
