"""How many of something, as people say it."""


def how_many(number: int, what: str) -> str:
    """So many of what is told in the singular: `1 pair`, `2,000 pairs`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
