"""Keep numpy's linear algebra to the calling thread, so that the work is shared out by us."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

_LOCK = threading.Lock()
_INSIDE = [0]
_HELD: list[object] = []


@contextmanager
def one_thread() -> Iterator[None]:
    """Have each matrix product done by the thread that asks for it, while any caller is inside.

    OpenBLAS's threads wait for each other by spinning: on a machine that is busy otherwise, a product that takes one
    thread 1 ms takes two of them 20 (seen with load 4 on two cores).
    """
    with _LOCK:
        _INSIDE[0] += 1
        if _INSIDE[0] == 1:
            _HELD.append(ThreadpoolController().limit(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with _LOCK:
            _INSIDE[0] -= 1
            if not _INSIDE[0]:
                _HELD.pop().restore_original_limits()  # type: ignore[attr-defined]  # the limiter
