# SPDX-License-Identifier: GPL-3.0-or-later
"""The next picture looked at on a thread of its own, while this one is tracked and its matte made."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from rotopoint.tracking.runtime import Runtime

ResultT = TypeVar("ResultT")


class LookAhead:
    """Works with another thread beside the caller's, where the runtime wants one.

    A context manager: at its end nothing is looked at any more, and what that reads may be closed.
    """

    def __init__(self, runtime: Runtime[Any, Any, Any]) -> None:
        self._runtime = runtime
        self._thread = None
        if runtime.looks_ahead:
            self._thread = ThreadPoolExecutor(1, "look ahead", initializer=runtime.stay_one_thread)

    def beside(self, work: Callable[[], ResultT], look: Callable[[], None] | None) -> ResultT:
        """What `work` gives. `look` begins with it, and may go on after it, while the answer is used."""
        if self._thread is None or look is None:
            return work()
        with self._runtime.one_thread():
            self._thread.submit(look)
            return work()

    def go_on(self, prepare: Callable[[], None]) -> None:
        """Have the other thread do this too, after what it does already. What goes wrong there does so again,
        and is told, where the outcome is needed."""
        if self._thread is not None:
            self._thread.submit(prepare)

    def __enter__(self) -> LookAhead:
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
