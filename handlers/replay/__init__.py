"""Replay: one user's outcome computed anew from the log, by the rule or by the rule with one thing changed."""
