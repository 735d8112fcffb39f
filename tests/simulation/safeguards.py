"""The safeguards, each with a schedule that shows what a system without it would be."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.simulation import switched_off
from tests.simulation.database import Database

Off = Callable[[Database], AbstractContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class Safeguard:
    """`without`: what stands in its place while it is `off`. `breaks`: the invariants that then do not hold.

    `seeds` are schedules which show it, and which are clean with the safeguard.
    """

    name: str
    without: str
    breaks: frozenset[str]
    seeds: tuple[int, ...]
    off: Off


SAFEGUARDS: Sequence[Safeguard] = (
    Safeguard(
        name="compare-and-set",
        without="two statements read and claim a row; the trigger `check_change` and the senders' turns are off",
        breaks=frozenset({"I2"}),
        seeds=(257,),
        off=switched_off.no_compare_and_set,
    ),
    Safeguard(
        name="fencing",
        without="an answer is taken from any attempt",
        breaks=frozenset({"I2", "I3"}),
        seeds=(5185,),
        off=switched_off.no_fencing,
    ),
    Safeguard(
        name="lease-check",
        without="a claim is sent however long ago it was made",
        breaks=frozenset({"I2"}),
        seeds=(460,),
        off=switched_off.no_lease_check,
    ),
    Safeguard(
        name="commit-before-call",
        without="the claim is committed together with what came of it",
        breaks=frozenset({"I2"}),
        seeds=(0,),
        off=switched_off.no_commit_before_call,
    ),
    Safeguard(
        name="one-transaction",
        without="the checkpoint is moved by a second transaction",
        breaks=frozenset({"I1", "I4"}),
        seeds=(166,),
        off=switched_off.checkpoint_apart,
    ),
    Safeguard(
        name="as-of",
        without="the catalogue is always the newest one",
        breaks=frozenset({"I4", "I6"}),
        seeds=(3,),
        off=switched_off.no_as_of,
    ),
    Safeguard(
        name="deduplication",
        without="the sequencer logs whatever it finds; the log's unique event id is off",
        breaks=frozenset({"I1"}),
        seeds=(2,),
        off=switched_off.no_deduplication,
    ),
    Safeguard(
        name="monotone-news",
        without="the news that come last are kept; the trigger `check_news` is off",
        breaks=frozenset({"I3"}),
        seeds=(0,),
        off=switched_off.not_monotone,
    ),
    Safeguard(
        name="barrier",
        without="a batch is folded whole before lists are frozen",
        breaks=frozenset({"I6"}),
        seeds=(1,),
        off=switched_off.no_barrier,
    ),
    Safeguard(
        name="sequencer-lock",
        without="sequencers compete for rows (SKIP LOCKED); the log's primary key is off",
        breaks=frozenset({"I1"}),
        seeds=(17,),
        off=switched_off.no_sequencer_lock,
    ),
    Safeguard(
        name="low-water",
        without="the outbox is read above the last id given out, whoever may still commit a lower one",
        breaks=frozenset({"I1"}),
        seeds=(67,),
        off=switched_off.no_low_water,
    ),
)
