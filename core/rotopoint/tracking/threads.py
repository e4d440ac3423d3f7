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
