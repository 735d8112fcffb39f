"""The benchmark of reconciliation runs, at a size at which its figures mean nothing."""

import pytest

from benchmarks.flat_pairs import DatacompyMissing, refuse_without_datacompy
from benchmarks.reconcile import measure

KEYS = {"deepdiff_ratio", "nested_pairs", "nested_mismatches", "nested_seconds", "deepdiff_seconds", "recheck_ms"}
FLAT_KEYS = {"datacompy_ratio", "peak_mb", "flat_pairs", "flat_mismatches", "datacompy_seconds", "datacompy_peak_mb"}


def test_nested_pairs_are_held_to_deepdiff_and_looked_at_again(postgres_url: str) -> None:
    figures = measure(postgres_url, pairs=300, sample=50, flat=0)
    assert figures.keys() >= KEYS
    assert (figures["nested_pairs"], figures["nested_mismatches"]) == (300, 3)
    assert figures["recheck_ms"].keys() == {"0", "10", "100"}  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore:the argument `join_nulls`:DeprecationWarning")  # datacompy's, of polars
def test_flat_pairs_are_held_to_datacompy(postgres_url: str) -> None:
    try:
        refuse_without_datacompy()
    except DatacompyMissing as missing:
        pytest.skip(str(missing))
    figures = measure(postgres_url, pairs=100, sample=10, flat=5_000)
    assert figures.keys() >= KEYS | FLAT_KEYS
    assert (figures["flat_pairs"], figures["flat_mismatches"]) == (5_000, 5)
