# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line."""

from __future__ import annotations

from rotopoint.cli.commands import main

__all__ = ["main"]
