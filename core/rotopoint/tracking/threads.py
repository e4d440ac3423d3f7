# SPDX-License-Identifier: GPL-3.0-or-later
"""How many threads compute unless told otherwise."""

from __future__ import annotations

import os


def default_threads() -> int:
    """All cores that this process may use but one, which stays with whoever watches.

    The count may alter the last bits of a track, so the worker and the command line share it.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, cores - 1)


def share_cores() -> None:
    """Let threads that wait sleep instead of spin; call this before torch is imported.

    Spinning threads of OpenMP starve each other where other programs want the cores too: with two
    threads on two busy cores a frame took ten times as long (1.12 s against 0.12 s, draft model).
    A setting of the user's own stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
