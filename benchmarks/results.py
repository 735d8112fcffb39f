"""The results: what each benchmark printed last, when, with which code, and on which machine."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.figures import figures_of
from benchmarks.machine import SAME, Machine

RESULTS = Path(__file__).with_name("results.json")


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that something is required of; `value` is None if it was not printed."""

    figure: str
    value: float | None
    required: str
    met: bool


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One benchmark's last run; `seconds` is how long all of it took."""

    at: str
    code: str
    seconds: float
    held: list[Held]
    figures: dict[str, Any]


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, by the name of the benchmark."""

    machine: Machine = {}
    benchmarks: dict[str, Measured] = {}

    def with_figures(self, name: str, figures: Mapping[str, Any], *, code: str, seconds: float) -> "Results":
        """With what a benchmark has just printed instead of what it had printed before."""
        measured = Measured(
            at=datetime.now(UTC).date().isoformat(),
            code=code,
            seconds=round(seconds, 1),
            held=held(name, figures),
            figures=dict(figures),
        )
        return msgspec.structs.replace(self, benchmarks={**self.benchmarks, name: measured})

    def on(self, machine: Machine) -> "Results":
        """To be gone on with on this machine: figures of another one are left out."""
        same = all(self.machine.get(name) == machine.get(name) for name in SAME)
        return Results(machine=machine, benchmarks=self.benchmarks if same else {})

    def figures(self, name: str) -> Mapping[str, Any]:
        """What a benchmark printed; empty if it never ran."""
        return self.benchmarks[name].figures if name in self.benchmarks else {}


def held(name: str, figures: Mapping[str, Any]) -> list[Held]:
    """A benchmark's figures beside what is required of them; one that was not printed is not met."""
    return [
        Held(
            figure=figure.key,
            value=figure.of(figures),
            required=f"{figure.bound.kind} {figure.bound.number:g}",
            met=bool(figure.met(figures)),
        )
        for figure in figures_of(name)
        if figure.bound is not None
    ]


def read(path: Path = RESULTS) -> Results:
    """What the file says; nothing if there is none."""
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.exists() else Results()


def write(results: Results, path: Path = RESULTS) -> None:
    """Put it there, in a form that can be read and compared."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
