# SPDX-License-Identifier: GPL-3.0-or-later
"""Pairs of timings: what is compared runs in turn, so that a machine's drift meets all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Seconds:
    """`cpu` counts all threads of the process."""

    wall: float
    cpu: float


def timed(work: Callable[[], object]) -> Seconds:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Seconds(time.perf_counter() - wall, time.process_time() - cpu)


Rounds = Mapping[str, list[Seconds]]
"""By contestant, one timing a round; those of one index ran right after each other."""


def in_turn(contestants: Mapping[str, Callable[[], object]], rounds: int) -> Rounds:
    """Let each contestant do its work once a round; the order turns round from round to round."""
    results: dict[str, list[Seconds]] = {name: [] for name in contestants}
    for number in range(rounds):
        names = list(contestants)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            results[name].append(timed(contestants[name]))
    return results


def middle(seconds: list[Seconds]) -> Seconds:
    return Seconds(median(s.wall for s in seconds), median(s.cpu for s in seconds))


def ratio(slow: list[Seconds], fast: list[Seconds]) -> Seconds:
    """The median over pairs of how many times longer the first took."""
    pairs = list(zip(slow, fast, strict=True))
    return Seconds(median(a.wall / b.wall for a, b in pairs), median(a.cpu / b.cpu for a, b in pairs))
