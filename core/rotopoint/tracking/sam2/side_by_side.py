# SPDX-License-Identifier: GPL-3.0-or-later
"""Subjects side by side on a CPU: threads that each work alone wait less than those that share a product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import torch

MOST = 4
"""Clicks are answered between pictures, and must not wait for more subjects than these."""

ResultT = TypeVar("ResultT")


def most_at_once(threads: int) -> int:
    """How many subjects can share so many threads equally, at most one thread being left over."""
    return max(count for count in range(1, min(threads, MOST) + 1) if threads % count <= 1)


class SideBySide:
    """Runs calls each on a thread of its own with its share of torch's threads.

    The threads stay, and with them the memory that they work in: new ones for each picture took longer.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(MOST, thread_name_prefix="subject")

    def run(self, calls: Sequence[Callable[[], ResultT]]) -> list[ResultT]:
        """Answers of one to MOST calls, in order; once one raises, so does this, after all have ended."""
        threads = torch.get_num_threads()
        share = max(threads // len(calls), 1)

        def alone(call: Callable[[], ResultT]) -> ResultT:
            torch.set_num_threads(share)
            return call()

        answers = [self._pool.submit(alone, call) for call in calls]
        try:
            return [answer.result() for answer in answers]
        finally:
            # Also where a person interrupts: the calls have files open that are about to be closed.
            wait(answers)
            # Torch keeps one number for the process, and OpenMP one for each thread.
            torch.set_num_threads(threads)
