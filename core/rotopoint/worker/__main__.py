# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m rotopoint.worker`."""

from __future__ import annotations

from rotopoint.worker.server import main

if __name__ == "__main__":
    main()
