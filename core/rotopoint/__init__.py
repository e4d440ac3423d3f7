# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotopoint's engine: from points on a clip to mattes. Importing it needs NumPy alone."""

__version__ = "0.1.0"
