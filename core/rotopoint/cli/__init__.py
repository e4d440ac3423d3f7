# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line. This module imports next to nothing, so that it can be interrupted at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code: 0 done, 1 a failure, 2 bad input, 130 cancelled."""
    try:
        from rotopoint.cli.ending import run_to_its_end

        return run_to_its_end(arguments)
    except KeyboardInterrupt:
        # While the imports go on, which take a while on a cold disk.
        if sys.stderr is not None:
            sys.stderr.write("rotopoint: cancelled\n")
        return 130
