# SPDX-License-Identifier: GPL-3.0-or-later
"""How many threads compute unless told otherwise."""

from __future__ import annotations

import os
import sys

THREADS_A_CORE = 4
"""That a person may ask for."""


def default_threads() -> int:
    """All cores that this process may use but one, which stays with whoever watches.

    The count may alter the last bits of a track, so the worker and the command line share it.
    """
    return max(1, _cores() - 1)


def helping_threads() -> int:
    """How many threads read pictures and write mattes at a time.

    Half of the cores, for a model needs the others. On two cores a reader and a writer at once would take
    the model's: a frame took 0.082 s then, and 0.074 s with one at a time.
    """
    return max(1, _cores() // 2)


def most_threads() -> int:
    """More than these gain nothing, and many thousands end the process."""
    return THREADS_A_CORE * max(_cores(), os.cpu_count() or 1)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


SPINS = "10000"
"""Turns that a waiting thread of GNU OpenMP makes before it sleeps: microseconds instead of milliseconds."""


def share_cores() -> None:
    """Let threads that wait soon sleep instead of spin; call this before torch is imported.

    Spinning threads of OpenMP starve each other where other programs want the cores too: beside two busy
    programs on two cores a frame took 1.27 s, and 0.18 s after this (draft model, two threads); on idle
    cores it makes no difference that could be measured. A setting of the user's own stays.
    """
    if any(name in os.environ for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")):
        return
    if sys.platform == "linux":
        os.environ["GOMP_SPINCOUNT"] = SPINS
    else:
        # Torch brings another OpenMP there, which knows the standard's switch alone.
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
