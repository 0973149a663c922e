"""Put what repeats further down."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Key = TypeVar("Key")


def diversify(
    ranked: Sequence[tuple[Key, float]], alike: Callable[[Key, Key], float], *, diversity: float, k: int
) -> list[Key]:
    """Choose `k` keys, each for what it is worth less what it repeats of those chosen.

    value = (1 - diversity) * score - diversity * max(alike(key, chosen)); ties in the order given. O(k * candidates).
    Carbonell and Goldstein, The Use of MMR, SIGIR 1998.

    Args:
        ranked: keys and scores, best first.
        alike: how alike two are, 0..1.
    """
    left = list(ranked)
    nearest = [0.0] * len(left)
    chosen: list[Key] = []
    while left and len(chosen) < k:
        worth = [(1 - diversity) * score - diversity * near for (_, score), near in zip(left, nearest, strict=True)]
        place = max(range(len(left)), key=lambda i: (worth[i], -i))
        key, _ = left.pop(place)
        nearest.pop(place)
        chosen.append(key)
        nearest = [max(near, alike(other, key)) for (other, _), near in zip(left, nearest, strict=True)]
    return chosen
