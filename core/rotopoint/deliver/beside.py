# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that goes on beside its source, with results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def beside(
    items: Iterable[ItemT], work: Callable[[ItemT], ResultT], threads: int, waiting: int
) -> Generator[tuple[ItemT, ResultT]]:
    """Each item with what `work` gives for it, in the order of `items`.

    `work` runs on `threads` threads while the next items are made; at most `waiting` items are under way
    at a time. Where `items` or `work` raises, and where the generator is closed, no further work begins,
    and what has begun is waited for.
    """
    under_way: deque[tuple[ItemT, Future[ResultT]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="beside")
    try:
        for item in items:
            under_way.append((item, pool.submit(work, item)))
            while under_way and (under_way[0][1].done() or len(under_way) >= waiting):
                first, future = under_way.popleft()
                yield first, future.result()
        for first, future in under_way:
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
