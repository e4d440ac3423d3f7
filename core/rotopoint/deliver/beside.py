# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that goes on beside its source, with results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

ATTENTION = 0.03
"""Seconds of waiting between two looks at what else there is."""


def beside(
    items: Iterable[ItemT],
    work: Callable[[ItemT], ResultT],
    threads: int,
    waiting: int,
    meanwhile: Callable[[], None] | None = None,
) -> Generator[tuple[ItemT, ResultT]]:
    """Each item with what `work` gives for it, in the order of `items`.

    `work` runs on `threads` threads while the next items are made; at most `waiting` items are under way
    at a time. While a result is waited for, `meanwhile` is called again and again. Where one of the three
    raises, and where the generator is closed, no further work begins, and what has begun is waited for.
    """
    under_way: deque[tuple[ItemT, Future[ResultT]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="beside")

    def first() -> tuple[ItemT, ResultT]:
        item, future = under_way.popleft()
        while meanwhile is not None and not wait([future], ATTENTION).done:
            meanwhile()
        return item, future.result()

    try:
        for item in items:
            under_way.append((item, pool.submit(work, item)))
            while under_way and (under_way[0][1].done() or len(under_way) >= waiting):
                yield first()
        while under_way:
            yield first()
    finally:
        pool.shutdown(cancel_futures=True)
