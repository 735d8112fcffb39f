"""The table of docs/simulation.md: for each safeguard the seed that shows its absence, found anew."""

from tests.simulation.playing import Played, first_violation, fleet_on
from tests.simulation.safeguards import SAFEGUARDS, Safeguard

EXCERPT = 8
"""Lines of a trace, the last ones before everything heals."""


def table(url: str) -> str:
    """Markdown: the table, and below it an excerpt of each trace in its shortest form."""
    with fleet_on(url, "simulation_table") as fleet:
        found = [(each, first_violation(fleet, each.seeds, without=each)) for each in SAFEGUARDS]
    head = "| switched off | what stands in its place | seed | breaks |\n|---|---|---|---|\n"
    rows = "".join(_row(each, played) for each, played in found)
    return head + rows + "".join(_excerpt(each, played) for each, played in found)


def _row(safeguard: Safeguard, played: Played | None) -> str:
    shown = f"{played.seed} | {played.invariant}" if played else "— | nothing"
    return f"| {safeguard.name} | {safeguard.without} | {shown} |\n"


def _excerpt(safeguard: Safeguard, played: Played | None) -> str:
    if played is None:
        return ""
    lines = [f"{step:>4}  {who:<9} {what}" for step, who, what in played.trace.lines]
    healed = next(number for number, line in enumerate(lines) if line.endswith("everything heals"))
    shown = "\n".join(line[:118] for line in lines[max(0, healed - EXCERPT) : healed])
    return f"\n**{safeguard.name}** — {(played.violation or '')[:200]}\n\n```\n{shown}\n```\n"
