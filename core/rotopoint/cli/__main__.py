# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m rotopoint.cli`."""

from __future__ import annotations

import sys

from rotopoint.cli import main

if __name__ == "__main__":
    sys.exit(main())
