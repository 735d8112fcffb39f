"""Product vectors: hashed from the words of a product's name (docs/rule.md, "Product vectors")."""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 128

Vector = NDArray[np.float64]

_WORDS = re.compile(r"[^\W_]+")


@dataclass(frozen=True, kw_only=True)
class ProductVectors:
    """`taste`: what buying the product says about a user. `match`: what it is matched by. Each 128 doubles."""

    taste: Vector
    match: Vector


def from_name(name: str) -> ProductVectors:
    """Both vectors of a product of this name: equal for now, of length 1, or 0 for a name without words."""
    total = np.zeros(DIMENSIONS)
    for word in set(_WORDS.findall(name.casefold())):
        dimension, sign = _place(word)
        total[dimension] += sign
    length = float(np.sqrt(np.sum(total * total)))
    vector = total / length if length else total
    return ProductVectors(taste=vector, match=vector)


@lru_cache(maxsize=65536)
def _place(word: str) -> tuple[int, float]:
    digest = hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") % DIMENSIONS, 1.0 if digest[4] % 2 == 0 else -1.0
