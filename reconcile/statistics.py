"""How sure one can be: bounds on the rate of mismatches among all pairs that could have been compared.

Both rest on the pairs being a fair sample of the pairs to come, independent of each other. Users who come back every
day are not quite that: the bounds say what chance alone can hide, and not what never happened in these weeks.
"""

from functools import cache
from importlib import import_module
from math import log
from types import ModuleType

CONFIDENCE = 0.95

PRIOR = (0.5, 500.0)
"""Where the bound for many looks is sharpest: at rates of about 0.5 in 500. It holds at any rate, whatever this is."""


def upper_bound(mismatches: int, pairs: int, confidence: float = CONFIDENCE) -> float:
    """The exact one-sided upper bound of a rate, of which `mismatches` in `pairs` were seen; 1 if nothing was.

    Clopper and Pearson, Biometrika 26 (1934). With 0 in n it is about 3/n. It holds for one look.
    """
    if pairs <= mismatches:
        return 1.0
    return float(_special().betaincinv(mismatches + 1, pairs - mismatches, confidence))


def lasting_bound(mismatches: int, pairs: int, confidence: float = CONFIDENCE) -> float:
    """An upper bound of a rate that holds at every look at once, however often one looks and whenever one stops.

    At looks at one sample that grows. Another sample, such as a week that begins a day later, is another chance to err.

    The likelihood ratio of a mixture of rates to the true rate is a martingale of mean 1, and by Ville's inequality
    reaches 1/α with probability at most α (Robbins, Ann. Math. Statist. 41, 1970). Rates above the bound would make it
    that large; the mixture is PRIOR's beta distribution.
    """
    if pairs <= mismatches:
        return 1.0
    a, b = PRIOR
    mixed = _special().betaln(a + mismatches, b + pairs - mismatches) - _special().betaln(a, b)
    seen = mismatches / pairs
    low, high = seen, 1.0
    for _ in range(200):
        rate = (low + high) / 2
        likelihood = (mismatches * log(rate) if mismatches else 0.0) + (pairs - mismatches) * log(1 - rate)
        low, high = (rate, high) if mixed - likelihood < log(1 / (1 - confidence)) else (low, rate)
        if high - low < 1e-15:
            break
    return high


def interval(seen: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact two-sided interval of a rate (Clopper and Pearson); (0, 1) if nothing was tried."""
    if not trials:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = float(_special().betaincinv(seen, trials - seen + 1, tail)) if seen else 0.0
    high = float(_special().betaincinv(seen + 1, trials - seen, 1 - tail)) if seen < trials else 1.0
    return low, high


@cache
def _special() -> ModuleType:
    """SciPy, when first needed: its threads must not be there before a worker forks, and importing it takes a while."""
    return import_module("scipy.special")
